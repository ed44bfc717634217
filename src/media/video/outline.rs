//! The boxes on the top level of a file: found without reading what most of them hold.

use std::io::{self, Read, Seek, SeekFrom};

use super::VideoFlaw;
use crate::media::boxes::Boxed;
use crate::media::fields::place;

/// More boxes than any video has on its top level, fragments included.
const MOST_BOXES: u32 = 1_000_000;
/// More than any box has that is read, in bytes.
const MOST_READ: u64 = 64 << 20;

/// A box of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    name: [u8; 4],
    pub(super) at: u64,
    header: u64,
    size: u64,
}

impl Spot {
    /// Name and place of the box that begins at a place.
    fn find(file: &mut (impl Read + Seek), at: u64, end: u64) -> Result<Self, VideoFlaw> {
        if end - at < 8 {
            return Err(VideoFlaw::Cut);
        }
        file.seek(SeekFrom::Start(at))?;
        let (size, name) = (u64::from(u32::from_be_bytes(read(file)?)), read(file)?);
        let (header, size) = match size {
            // To the end of the file: whether that is all of it, the tables tell.
            0 => (8, end - at),
            1 if end - at >= 16 => (16, u64::from_be_bytes(read(file)?)),
            size => (8, size),
        };
        if size < header || size > end - at {
            return Err(VideoFlaw::Cut);
        }
        Ok(Self { name, at, header, size })
    }

    pub(super) fn end(&self) -> u64 {
        self.at + self.size
    }

    /// What is in it.
    pub(super) fn read(&self, file: &mut (impl Read + Seek)) -> Result<Vec<u8>, VideoFlaw> {
        let size = self.size - self.header;
        if size > MOST_READ {
            return Err(VideoFlaw::Tables);
        }
        file.seek(SeekFrom::Start(self.at + self.header))?;
        let mut body = vec![0; place(size)];
        file.read_exact(&mut body)?;
        Ok(body)
    }

    /// The box with what is in it.
    pub(super) fn with<'a>(&self, body: &'a [u8]) -> Boxed<'a> {
        Boxed { name: self.name, body, at: place(self.at) }
    }
}

fn read<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What a file is made of.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) length: u64,
    pub(super) moov: Option<Spot>,
    /// Where samples may be: from and to, ascending.
    pub(super) data: Vec<(u64, u64)>,
    pub(super) moofs: Vec<Spot>,
    pub(super) sidx: Option<Spot>,
    /// How many more of these there are.
    pub(super) more_sidx: u32,
    /// The index of fragments at the end of a file.
    pub(super) mfra: Option<Spot>,
}

impl Outline {
    /// Walks a file of `length` bytes, which its boxes have to fill exactly.
    pub(super) fn of(file: &mut (impl Read + Seek), length: u64) -> Result<Self, VideoFlaw> {
        let mut outline = Self { length, ..Self::default() };
        let mut at = 0;
        for _ in 0..MOST_BOXES {
            if at == length {
                return Ok(outline);
            }
            let spot = Spot::find(file, at, length)?;
            at = spot.end();
            outline.note(spot);
        }
        Err(VideoFlaw::Tables)
    }

    fn note(&mut self, spot: Spot) {
        match &spot.name {
            b"moov" => self.moov = Some(spot),
            b"mdat" | b"imda" => self.data.push((spot.at + spot.header, spot.end())),
            b"moof" => self.moofs.push(spot),
            b"mfra" => self.mfra = Some(spot),
            b"sidx" if self.sidx.is_some() => self.more_sidx += 1,
            b"sidx" => self.sidx = Some(spot),
            _ => {}
        }
    }
}

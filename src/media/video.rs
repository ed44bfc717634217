//! Bytes of a download: whether they are a whole video, and how long it plays.
//!
//! A server that cuts a body short may look honest while it does, so a length that fits is not
//! enough: the boxes of an MP4 (ISO/IEC 14496-12) have to fill the file exactly.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

/// What a whole video says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Video {
    /// How long it plays, from its `mvhd` box; `None` where that does not know.
    pub length: Option<Duration>,
}

/// Why bytes are no whole video.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A page for people: an error page, a login, a captive portal.
    #[error("it is a web page, not a video")]
    Page,
    /// Something else.
    #[error("it is not an MP4")]
    Other,
    /// The last box ends beyond the file.
    #[error("the video is cut off")]
    Cut,
    /// Whole boxes, but one that a player needs is missing.
    #[error("the video has no `{0}` box")]
    Lacks(&'static str),
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// More boxes than any video has on its top level, fragments included.
const MOST_BOXES: u32 = 1_000_000;

/// Walks the boxes of a file of `length` bytes.
///
/// # Errors
/// Says why it is no whole MP4.
pub fn check(file: &mut (impl Read + Seek), length: u64) -> Result<Video, Unfit> {
    file.seek(SeekFrom::Start(0))?;
    look_at_start(file, length)?;
    let (mut moov, mut mdat) = (None, false);
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        if at == length {
            break;
        }
        let (name, header, size) = read_box(file, at, length)?;
        match &name {
            b"moov" => moov = Some((at + header, at + size)),
            b"mdat" => mdat = true,
            _ => {}
        }
        at += size;
    }
    match (moov, mdat) {
        _ if at != length => Err(Unfit::Cut),
        (None, _) => Err(Unfit::Lacks("moov")),
        (_, false) => Err(Unfit::Lacks("mdat")),
        (Some((start, end)), true) => Ok(Video { length: movie_length(file, start, end)? }),
    }
}

fn look_at_start(file: &mut impl Read, length: u64) -> Result<(), Unfit> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    if length == 0 || start.is_empty() {
        return Err(Unfit::Empty);
    }
    if start.get(4..8) == Some(b"ftyp") {
        return Ok(());
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
    if text.starts_with(b"<") { Err(Unfit::Page) } else { Err(Unfit::Other) }
}

/// Name, length of the header and length of the whole box at a place.
fn read_box(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
) -> Result<([u8; 4], u64, u64), Unfit> {
    if end - at < 8 {
        return Err(Unfit::Cut);
    }
    file.seek(SeekFrom::Start(at))?;
    let (size, name) = (u64::from(u32::from_be_bytes(read(file)?)), read(file)?);
    let (header, size) = match size {
        // To the end of the file; cannot be told from a cut one, but the length was compared.
        0 => (8, end - at),
        1 if end - at >= 16 => (16, u64::from_be_bytes(read(file)?)),
        size => (8, size),
    };
    if size < header || size > end - at {
        return Err(Unfit::Cut);
    }
    Ok((name, header, size))
}

fn read<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn movie_length(
    file: &mut (impl Read + Seek),
    mut at: u64,
    end: u64,
) -> Result<Option<Duration>, Unfit> {
    while at < end {
        let (name, header, size) = read_box(file, at, end)?;
        if &name == b"mvhd" {
            file.seek(SeekFrom::Start(at + header))?;
            return Ok(header_length(file)?);
        }
        at += size;
    }
    Err(Unfit::Lacks("mvhd"))
}

/// The duration of an `mvhd` box, of either version.
fn header_length(file: &mut impl Read) -> io::Result<Option<Duration>> {
    let [version, ..] = read::<4>(file)?;
    let (scale, units) = if version == 1 {
        read::<16>(file)?;
        (u32::from_be_bytes(read(file)?), u64::from_be_bytes(read(file)?))
    } else {
        read::<8>(file)?;
        let (scale, units) = (read(file)?, u32::from_be_bytes(read(file)?));
        // All ones mean that nobody knows.
        (u32::from_be_bytes(scale), if units == u32::MAX { u64::MAX } else { units.into() })
    };
    let known = scale > 0 && units != u64::MAX;
    let millis = u128::from(units) * 1000 / u128::from(scale.max(1));
    Ok(known.then(|| Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes(), name.as_slice(), body].concat()
    }

    fn mvhd(scale: u32, units: u32) -> Vec<u8> {
        let body = [&[0; 12][..], &scale.to_be_bytes(), &units.to_be_bytes(), &[0; 80]].concat();
        boxed(b"mvhd", &body)
    }

    fn video() -> Vec<u8> {
        let moov = boxed(b"moov", &[boxed(b"udta", b"x"), mvhd(600, 900)].concat());
        [boxed(b"ftyp", b"isom0000"), moov, boxed(b"mdat", &[7; 500])].concat()
    }

    fn checked(bytes: &[u8]) -> Result<Video, Unfit> {
        check(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_whole_video_tells_its_length() {
        assert_eq!(checked(&video()).unwrap().length, Some(Duration::from_millis(1500)));
        let long = [&[1, 0, 0, 0][..], &[0; 16], &600_u32.to_be_bytes(), &1200_u64.to_be_bytes()];
        let moov = boxed(b"moov", &boxed(b"mvhd", &long.concat()));
        let large = [&1_u32.to_be_bytes()[..], b"mdat", &20_u64.to_be_bytes(), &[7; 4]].concat();
        let bytes = [boxed(b"ftyp", b""), moov, large].concat();
        assert_eq!(checked(&bytes).unwrap().length, Some(Duration::from_secs(2)));
        let unknown = [boxed(b"ftyp", b""), boxed(b"mdat", b""), boxed(b"moov", &mvhd(0, 1))];
        assert_eq!(checked(&unknown.concat()).unwrap().length, None);
    }

    #[test]
    fn a_video_that_is_cut_anywhere_is_noticed() {
        let video = video();
        for length in 0..video.len() {
            assert!(checked(&video[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn what_is_no_video_is_called_by_its_name() {
        assert!(matches!(checked(b""), Err(Unfit::Empty)));
        assert!(matches!(checked(b"\n<!doctype html><p>Sorry"), Err(Unfit::Page)));
        assert!(matches!(checked(b"\xef\xbb\xbf<?xml version"), Err(Unfit::Page)));
        assert!(matches!(checked(b"{\"error\": \"expired\"}"), Err(Unfit::Other)));
        let silent = [boxed(b"ftyp", b""), boxed(b"mdat", b"")].concat();
        assert!(matches!(checked(&silent), Err(Unfit::Lacks("moov"))));
        let mut wild = video();
        wild[16..20].copy_from_slice(&[0, 0, 0, 7]);
        assert!(matches!(checked(&wild), Err(Unfit::Cut)));
    }
}

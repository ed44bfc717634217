//! ZIP archives, as far as spreadsheets are ones: a directory at the end, and parts that are stored
//! or deflated. Nothing in it is believed before it was compared with what is there.

use std::collections::HashMap;
use std::io::{self, BufReader, Error, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{Input, Problem, unreadable};

/// What all parts together may unpack to: a million rows of a thousand bytes, twice.
const MOST: u64 = 2 << 30;

/// No spreadsheet has so many parts, and no directory is so large.
const MOST_PARTS: usize = 10_000;
const LARGEST_DIRECTORY: u64 = 4 << 20;

/// How far from the end of a file its directory may be named: behind it stands a comment.
const TAIL: u64 = 65_557;

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x07";

/// An archive whose directory was read.
pub(super) struct Package {
    input: Box<dyn Input>,
    parts: HashMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: u64,
    start: u64,
}

/// A part as it is unpacked.
pub(super) type Part<'p> = BufReader<Checked<'p>>;

/// Whatever bytes of a part: not more than there may be, and those that were packed.
pub(super) struct Checked<'p> {
    input: Box<dyn Read + 'p>,
    crc: Crc,
    expected: u32,
    left: u64,
}

impl Package {
    pub(super) fn open(mut input: Box<dyn Input>) -> Result<Self, Problem> {
        let parts = directory(&mut input).map_err(|error| unreadable(&error))?;
        Ok(Self { input, parts })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    /// The part of a name.
    pub(super) fn part(&mut self, name: &str) -> Result<Part<'_>, Problem> {
        let entry = self.entry(name)?;
        unpacked(&mut self.input, entry).map_err(|error| unreadable(&error))
    }

    /// The same, and nothing else any more.
    pub(super) fn into_part(self, name: &str) -> Result<Part<'static>, Problem> {
        let entry = self.entry(name)?;
        unpacked(self.input, entry).map_err(|error| unreadable(&error))
    }

    fn entry(&self, name: &str) -> Result<Entry, Problem> {
        match self.parts.get(name) {
            None => Err(unreadable(&Error::other(format!("it has no part `{name}`")))),
            Some(entry) if entry.encrypted => Err(Problem::file(
                "the spreadsheet is protected by a password",
                "save it again without a password",
            )),
            Some(entry) => Ok(*entry),
        }
    }
}

fn unpacked<'p, I: Read + Seek + 'p>(mut input: I, entry: Entry) -> io::Result<Part<'p>> {
    input.seek(SeekFrom::Start(entry.start))?;
    let head = bytes::<30, _>(&mut input)?;
    if !head.starts_with(b"PK\x03\x04") {
        return Err(damaged());
    }
    let skip = i64::from(u16_at(&head, 26)) + i64::from(u16_at(&head, 28));
    input.seek(SeekFrom::Current(skip))?;
    let packed = BufReader::new(input.take(entry.packed));
    let input: Box<dyn Read + 'p> = match entry.method {
        0 => Box::new(packed),
        8 => Box::new(DeflateDecoder::new(packed)),
        _ => return Err(Error::other("a part of it is compressed in a way that is not known")),
    };
    Ok(BufReader::with_capacity(
        1 << 16,
        Checked { input, crc: Crc::new(), expected: entry.crc, left: MOST },
    ))
}

impl Read for Checked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(into)?;
        self.crc.update(&into[..count]);
        self.left = self.left.checked_sub(count as u64).ok_or_else(bomb)?;
        if count == 0 && !into.is_empty() && self.crc.sum() != self.expected {
            return Err(damaged());
        }
        Ok(count)
    }
}

fn damaged() -> Error {
    Error::other("the spreadsheet is damaged or cut")
}

fn bomb() -> Error {
    Error::other("it unpacks to more than 2 GiB")
}

fn directory(input: &mut Box<dyn Input>) -> io::Result<HashMap<String, Entry>> {
    let (start, length) = find_directory(input)?;
    if length > LARGEST_DIRECTORY {
        return Err(damaged());
    }
    input.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    let mut parts = HashMap::new();
    let mut rest = &bytes[..];
    while rest.starts_with(b"PK\x01\x02") && parts.len() < MOST_PARTS {
        let (name, entry, length) = entry(rest).ok_or_else(damaged)?;
        parts.insert(name, entry);
        rest = rest.get(length..).ok_or_else(damaged)?;
    }
    Ok(parts)
}

/// Where the directory is, and how long.
fn find_directory(input: &mut Box<dyn Input>) -> io::Result<(u64, u64)> {
    let length = input.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(TAIL);
    input.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    input.take(TAIL).read_to_end(&mut tail)?;
    let at = tail.windows(4).rposition(|four| four == END).ok_or_else(damaged)?;
    let end = tail.get(at..at + 22).ok_or_else(damaged)?;
    let (start, length) = (u32_at(end, 16), u32_at(end, 12));
    let locator = at.checked_sub(20).and_then(|at| tail.get(at..at + 20));
    match locator {
        Some(locator) if start == u32::MAX && locator.starts_with(END_64) => {
            input.seek(SeekFrom::Start(u64_at(locator, 8)))?;
            let end = bytes::<56, _>(input)?;
            Ok((u64_at(&end, 48), u64_at(&end, 40)))
        }
        _ => Ok((start.into(), length.into())),
    }
}

/// The first entry of a directory, and how long it is.
fn entry(bytes: &[u8]) -> Option<(String, Entry, usize)> {
    let head = bytes.get(..46)?;
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(head, at)));
    let text = bytes.get(46..46 + name)?;
    let more = bytes.get(46 + name..46 + name + extra)?;
    let (packed, whole, start) = (u32_at(head, 20), u32_at(head, 24), u32_at(head, 42));
    let mut large = large(more).into_iter();
    let mut value = |small: u32| if small == u32::MAX { large.next() } else { Some(small.into()) };
    // In this order, and only those that do not fit their places.
    let (_whole, packed, start) = (value(whole)?, value(packed)?, value(start)?);
    let entry = Entry {
        method: u16_at(head, 10),
        encrypted: u16_at(head, 8) & 1 == 1,
        crc: u32_at(head, 16),
        packed,
        start,
    };
    Some((String::from_utf8_lossy(text).into_owned(), entry, 46 + name + extra + comment))
}

/// The numbers of 64 bits among an entry's extra fields.
fn large(extra: &[u8]) -> Vec<u64> {
    let mut rest = extra;
    while rest.len() >= 4 {
        let (kind, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
        let Some(field) = rest.get(4..4 + length) else { break };
        if kind == 1 {
            return field.chunks_exact(8).map(|chunk| u64_at(chunk, 0)).collect();
        }
        rest = &rest[4 + length..];
    }
    Vec::new()
}

fn bytes<const N: usize, R: Read>(input: &mut R) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(|_| damaged())?;
    Ok(bytes)
}

/// Little-endian; zero beyond the end.
fn number_at(bytes: &[u8], at: usize, length: usize) -> u64 {
    let part = bytes.get(at..at + length).unwrap_or_default();
    part.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    number_at(bytes, at, 8)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(number_at(bytes, at, 4)).unwrap_or(u32::MAX)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::try_from(number_at(bytes, at, 2)).unwrap_or(u16::MAX)
}

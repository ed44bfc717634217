//! The shared strings of an .xlsx: in memory while they are few, in scratch files when they are not.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::package::Part;
use super::xml::{Piece, Xml};
use super::{Files, LONGEST, Problem, Scratch, unreadable};

/// What is held of their text; their places take as much again at the most.
const HELD: usize = 4 << 20;

/// All strings, by number.
pub(super) enum Strings {
    Held(Vec<Box<str>>),
    Filed(Filed),
}

/// Strings in scratch files: one of their text, one of the end of each.
pub(super) struct Filed {
    text: io::BufWriter<Box<dyn Scratch>>,
    ends: io::BufWriter<Box<dyn Scratch>>,
    length: u64,
    count: u64,
}

impl Strings {
    pub(super) fn none() -> Self {
        Self::Held(Vec::new())
    }

    pub(super) fn read(part: Part<'_>, files: &dyn Files) -> Result<Self, Problem> {
        let mut strings = Self::none();
        let mut held = 0;
        each(Xml::of(part), |text| {
            held += text.len() + size_of::<Box<str>>();
            strings.push(text).map_err(|error| unreadable(&error))?;
            match &mut strings {
                Self::Held(list) if held > HELD => {
                    let filed = Filed::of(std::mem::take(list), files);
                    strings = Self::Filed(filed.map_err(|error| no_scratch(&error))?);
                }
                Self::Held(_) | Self::Filed(_) => {}
            }
            Ok(())
        })?;
        if let Self::Filed(filed) = &mut strings {
            filed.flush().map_err(|error| no_scratch(&error))?;
        }
        Ok(strings)
    }

    fn push(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Held(list) => {
                list.push(text.into());
                Ok(())
            }
            Self::Filed(filed) => filed.push(text),
        }
    }

    pub(super) fn get(&mut self, number: u64) -> io::Result<Option<String>> {
        match self {
            Self::Held(list) => {
                let text = usize::try_from(number).ok().and_then(|number| list.get(number));
                Ok(text.map(|text| text.to_string()))
            }
            Self::Filed(filed) => filed.get(number),
        }
    }
}

impl Filed {
    fn of(list: Vec<Box<str>>, files: &dyn Files) -> io::Result<Self> {
        let (text, ends) = (files.scratch()?, files.scratch()?);
        let [text, ends] = [text, ends].map(|file| io::BufWriter::with_capacity(1 << 16, file));
        let mut filed = Self { text, ends, length: 0, count: 0 };
        list.iter().try_for_each(|text| filed.push(text))?;
        Ok(filed)
    }

    fn push(&mut self, text: &str) -> io::Result<()> {
        self.text.write_all(text.as_bytes())?;
        self.length += text.len() as u64;
        self.count += 1;
        self.ends.write_all(&self.length.to_le_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.text.flush()?;
        self.ends.flush()
    }

    fn get(&mut self, number: u64) -> io::Result<Option<String>> {
        if number >= self.count {
            return Ok(None);
        }
        // The end of the one before is where this one begins.
        let mut places = [0; 16];
        let (from, into) = match number {
            0 => (0, &mut places[8..]),
            _ => ((number - 1) * 8, &mut places[..]),
        };
        let ends = self.ends.get_mut();
        ends.seek(SeekFrom::Start(from))?;
        ends.read_exact(into)?;
        let place = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let (start, end) = (place(&places[..8]), place(&places[8..]));
        let mut bytes =
            vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0).min(LONGEST)];
        let text = self.text.get_mut();
        text.seek(SeekFrom::Start(start))?;
        text.read_exact(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn no_scratch(error: &io::Error) -> Problem {
    Problem::file(
        format!("the spreadsheet's text does not fit into memory, nor on the disk: {error}"),
        "make room where temporary files are kept (TMPDIR), or save the table as CSV UTF-8",
    )
}

/// Hands on the text of each string: that of all its runs, without how it is to be read aloud.
fn each(
    mut xml: Xml<'_>,
    mut take: impl FnMut(&str) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (mut text, mut in_text, mut aloud) = (String::new(), false, false);
    loop {
        match xml.next()? {
            Piece::Open(element) if element.name == "si" && element.is_empty => take("")?,
            Piece::Open(element) if element.is_empty => {}
            Piece::Open(element) => match element.name.as_str() {
                "si" => text.clear(),
                "t" => in_text = !aloud,
                "rPh" => aloud = true,
                _ => {}
            },
            Piece::Close(name) => match name.as_str() {
                "si" => take(&super::xlsx::plain(&text))?,
                "t" => in_text = false,
                "rPh" => aloud = false,
                _ => {}
            },
            Piece::Text(part) if in_text => {
                text.push_str(&part);
                if text.len() > LONGEST {
                    return Err(unreadable(&io::Error::other("a text in it is longer than 1 MiB")));
                }
            }
            Piece::Text(_) => {}
            Piece::End => return Ok(()),
        }
    }
}

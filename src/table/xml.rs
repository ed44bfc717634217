//! The XML of spreadsheets as a stream of which only one piece is held.

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::package::Part;
use super::{LONGEST, Problem, unreadable};

/// No spreadsheet nests deeper; names of open elements are held.
const DEEPEST: usize = 64;

/// Pieces of XML, one at a time.
pub(super) struct Xml<'p> {
    reader: Reader<Bounded<'p>>,
    buffer: Vec<u8>,
    depth: usize,
}

/// What a reader of spreadsheets has to know of XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// An element begins; its name without prefix.
    Open(Element),
    /// An element ends.
    Close(String),
    Text(String),
    End,
}

/// An element's name without prefix and its attributes, with theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// `<a/>`: no [`Piece::Close`] follows.
    pub(super) is_empty: bool,
}

impl Element {
    /// An attribute by its name without prefix.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let bare = |full: &str| full.rsplit(':').next() == Some(name);
        self.attributes.iter().find(|(full, _)| bare(full)).map(|(_, value)| value.as_str())
    }

    /// All attributes of a name without prefix.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let bare = move |full: &str| full.rsplit(':').next() == Some(name);
        let found = self.attributes.iter().filter(move |(full, _)| bare(full));
        found.map(|(_, value)| value.as_str())
    }

    /// An attribute that is a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.trim().parse().ok()
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true"))
    }
}

impl<'p> Xml<'p> {
    pub(super) fn of(part: Part<'p>) -> Self {
        let reader = Reader::from_reader(Bounded { part, left: LONGEST });
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Piece, Problem> {
        loop {
            self.buffer.clear();
            self.reader.get_mut().left = LONGEST;
            let event = self.reader.read_event_into(&mut self.buffer);
            let piece = match event.map_err(|error| broken(&error))? {
                Event::Start(start) => {
                    self.depth += 1;
                    Piece::Open(element(&start)?)
                }
                Event::Empty(start) => Piece::Open(Element { is_empty: true, ..element(&start)? }),
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    Piece::Close(end.local_name().as_ref().to_owned())
                }
                Event::Text(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(name) => Piece::Text(character(&name)?),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
                Event::Eof => Piece::End,
            };
            return match self.depth > DEEPEST {
                true => Err(unreadable(&io::Error::other("its XML is nested too deeply"))),
                false => Ok(piece),
            };
        }
    }
}

/// `&amp;` and `&#10;`. Others would have to be defined, which no spreadsheet does.
fn character(name: &quick_xml::events::BytesRef<'_>) -> Result<String, Problem> {
    if let Some(c) = name.resolve_char_ref().map_err(|error| broken(&error))? {
        return Ok(c.to_string());
    }
    let known = quick_xml::escape::resolve_predefined_entity(&name.xml10_content());
    let unknown = || unreadable(&io::Error::other("its XML has an unknown entity"));
    known.map(str::to_owned).ok_or_else(unknown)
}

fn element(start: &BytesStart<'_>) -> Result<Element, Problem> {
    let attribute = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let attribute = attribute.map_err(|error| broken(&error))?;
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| broken(&error))?;
        Ok((attribute.key.as_ref().to_owned(), value.into_owned()))
    };
    // Comparing each attribute with all others would take long for a hostile one.
    let attributes =
        start.attributes().with_checks(false).map(attribute).collect::<Result<_, _>>()?;
    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes, is_empty: false })
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    Problem::file(
        format!("the spreadsheet is damaged: {error}"),
        "open it in a spreadsheet program and save it again",
    )
}

/// Fails rather than hand out a piece that is larger than memory should hold.
struct Bounded<'p> {
    part: Part<'p>,
    left: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.part.read(into)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other("a piece of its XML is larger than 1 MiB"));
        }
        let held = self.part.fill_buf()?;
        Ok(&held[..held.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.part.consume(count);
    }
}

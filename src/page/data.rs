//! All pairs as one block of JSON, which the page's script draws from as it is looked at.
//!
//! A batch may have a hundred thousand of them, so a row is an array without names, and what many have
//! in common (folders, prompts, errors) is written once. The columns are those of `page.js`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;

use super::Live;
use super::escape::Json;
use super::medium::{Medium, video};
use crate::ledger::{Card, Decision};
use crate::pair::without_queries;
use crate::state::State;

/// The longest text that is in the page whole, in characters; `tasks.csv` has it all.
const LONG: usize = 2000;
/// How much of each kind is written once and held for that, in bytes.
const HELD: usize = 96 << 10;
/// How much of what is not held stands in its rows as it is, in bytes. After that a page would grow too
/// large to be opened.
const MOST: usize = 6 << 20;
/// So much is left of a text then, in characters.
const SHORT: usize = 40;

pub(super) struct Data<'a, W> {
    to: &'a mut W,
    media: &'a str,
    shared: Shared,
    rows: u64,
    line: String,
}

impl<'a, W: Write> Data<'a, W> {
    pub(super) fn begin(
        to: &'a mut W,
        media: &'a str,
        live: Option<&Live<'_>>,
    ) -> io::Result<Self> {
        let states: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
        write!(to, "<script type=\"application/json\" id=\"data\">\n{{")?;
        if let Some(Live { who, seen, .. }) = live {
            write!(to, "\"live\":{{\"who\":{},\"seen\":\"{seen}\"}},", Json(who))?;
        }
        write!(to, "\"states\":{},\"rows\":[", serde_json::to_string(&states)?)?;
        Ok(Self { to, media, shared: Shared::default(), rows: 0, line: String::new() })
    }

    pub(super) fn add(&mut self, card: &Card) -> io::Result<()> {
        let comma = if self.rows == 0 { "\n" } else { ",\n" };
        self.rows += 1;
        self.line.clear();
        row(&mut self.line, card, self.media, &mut self.shared);
        write!(self.to, "{comma}[{}]", self.line)
    }

    pub(super) fn end(self) -> io::Result<()> {
        write!(self.to, "\n],\"texts\":[")?;
        let mut comma = "\n";
        for text in self.shared.texts {
            write!(self.to, "{comma}{}", Json(&text))?;
            comma = ",\n";
        }
        writeln!(self.to, "\n]}}\n</script>")
    }
}

/// The rows of some pairs by themselves, as JSON: with their texts in them.
pub(super) fn alone(cards: &[Card], media: &str) -> String {
    let mut rows = String::from("[");
    for card in cards {
        let (mut line, mut shared) = (String::new(), Shared::full());
        row(&mut line, card, media, &mut shared);
        let comma = if rows.len() == 1 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(rows, "{comma}[{line}]");
    }
    rows + "]"
}

/// Texts that are written once, as long as there is room for those of their kind: what is another one
/// with each pair is not to push out what many have in common.
#[derive(Default)]
struct Shared {
    places: HashMap<String, usize>,
    texts: Vec<String>,
    /// How much is held of each kind, in bytes.
    held: [usize; 5],
    /// How much stands in rows, in bytes.
    beside: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Folder,
    Error,
    Prompt,
    Tags,
    Word,
}

/// How a row names a text.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// By its place among those that are written once.
    Place(usize),
    /// By itself, or by its beginning.
    Itself(String),
}

impl Shared {
    /// One that has no room left.
    fn full() -> Self {
        Self { held: [HELD + 1; 5], ..Self::default() }
    }

    /// `shown` makes of it what may be shown: only where it is written.
    fn name(&mut self, kind: Kind, text: &str, shown: fn(&str) -> String) -> Name {
        if let Some(place) = self.places.get(text) {
            return Name::Place(*place);
        }
        let held = &mut self.held[kind as usize];
        if *held + text.len() <= HELD {
            *held += text.len();
            self.texts.push(shown(text));
            self.places.insert(text.to_owned(), self.texts.len() - 1);
            return Name::Place(self.texts.len() - 1);
        }
        self.beside += text.len();
        let most = if self.beside <= MOST { LONG } else { SHORT };
        Name::Itself(cut(&shown(text), most))
    }
}

/// The columns of a row; a zero or nothing stands for what is not known, and is left out at the end.
fn row(line: &mut String, card: &Card, media: &str, shared: &mut Shared) {
    let row = &card.row;
    let mut columns = Columns { line, zeros: 0 };
    columns.text(&row.id);
    columns
        .number(State::ALL.iter().position(|state| *state == row.state).unwrap_or_default() as u64);
    columns.number(u64::from(row.listed) | u64::from(row.changed) << 1);
    for listed in [&row.image_url, &row.audio_url] {
        let medium = Medium::of(listed, media);
        let (folder, name) = medium.split();
        // A folder is never cut: its files would be somewhere else.
        match shared.name(Kind::Folder, folder, str::to_owned) {
            Name::Place(place) => columns.put(&place.to_string()),
            Name::Itself(_) => columns.text(folder),
        }
        columns.text(name);
    }
    columns.number(row.audio.map_or(0, millis));
    columns.number(moment(Some(row.since)));
    columns.number(moment(row.created_at));
    columns.optional(row.task_id.as_deref());
    match video(row) {
        Some(path) if is_usual(path, &row.id) => columns.number(1),
        path => columns.optional(path.map(super::href).as_deref()),
    }
    columns.number(row.video_bytes.unwrap_or(0));
    columns.number(card.video.map_or(0, millis));
    columns.number(card.cost().unwrap_or(0));
    columns.number(row.credits.map_or(0, |credits| credits.millionths()));
    let prompt = card.prompt.as_deref().unwrap_or_default();
    let (code, error) = (row.error_code.as_str(), row.error.as_str());
    for (kind, text) in [(Kind::Error, code), (Kind::Error, error), (Kind::Prompt, prompt)] {
        columns.shared(kind, text, shared);
    }
    columns.number(u64::from(row.attempts));
    said(&mut columns, card, shared);
    columns.number(u64::from(row.take.saturating_sub(1)));
}

/// How many columns tell what was said of a video.
const SAID: usize = 5;

/// The tags, and what counts as said of the video.
fn said(columns: &mut Columns<'_>, card: &Card, shared: &mut Shared) {
    columns.shared(Kind::Tags, card.tags.as_deref().unwrap_or_default(), shared);
    let Some(review) = &card.review else { return (0..SAID).for_each(|_| columns.number(0)) };
    let decision = |of| Decision::ALL.iter().position(|decision| *decision == of);
    columns.number(review.decision.and_then(decision).map_or(0, |place| place as u64 + 1));
    for text in [&review.note, &review.prompt, &Some(review.who.clone())] {
        columns.shared(Kind::Word, text.as_deref().unwrap_or_default(), shared);
    }
    columns.number(moment(Some(review.at)));
}

struct Columns<'a> {
    line: &'a mut String,
    /// How many are not written yet.
    zeros: usize,
}

impl Columns<'_> {
    fn put(&mut self, value: &str) {
        for _ in 0..std::mem::take(&mut self.zeros) {
            self.line.push_str(",0");
        }
        if !self.line.is_empty() {
            self.line.push(',');
        }
        self.line.push_str(value);
    }

    fn number(&mut self, number: u64) {
        match number {
            0 => self.zeros += 1,
            number => {
                self.put("");
                // Writing to a string cannot fail.
                let _ = write!(self.line, "{number}");
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.put("");
        let _ = write!(self.line, "{}", Json(text));
    }

    /// A text that others may have, too; they count from 1, for there may be none.
    fn shared(&mut self, kind: Kind, text: &str, shared: &mut Shared) {
        if text.is_empty() {
            return self.number(0);
        }
        match shared.name(kind, text, |text| cut(&without_queries(text), LONG)) {
            Name::Place(place) => self.number(place as u64 + 1),
            Name::Itself(text) => self.text(&text),
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.zeros += 1,
        }
    }
}

/// Whether a video lies where it lies unless told otherwise.
fn is_usual(path: &str, id: &str) -> bool {
    path.strip_prefix("videos/").and_then(|name| name.strip_suffix(".mp4")) == Some(id)
}

fn millis(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn moment(at: Option<Timestamp>) -> u64 {
    at.and_then(|at| u64::try_from(at.as_millisecond()).ok()).unwrap_or(0)
}

/// The beginning of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_have_in_common_is_written_once_and_a_page_stays_small() {
        let mut shared = Shared::default();
        let mut name = |kind, text: &str| shared.name(kind, text, str::to_owned);
        assert_eq!(name(Kind::Error, "one"), Name::Place(0));
        assert_eq!(name(Kind::Prompt, "two"), Name::Place(1));
        assert_eq!(name(Kind::Prompt, "one"), Name::Place(0));
        let long = "x".repeat(HELD - 3);
        assert_eq!(name(Kind::Prompt, &long), Name::Place(2), "just as much as there is room for");
        assert_eq!(name(Kind::Prompt, "more"), Name::Itself("more".to_owned()));
        assert_eq!(name(Kind::Error, "more"), Name::Place(3), "of another kind");
        let all = Name::Itself("<".repeat(99));
        assert_eq!(name(Kind::Prompt, &"<".repeat(99)), all);
        shared.beside = MOST;
        let Name::Itself(cut) = shared.name(Kind::Prompt, &"<".repeat(99), str::to_owned) else {
            panic!()
        };
        assert_eq!(cut.chars().count(), SHORT + 1);
    }

    #[test]
    fn zeros_at_the_end_are_left_out() {
        let mut line = String::new();
        let mut columns = Columns { line: &mut line, zeros: 0 };
        columns.text("a");
        columns.number(0);
        columns.number(7);
        columns.number(0);
        columns.optional(None);
        assert_eq!(line, "\"a\",0,7");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äöü", 3), "äöü");
    }
}

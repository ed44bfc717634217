//! The columns of a table: what people call them, and what they mean.

use std::ops::Range;

use super::Problem;
use super::vocabulary::{Key, Vocabulary, fold};

/// More columns than anybody names.
const MOST: usize = 1_000;

/// How many columns are named in a message.
const NAMED: usize = 12;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As written; may be empty.
    pub written: String,
    /// What it means.
    pub key: Key,
    /// Where its name stands in the header's text, in bytes.
    span: Range<usize>,
}

/// All columns of a table.
#[derive(Debug)]
pub struct Columns {
    vocabulary: &'static Vocabulary,
    list: Vec<Column>,
    /// The row of their names, and its text; not that of JSON Lines, which have none.
    header: Option<(u32, String)>,
}

impl Columns {
    /// Without a header: as keys turn up.
    pub(super) fn of_keys(vocabulary: &'static Vocabulary) -> Self {
        Self { vocabulary, list: Vec::new(), header: None }
    }

    /// Out of a header: what is written in which part of its text.
    pub(super) fn of_header(
        vocabulary: &'static Vocabulary,
        number: u32,
        text: String,
        names: Vec<(String, Range<usize>)>,
    ) -> Result<Self, Problem> {
        let mut columns = Self { vocabulary, list: Vec::new(), header: Some((number, text)) };
        let most = names.len() > MOST;
        for (written, span) in names.into_iter().take(MOST) {
            let key = vocabulary.key(&written);
            let same = |other: &&Column| other.key == key && key != Key::Other;
            if let Some(first) = columns.list.iter().find(same) {
                return Err(columns.twice(&first.written.clone(), &written, span));
            }
            columns.list.push(Column { written, key, span });
        }
        if most {
            return Err(columns.problem(0..0, "the table has more than 1000 columns", TOO_MANY));
        }
        match columns.known() {
            0 => Err(columns.nameless()),
            _ => Ok(columns),
        }
    }

    /// The column of a key, which is a new one if it was not met before.
    pub(super) fn of_key(&mut self, written: &str) -> Option<usize> {
        if let Some(index) = self.list.iter().position(|column| column.written == written) {
            return Some(index);
        }
        if self.list.len() >= MOST {
            return None;
        }
        let key = self.vocabulary.key(written);
        self.list.push(Column { written: written.to_owned(), key, span: 0..0 });
        Some(self.list.len() - 1)
    }

    /// What a column means.
    #[must_use]
    pub fn key(&self, column: usize) -> &Key {
        self.list.get(column).map_or(&Key::Other, |column| &column.key)
    }

    /// As written in the header; empty beyond it.
    #[must_use]
    pub fn called(&self, column: usize) -> &str {
        self.list.get(column).map_or("", |column| column.written.trim())
    }

    /// All names as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|column| column.written.trim())
    }

    /// Which column has a name, however it is written.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        let name = fold(name);
        self.list.iter().position(|column| fold(&column.written) == name)
    }

    /// Whether any column means this.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let is = |column: &Column| matches!(&column.key, Key::Known(known) if *known == name);
        self.list.iter().any(is)
    }

    /// Whether its names stand in a row of their own.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// The row of their names, and its text.
    #[must_use]
    pub fn header(&self) -> Option<(u32, &str)> {
        self.header.as_ref().map(|(number, text)| (*number, text.as_str()))
    }

    /// How many columns the header names.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many columns mean something.
    pub(super) fn known(&self) -> usize {
        self.list.iter().filter(|column| column.key != Key::Other).count()
    }

    /// For messages: `column B`; JSON has keys.
    #[must_use]
    pub fn place(&self, column: usize) -> String {
        match self.header {
            Some(_) => format!("column {}", letters(column)),
            None => "this value".to_owned(),
        }
    }

    /// Something that is wrong with the header.
    #[must_use]
    pub fn problem(&self, span: Range<usize>, message: &str, help: &str) -> Problem {
        let (row, text) = self.header.clone().unwrap_or_default();
        let label = "the names of the columns".to_owned();
        Problem { row, text, span, message: message.to_owned(), label, help: help.to_owned() }
    }

    /// That a column is missing.
    #[must_use]
    pub fn missing(&self, name: &str) -> Problem {
        let (message, names) = (format!("the table has no column `{name}`"), self.found());
        let help = format!("call one of its columns `{name}`; it has {names}");
        self.problem(0..self.header.as_ref().map_or(0, |(_, text)| text.len()), &message, &help)
    }

    fn found(&self) -> String {
        let written = self.list.iter().filter(|column| !column.written.trim().is_empty());
        let mut names: Vec<_> =
            written.map(|column| format!("`{}`", short(&column.written))).collect();
        if names.len() > NAMED {
            names.truncate(NAMED);
            names.push("…".to_owned());
        }
        names.join(", ")
    }

    fn twice(&self, first: &str, second: &str, span: Range<usize>) -> Problem {
        let message = format!("`{}` and `{}` mean the same", short(first), short(second));
        self.problem(span, &message, "keep one of the two columns, or give the other another name")
    }

    fn nameless(&self) -> Problem {
        let known: Vec<_> = self.vocabulary.names.iter().map(|(name, _)| *name).collect();
        let text = self.header.as_ref().map_or("", |(_, text)| text);
        let message = match text.contains("://") {
            true => "the first row has no names of columns: it looks like a pair",
            false => "no column of this table is known",
        };
        let help = format!("name the columns in the first row; known are {}", known.join(", "));
        self.problem(0..text.len(), message, &help)
    }

    /// Columns that nothing is made of, named once.
    pub(super) fn ignored(&self, used: &[usize]) -> Option<Problem> {
        let ignored = |(index, column): &(usize, &Column)| {
            column.key == Key::Other && !column.written.trim().is_empty() && !used.contains(index)
        };
        let list = self.list.iter().enumerate().filter(ignored);
        let list: Vec<_> = list.map(|(_, column)| column).collect();
        let first = list.first()?;
        let mut names: Vec<_> =
            list.iter().take(NAMED).map(|column| format!("`{}`", short(&column.written))).collect();
        if list.len() > NAMED {
            names.push(format!("{} more", list.len() - NAMED));
        }
        let known: Vec<_> = self.vocabulary.names.iter().map(|(name, _)| *name).collect();
        let message = match list.len() {
            1 => format!("the column {} is passed over", names.join(", ")),
            _ => format!("the columns {} are passed over", names.join(", ")),
        };
        let known = format!("known are {}", known.join(", "));
        let meant = list.iter().find_map(|column| self.vocabulary.nearest(&column.written));
        let help = meant.map_or(known.clone(), |meant| format!("did you mean `{meant}`? {known}"));
        let mut problem = self.problem(first.span.clone(), &message, &help);
        problem.label = "nothing is made of it".to_owned();
        Some(problem)
    }
}

const TOO_MANY: &str = "is it the right file? Remove the columns that are not needed";

/// A name as a message repeats it.
fn short(name: &str) -> String {
    let name = name.trim();
    let cut: String = name.chars().take(40).collect();
    if cut.len() < name.len() { cut + "…" } else { cut }
}

/// As spreadsheets name columns: A to Z, AA and on.
pub(super) fn letters(column: usize) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        for (column, expected) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), expected);
        }
    }
}

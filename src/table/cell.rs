//! A row and its cells, each with its place in the row as it is shown.

use std::borrow::Cow;
use std::ops::Range;

use super::Problem;
use super::columns::Columns;
use super::spoilt::{self, Spoilt, Use};
use super::vocabulary::Key;

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Of text the line on which it begins, of a sheet the number beside it; from 1.
    pub number: u32,
    /// As it is shown: the lines of the file, or the cells of a sheet with bars between them.
    pub text: String,
    /// Those that are not empty, from left to right.
    pub cells: Vec<Cell>,
}

/// A cell that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Which of [`Columns`].
    pub column: usize,
    /// Where it stands in the text of its row, in bytes.
    pub span: Range<usize>,
    /// What is in it.
    pub value: Value,
}

/// What is stored in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text out of a file that knows nothing but text.
    Written(String),
    /// Text out of a file that tells text from numbers.
    Text(String),
    /// A number, in the digits that are stored.
    Number(String),
    /// True or false.
    Bool(bool),
    /// JSON's null.
    Null,
    /// A list or an object, as JSON.
    Json(String),
    /// A date or time; spreadsheets store a number, which is of no use.
    Date,
    /// What a spreadsheet shows instead of a result: `#N/A`.
    Error(String),
    /// A formula without the result that the program would have shown.
    Formula,
}

impl Row {
    /// What stands in a known column; nothing when it is empty.
    ///
    /// # Errors
    /// If a spreadsheet program has spoilt it, or it is no text.
    pub fn text_of(&self, columns: &Columns, name: &str) -> Result<Option<Cow<'_, str>>, Problem> {
        let known =
            |cell: &&Cell| matches!(columns.key(cell.column), Key::Known(known) if *known == name);
        let Some(cell) = self.cells.iter().find(known) else { return Ok(None) };
        if let Some(spoilt) = cell.spoilt(Use::Name) {
            return Err(self.problem(cell, columns, spoilt));
        }
        match cell.value.as_text() {
            Some(text) => Ok(Some(Cow::Borrowed(text.trim()))),
            None => Err(self.problem(
                cell,
                columns,
                Spoilt { message: "this is no text".to_owned(), help: "write it as text" },
            )),
        }
    }

    /// What is wrong with one of its cells.
    #[must_use]
    pub fn problem(&self, cell: &Cell, columns: &Columns, spoilt: Spoilt) -> Problem {
        let name = columns.called(cell.column);
        Problem {
            row: self.number,
            text: self.text.clone(),
            span: cell.span.clone(),
            message: format!("`{name}`: {}", spoilt.message),
            label: "this cell".to_owned(),
            help: spoilt.help.to_owned(),
        }
    }
}

impl Cell {
    /// What a spreadsheet program has done to it, if anything.
    #[must_use]
    pub fn spoilt(&self, as_a: Use) -> Option<Spoilt> {
        spoilt::of(&self.value, as_a)
    }
}

impl Value {
    /// Text, or a number as it is stored.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Written(text) | Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null | Self::Json(_) | Self::Date | Self::Error(_) | Self::Formula => None,
        }
    }

    /// Whether nothing can be seen of it.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Written(text) | Self::Text(text) => text.chars().all(invisible),
            _ => false,
        }
    }
}

/// White space, and what looks like it: out of web pages and word processors.
#[must_use]
pub(crate) fn invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

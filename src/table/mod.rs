//! Tables as people's programs write them: rows of cells out of CSV and its kin, JSON Lines, .xlsx
//! and .ods.
//!
//! [`Table::open`] looks at the bytes, not at the name, to find out what a file is. Rows come one
//! at a time, and no more than one of them is held, however large the file is. What is wrong is a
//! value with its place, and reading goes on behind a bad row. Nothing is guessed about values: a
//! cell is what the file stores, and a cell that a spreadsheet program has spoilt says so
//! ([`Cell::spoilt`]). It opens no file: bytes and places for scratch are handed in.

mod cell;
mod columns;
mod encoding;
mod json_lines;
mod lines;
mod ods;
mod package;
mod separated;
mod sheet;
mod sniff;
mod spoilt;
mod strings;
mod vocabulary;
mod workbook;
mod xlsx;
mod xml;

use std::io::{self, Read, Seek, Write};
use std::ops::Range;

pub(crate) use self::cell::invisible;
pub use self::cell::{Cell, Row, Value};
pub use self::columns::{Column, Columns};
pub use self::encoding::Encoding;
pub(crate) use self::json_lines::Members;
pub use self::sniff::{NO_TEXT, Sniffed, sniff};
pub use self::spoilt::{Spoilt, Use};
pub use self::vocabulary::{Key, PAIRS, TASKS, Vocabulary};

use self::json_lines::JsonLines;
use self::ods::Ods;
use self::package::Package;
use self::separated::Separated;
use self::xlsx::Xlsx;

/// The longest row, piece of XML or shared string that is held, in bytes.
pub const LONGEST: usize = 1 << 20;

/// How many bytes at the start of a file tell what it is.
pub const HEAD: usize = 4096;

/// The bytes of a table.
pub trait Input: Read + Seek {}
impl<T: Read + Seek> Input for T {}

/// A place for what does not fit into memory; gone when dropped.
pub trait Scratch: Read + Write + Seek {}
impl<T: Read + Write + Seek> Scratch for T {}

/// Where tables and scratch come from.
pub trait Files {
    /// The bytes of a table by its name as written.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn open(&self, name: &str) -> io::Result<Box<dyn Input>>;

    /// An empty scratch file.
    ///
    /// # Errors
    /// When the file system refuses.
    fn scratch(&self) -> io::Result<Box<dyn Scratch>>;
}

/// How a table is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What columns may be called.
    pub vocabulary: &'static Vocabulary,
    /// Which sheet of a spreadsheet; the first one that is not hidden if absent.
    pub sheet: Option<&'a str>,
    /// What its text is encoded in, unless it begins with a byte-order mark.
    pub encoding: Option<Encoding>,
}

/// What is wrong with a table, or remarkable in it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The row as [`Row::number`] counts; 0 is the file as a whole.
    pub row: u32,
    /// The row as it is shown.
    pub text: String,
    /// The part of that text that is meant, in bytes.
    pub span: Range<usize>,
    /// Names what is wrong.
    pub message: String,
    /// To stand at the caret.
    pub label: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// With the file as a whole.
    pub(crate) fn file(message: impl Into<String>, help: impl Into<String>) -> Self {
        let (message, help) = (message.into(), help.into());
        let label = "this file".to_owned();
        Self { row: 0, text: String::new(), span: 0..0, message, label, help }
    }
}

/// A table that is being read.
pub struct Table {
    columns: Columns,
    rows: Rows,
    form: String,
    /// After a problem behind which nothing can be read.
    over: bool,
}

enum Rows {
    Separated(Separated),
    JsonLines(JsonLines),
    Xlsx(Box<Xlsx>),
    Ods(Box<Ods>),
}

/// What a reader hands on.
enum Step {
    Row(Row),
    /// This row is bad; the next one may be good.
    Bad(Problem),
    /// Nothing behind this can be read.
    Broken(Problem),
    End,
}

impl Table {
    /// Reads the head of a table: what it is, and its columns.
    ///
    /// # Errors
    /// If it is no table, or one without any known column.
    pub fn open(
        mut input: Box<dyn Input>,
        files: &dyn Files,
        options: &Options<'_>,
    ) -> Result<Self, Problem> {
        let head = head(&mut input).map_err(|error| unreadable(&error))?;
        let sniffed = sniff(&head);
        if let (Some(sheet), Sniffed::Text | Sniffed::JsonLines) = (options.sheet, sniffed) {
            let message = format!("this file has no sheets, so none is called `{sheet}`");
            return Err(Problem::file(message, "remove the `#` and what follows it"));
        }
        match sniffed {
            Sniffed::Text => separated::open(input, &head, options),
            Sniffed::JsonLines => json_lines::open(input, &head, options),
            Sniffed::Zip => {
                let mut package = Package::open(input)?;
                match package.has(ods::CONTENT) {
                    true => ods::open(package, options),
                    false => workbook::open(&mut package, files, options)?.start(package, options),
                }
            }
            Sniffed::Empty => Err(Problem::file("the table is empty", EXAMPLE)),
            Sniffed::JsonList => Err(Problem::file(
                "this is a JSON list, not JSON Lines",
                "write each pair as an object on a line of its own: `jq -c '.[]' FILE > FILE.jsonl`",
            )),
            Sniffed::OldSpreadsheet => Err(Problem::file(
                "this is an old .xls spreadsheet, or one protected by a password",
                "save it again as .xlsx without a password, or as CSV UTF-8",
            )),
            Sniffed::Other(name) => {
                Err(Problem::file(format!("this is {name}, not a table"), EXAMPLE))
            }
        }
    }

    /// Its columns; those of JSON Lines as far as it was read.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// What it turned out to be: "CSV with `;`, UTF-16LE".
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form
    }

    /// Whether its rows are those of a sheet, whose columns have letters.
    #[must_use]
    pub fn has_sheets(&self) -> bool {
        matches!(self.rows, Rows::Xlsx(_) | Rows::Ods(_))
    }

    /// The next row that is not blank, or what is wrong with it.
    pub fn next_row(&mut self) -> Option<Result<Row, Problem>> {
        if self.over {
            return None;
        }
        let columns = &mut self.columns;
        let step = match &mut self.rows {
            Rows::Separated(rows) => rows.step(columns),
            Rows::JsonLines(rows) => rows.step(columns),
            Rows::Xlsx(rows) => rows.step(columns),
            Rows::Ods(rows) => rows.step(columns),
        };
        self.over = matches!(step, Step::Broken(_) | Step::End);
        match step {
            Step::Row(row) => Some(Ok(row)),
            Step::Bad(problem) | Step::Broken(problem) => Some(Err(problem)),
            Step::End => None,
        }
    }

    /// All rows that are left.
    pub fn rows(&mut self) -> impl Iterator<Item = Result<Row, Problem>> {
        std::iter::from_fn(|| self.next_row())
    }

    /// What is wrong with the table as it was laid out; known once all rows were read.
    #[must_use]
    pub fn troubles(&self) -> Vec<Problem> {
        match &self.rows {
            Rows::Xlsx(rows) => rows.layout().troubles(&self.columns),
            Rows::Ods(rows) => rows.layout().troubles(&self.columns),
            Rows::Separated(_) | Rows::JsonLines(_) => Vec::new(),
        }
    }

    /// What is remarkable in it, but allowed; known once all rows were read. `used` are columns that
    /// something was made of although the vocabulary does not know them.
    #[must_use]
    pub fn remarks(&self, used: &[usize]) -> Vec<Problem> {
        let mut remarks: Vec<_> = self.columns.ignored(used).into_iter().collect();
        match &self.rows {
            Rows::Separated(rows) => remarks.extend(rows.remarks()),
            Rows::JsonLines(_) => {}
            Rows::Xlsx(rows) => remarks.extend(rows.layout().remarks()),
            Rows::Ods(rows) => remarks.extend(rows.layout().remarks()),
        }
        remarks
    }
}

const EXAMPLE: &str = "a table has the names of its columns in the first row, such as image, audio \
                       and prompt, and a pair in each row below";

/// The first bytes, without moving.
fn head(input: &mut Box<dyn Input>) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    input.rewind()?;
    Ok(head)
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::file(format!("it cannot be read: {error}"), "is it whole, and yours to read?")
}

#[cfg(test)]
pub(crate) mod tests;

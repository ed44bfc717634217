//! A table that somebody filled in or exported, read by the same code as tables of pairs: any kind of
//! file, separator and encoding.
//!
//! All its cells are in memory: for files that people work on, not for batches.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use super::given::{file_of, table_of};
use crate::files::Tables;
use crate::manifest::MAX_BYTES;
use crate::table::{Cell, Encoding, HEAD, Key, Options, Problem, Row, Sniffed, TASKS, Table, Use};
use crate::table::{Columns, Value, sniff};

/// The bytes of a file, and which of its sheets is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) bytes: Vec<u8>,
    sheet: Option<String>,
}

/// A table with a header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Grid {
    /// Known ones by our word for them; others in small letters, `_` between their words.
    pub(super) names: Vec<String>,
    pub(super) lines: Vec<Line>,
    /// What is strange about the table as a whole, such as hidden rows.
    pub(super) remarks: Vec<String>,
}

/// A row in which something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Of the file, or the number beside the row of a sheet; from 1.
    pub(super) number: u64,
    /// As they were written, without the space around them; there may be fewer than names.
    pub(super) cells: Vec<String>,
    /// Why the row cannot be relied on, if so.
    pub(super) trouble: Option<String>,
}

impl Filled {
    /// A file, or a sheet of one (`tasks.xlsx#Sheet2`); `-` is standard input.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        if file == Path::new("-") {
            return Ok(Self { bytes: read(&mut std::io::stdin())?, sheet: None });
        }
        let (path, sheet) = match file.exists() {
            true => (file.to_owned(), None),
            false => (file_of(file), table_of(file).sheet),
        };
        if path.is_dir() {
            return Err("this is a folder, not a table".to_owned());
        }
        let mut opened = File::open(&path).map_err(|error| reason(&error))?;
        Ok(Self { bytes: read(&mut opened)?, sheet })
    }

    /// As text, in which `\u{fffd}` stands for what is none.
    pub(super) fn text(&self) -> String {
        Encoding::read(&self.bytes)
    }

    /// Whether it may be text that is no table.
    pub(super) fn is_text(&self) -> bool {
        matches!(sniff(&self.bytes[..self.bytes.len().min(HEAD)]), Sniffed::Text)
    }
}

/// Never more than anybody fills in: it may be a disk's image.
fn read(input: &mut dyn Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err("it is larger than 64 MiB: split it".to_owned()),
        false => Ok(bytes),
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

impl Grid {
    /// The table in a file.
    ///
    /// # Errors
    /// If it is no table, or none of its columns is known.
    pub(super) fn read(filled: &Filled) -> Result<Self, Problem> {
        let Filled { bytes, sheet } = filled;
        // People look at ids, which must be whole; notes beside them may be in any encoding.
        let bytes = match filled.is_text() {
            true => filled.text().into_bytes(),
            false => bytes.clone(),
        };
        let options = Options { vocabulary: &TASKS, sheet: sheet.as_deref(), encoding: None };
        let scratch = Tables::beside(Path::new("."));
        let mut table = Table::open(Box::new(Cursor::new(bytes)), &scratch, &options)?;
        let mut lines = Vec::new();
        while let Some(row) = table.next_row() {
            lines.push(match row {
                Ok(row) => Line::of(&row, table.columns()),
                Err(problem) => Line::bad(&problem),
            });
        }
        lines.extend(table.troubles().iter().map(Line::bad));
        let columns = table.columns();
        let all: Vec<_> = (0..columns.names().count()).collect();
        let names = columns.names().zip(0..).map(|(name, column)| match columns.key(column) {
            Key::Known(known) => (*known).to_owned(),
            Key::Part(..) | Key::Other => name.to_lowercase().replace([' ', '-'], "_"),
        });
        let remark = |remark: Problem| (remark.row > 0).then_some(remark.message);
        let remarks = table.remarks(&all).into_iter().filter_map(remark).collect();
        Ok(Self { names: names.collect(), lines, remarks })
    }

    /// Which column has the first of these names that there is.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|wanted| self.names.iter().position(|name| name == wanted))
    }
}

impl Line {
    /// What stands in a column; nothing where the row is shorter.
    pub(super) fn cell(&self, column: Option<usize>) -> &str {
        column.and_then(|column| self.cells.get(column)).map_or("", String::as_str)
    }

    fn of(row: &Row, columns: &Columns) -> Self {
        let width = row.cells.iter().map(|cell| cell.column + 1).max().unwrap_or(0);
        let mut line = Self::empty(row.number);
        line.cells.resize(width, String::new());
        for cell in &row.cells {
            let text = cell.value.as_text().unwrap_or_default();
            text.trim().clone_into(&mut line.cells[cell.column]);
            line.trouble = line.trouble.or_else(|| trouble(row, cell, columns));
        }
        line
    }

    fn bad(problem: &Problem) -> Self {
        Self { trouble: Some(problem.message.clone()), ..Self::empty(problem.row) }
    }

    fn empty(number: u32) -> Self {
        Self { number: number.into(), cells: Vec::new(), trouble: None }
    }
}

/// What a spreadsheet program has done to a cell that is needed. Text is for its reader to refuse, who
/// knows what it should be.
fn trouble(row: &Row, cell: &Cell, columns: &Columns) -> Option<String> {
    let is_needed = matches!(columns.key(cell.column), Key::Known(_));
    if !is_needed || matches!(cell.value, Value::Written(_) | Value::Text(_)) {
        return None;
    }
    let spoilt = cell.spoilt(Use::Other)?;
    Some(row.problem(cell, columns, spoilt).message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::books::{self, sheet_of_ods};

    fn filled(bytes: &[u8]) -> Filled {
        Filled { bytes: bytes.to_vec(), sheet: None }
    }

    impl Filled {
        /// What stands in a file that is text.
        pub(in crate::commands) fn of(text: &str) -> Self {
            filled(text.as_bytes())
        }
    }

    fn grid(text: &str) -> Grid {
        Grid::read(&filled(text.as_bytes())).unwrap()
    }

    #[test]
    fn every_delimiter_is_understood_and_lines_are_the_files() {
        for text in [
            "id,Task ID\na,t1\n\nb,t2\n",
            "id;Task-ID\r\na;t1\r\n\r\nb;t2\r\n",
            "id\ttask_id\na\t t1 \n\t\nb\tt2",
            "id|任务号\na|t1\n\nb|t2",
            "sep=;\nid;task_id\na;t1\nb;t2\n",
            "{\"id\":\"a\",\"task_id\":\"t1\"}\n\n\n{\"id\":\"b\",\"task_id\":\"t2\"}",
        ] {
            let grid = grid(text);
            assert_eq!(grid.names, ["id", "task_id"], "{text}");
            assert_eq!(grid.column(&["task", "task_id"]), Some(1));
            assert_eq!(grid.lines[0].cells, ["a", "t1"], "{text}");
            assert_eq!(grid.lines.last().map(|line| line.number), Some(4), "{text}");
            assert_eq!(grid.lines.last().map(|line| line.cell(Some(1))), Some("t2"), "{text}");
        }
        let lines = grid("id,note\n\"a\",\"two\nlines\"\nb\n").lines;
        assert_eq!((lines[1].number, &lines[1].cells), (4, &vec!["b".to_owned()]));
        assert!(Grid::read(&filled(b"")).is_err());
    }

    #[test]
    fn text_is_read_in_whatever_a_spreadsheet_saves() {
        let units =
            |to: fn(u16) -> [u8; 2]| "id\nä".encode_utf16().flat_map(to).collect::<Vec<u8>>();
        for bytes in [
            "id\nä".as_bytes().to_vec(),
            "\u{feff}id\nä".as_bytes().to_vec(),
            [&[0xff, 0xfe][..], &units(u16::to_le_bytes)].concat(),
            [&[0xfe, 0xff][..], &units(u16::to_be_bytes)].concat(),
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
        ] {
            assert_eq!(filled(&bytes).text(), "id\nä", "{bytes:?}");
            assert_eq!(Grid::read(&filled(&bytes)).unwrap().lines[0].cells, ["ä"], "{bytes:?}");
        }
        // A note in the encoding of another country does not hide the ids.
        let lines = Grid::read(&filled(b"id,note\na,\xe4\nb\xe4,x\n")).unwrap().lines;
        assert_eq!(lines[0].cells, ["a", "\u{fffd}"]);
        assert_eq!(lines[1].cells, ["b\u{fffd}", "x"]);
    }

    #[test]
    fn spreadsheets_are_tables_like_others() {
        let mut sheet = books::Sheet::default();
        for row in [["Pair ID", "Task ID"], ["a", "t1"]] {
            sheet.push(&row.map(str::to_owned));
        }
        for bytes in [sheet.xlsx(), sheet.ods()] {
            let grid = Grid::read(&filled(&bytes)).unwrap();
            assert_eq!(grid.names, ["id", "task_id"]);
            assert_eq!((grid.lines[0].number, grid.lines[0].cell(Some(1))), (2, "t1"));
        }
    }

    /// A row that cannot be relied on says so, and is never one in which nothing stands.
    #[test]
    fn what_is_wrong_with_a_row_goes_with_it() {
        let lines = grid("id,task_id\na,t1,more\nb,\"t\"2\nc,t3\n").lines;
        let bad: Vec<_> = lines.iter().map(|line| line.trouble.is_some()).collect();
        assert_eq!(bad, [true, true, false]);
        let cell = |kind: &str| format!("<table:table-cell office:value-type='{kind}'/>");
        let text = |text: &str| {
            format!(
                "<table:table-cell office:value-type='string'><text:p>{text}</text:p></table:table-cell>"
            )
        };
        let row =
            |cells: &[String]| format!("<table:table-row>{}</table:table-row>", cells.concat());
        let rows = [
            row(&[text("id"), text("task_id"), text("note")]),
            row(&[cell("date"), text("t1")]),
            row(&[text("b"), text("t2"), cell("date")]),
        ];
        let grid = Grid::read(&filled(&sheet_of_ods(&rows.concat()))).unwrap();
        assert_eq!(grid.lines[0].trouble.as_deref(), Some("`id`: the cell became a date"));
        assert_eq!(grid.lines[1].trouble, None, "nobody needs the note");
    }
}

//! What the sheets of all spreadsheets have in common: rows shown with bars, hidden rows, merged
//! cells.

use std::ops::Range;

use super::cell::{Cell, Row, Value};
use super::columns::{Columns, letters};
use super::vocabulary::Key;
use super::{LONGEST, Options, Problem, Step};

/// No sheet has more columns.
pub(super) const MOST_COLUMNS: usize = 16_384;

/// How many rows are named in a message, and how many merged ranges are kept.
const NAMED: usize = 5;
const MOST_MERGED: usize = 1_000;

/// The longest part of a cell that is shown; no more of it is needed for a message.
const SHOWN: usize = 4_096;

/// What was seen of a sheet besides its cells.
#[derive(Debug, Default)]
pub(super) struct Layout {
    hidden: Vec<u32>,
    more_hidden: u64,
    merged: Vec<Merged>,
    /// The row of the header.
    header: u32,
}

/// Cells that look like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) rows: Range<u32>,
    pub(super) columns: Range<usize>,
}

impl Layout {
    pub(super) fn hide(&mut self, row: u32) {
        match self.hidden.len() < NAMED {
            true => self.hidden.push(row),
            false => self.more_hidden += 1,
        }
    }

    pub(super) fn merge(&mut self, merged: Merged) {
        if self.merged.len() < MOST_MERGED {
            self.merged.push(merged);
        }
    }

    /// Merged cells in columns that mean something: all but the first are empty.
    pub(super) fn troubles(&self, columns: &Columns) -> Vec<Problem> {
        let known = |column: usize| *columns.key(column) != Key::Other;
        let below = |merged: &&Merged| {
            let touched = merged.columns.clone().take(columns.len()).any(known);
            touched && merged.rows.end > self.header + 1 && merged.rows.start > self.header
        };
        let trouble = |merged: &Merged| {
            let message = format!("the cells {} are merged", merged.name());
            let first = format!("{}{}", letters(merged.columns.start), merged.rows.start);
            let help = format!(
                "unmerge them and write into each what belongs there: only {first} has a value"
            );
            let label = "merged".to_owned();
            Problem { row: merged.rows.start, label, ..Problem::file(message, help) }
        };
        self.merged.iter().filter(below).map(trouble).collect()
    }

    pub(super) fn remarks(&self) -> Vec<Problem> {
        let Some(first) = self.hidden.first() else { return Vec::new() };
        let count = self.hidden.len() as u64 + self.more_hidden;
        let mut rows: Vec<_> = self.hidden.iter().map(u32::to_string).collect();
        if self.more_hidden > 0 {
            rows.push("…".to_owned());
        }
        let message = match count {
            1 => "a hidden row is read like the others".to_owned(),
            _ => format!("{count} hidden rows are read like the others"),
        };
        let (label, help) = ("hidden".to_owned(), "delete rows that are not wanted");
        let help = format!("{help}; hidden: {}", rows.join(", "));
        vec![Problem { row: *first, label, ..Problem::file(message, help) }]
    }
}

impl Merged {
    /// `B2:C7`
    fn name(&self) -> String {
        let cell = |column: usize, row: u32| format!("{}{row}", letters(column));
        let last = cell(self.columns.end.saturating_sub(1), self.rows.end.saturating_sub(1));
        format!("{}:{last}", cell(self.columns.start, self.rows.start))
    }
}

/// The header out of the first row that is not blank.
pub(super) fn columns(
    layout: &mut Layout,
    row: Option<Raw>,
    options: &Options<'_>,
) -> Result<Columns, Problem> {
    let row = row.ok_or_else(|| Problem::file("the sheet is empty", super::EXAMPLE))?;
    layout.header = row.number;
    let row = row.shown(0)?;
    let width = row.cells.last().map_or(0, |cell| cell.column + 1);
    let mut names = vec![(String::new(), 0..0); width];
    for cell in row.cells {
        names[cell.column] = (cell.value.as_text().unwrap_or_default().to_owned(), cell.span);
    }
    Columns::of_header(options.vocabulary, row.number, row.text, names)
}

/// A row as it is stored: its number, and the cells that are not empty, from left to right.
#[derive(Debug, Clone, Default)]
pub(super) struct Raw {
    pub(super) number: u32,
    pub(super) cells: Vec<(usize, Value)>,
}

/// Hands on what was read at or behind row `number`, in a sheet with so many named columns.
pub(super) fn step(raw: Result<Option<Raw>, Problem>, number: u32, width: usize) -> Step {
    match raw.and_then(|raw| raw.map(|raw| raw.shown(width)).transpose()) {
        Ok(Some(row)) => Step::Row(row),
        Ok(None) => Step::End,
        Err(problem) => Step::Broken(Problem { row: problem.row.max(number), ..problem }),
    }
}

impl Raw {
    /// Puts a value where it belongs, unless nothing can be seen of it.
    pub(super) fn put(&mut self, column: usize, value: Value) {
        if column < MOST_COLUMNS && !value.is_blank() {
            self.cells.push((column, value));
        }
    }

    /// With the text it is shown by; cells of the first `width` columns have a place in it even if
    /// they are empty.
    pub(super) fn shown(self, width: usize) -> Result<Row, Problem> {
        let mut text = String::new();
        let mut cells = Vec::with_capacity(self.cells.len());
        let mut next = 0;
        for (column, value) in self.cells {
            let empty = column.min(width.max(next)).saturating_sub(next);
            text.push_str(&" | ".repeat(empty + usize::from(next > 0)));
            next = column + 1;
            let start = text.len();
            show(&value, &mut text);
            if text.len() > LONGEST {
                let help = "is it the right file?";
                let problem = Problem::file("this row is longer than 1 MiB", help);
                return Err(Problem { row: self.number, ..problem });
            }
            cells.push(Cell { column, span: start..text.len(), value });
        }
        Ok(Row { number: self.number, text, cells })
    }
}

fn show(value: &Value, into: &mut String) {
    let shown = match value {
        Value::Date => "(a date)",
        Value::Formula => "(a formula)",
        Value::Error(shown) => shown,
        _ => value.as_text().unwrap_or_default(),
    };
    let cut = shown.char_indices().map(|(at, _)| at).find(|at| *at > SHOWN).unwrap_or(shown.len());
    into.push_str(&shown[..cut]);
}

/// `B7`, `$B$7`: the column and the row.
pub(super) fn place(reference: &str) -> Option<(usize, u32)> {
    let reference = reference.trim_start_matches('$');
    let digits = reference.find(|c: char| !c.is_ascii_alphabetic())?;
    let (letters, row) = reference.split_at(digits);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let add =
        |sum: usize, letter: u8| sum * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    let column = letters.bytes().fold(0, add);
    Some((column - 1, row.trim_start_matches('$').parse().ok()?))
}

//! Places with the text around them: in a manifest, and in the rows of its tables, which are read
//! again for it rather than held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::table::{Cell, Files, Row, Table};

use super::excerpt::{self, Excerpt};
use super::fields::names_a_secret;
use super::problem::Place;
use super::tables::TableFile;
use super::tree::Span;

/// What problems are shown in.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// What messages call the manifest.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its tables.
    pub tables: &'a [TableFile],
    /// Where they come from.
    pub files: &'a dyn Files,
}

/// A folder without tables.
pub(super) struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: &str) -> std::io::Result<Box<dyn crate::table::Input>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> std::io::Result<Box<dyn crate::table::Scratch>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl Shown<'_> {
    /// All these places.
    pub(super) fn places(&self, spans: &BTreeSet<Span>) -> HashMap<Span, Place> {
        let mut places = HashMap::with_capacity(spans.len());
        let lines =
            Lines::of(if spans.iter().any(|span| span.table == 0) { self.text } else { "" });
        let mut tables: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        for span in spans {
            match span.table {
                0 => drop(places.insert(*span, lines.place(self.path, *span))),
                table => tables.entry(table).or_default().push(*span),
            }
        }
        for (number, spans) in tables {
            let index = usize::try_from(number).unwrap_or_default().saturating_sub(1);
            if let Some(file) = self.tables.get(index) {
                self.in_table(file, &spans, &mut places);
            }
        }
        places
    }

    /// Reads the table until the last row that is wanted.
    fn in_table(&self, file: &TableFile, spans: &[Span], places: &mut HashMap<Span, Place>) {
        let mut rows: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        spans.iter().for_each(|span| rows.entry(span.row).or_default().push(*span));
        let mut search = Search { path: file.beside(self.path), rows, places };
        let input = self.files.open(&file.name).ok();
        match input.map(|input| Table::open(input, self.files, &file.options())) {
            Some(Ok(mut table)) => search.read(&mut table),
            Some(Err(bad)) => search.show(bad.row, |span| plainly(&bad.text, span)),
            None => {}
        }
        // The table as a whole, blank rows, and whatever is gone since.
        let left: Vec<u32> = search.rows.keys().copied().collect();
        left.into_iter().for_each(|row| search.show(row, |span| plainly("", span)));
    }
}

/// A search for rows of a table.
struct Search<'a> {
    path: String,
    /// What is wanted of which row.
    rows: BTreeMap<u32, Vec<Span>>,
    places: &'a mut HashMap<Span, Place>,
}

impl Search<'_> {
    fn read(&mut self, table: &mut Table) {
        if let Some((number, text)) = table.columns().header() {
            self.show(number, |span| plainly(text, span));
        }
        let has_secrets =
            table.columns().has_header() && table.columns().names().any(names_a_secret);
        while self.rows.last_key_value().is_some_and(|(last, _)| *last > 0)
            && let Some(row) = table.next_row()
        {
            match row {
                Ok(ref row) => self.show(row.number, |span| in_cells(row, table, span)),
                // Its cells may be shifted: any of them may be the secret.
                Err(ref bad) if has_secrets => self.show(bad.row, |span| plainly("…", span)),
                Err(ref bad) => self.show(bad.row, |span| plainly(&bad.text, span)),
            }
        }
    }

    /// Notes all places of a row.
    fn show(&mut self, number: u32, shown: impl Fn(Span) -> Spot) {
        for span in self.rows.remove(&number).into_iter().flatten() {
            let Spot { column, cell, excerpt } = shown(span);
            let line = usize::try_from(number.max(1)).unwrap_or(usize::MAX);
            let (path, bytes) = (self.path.clone(), span.range());
            self.places.insert(span, Place { path, line, column, bytes, cell, excerpt });
        }
    }
}

/// A part of a row.
struct Spot {
    column: usize,
    cell: Option<String>,
    excerpt: Excerpt,
}

/// Columns count characters.
fn plainly(text: &str, span: Span) -> Spot {
    let bytes = within(text, span);
    let column = text[..bytes.start].chars().count() + 1;
    Spot { column, cell: None, excerpt: Excerpt::of(text, bytes) }
}

/// Columns count characters in text, and cells in sheets. Secrets are looked for in each cell.
fn in_cells(row: &Row, table: &Table, span: Span) -> Spot {
    let bytes = within(&row.text, span);
    let cell = row.cells.iter().find(|cell| cell.span == bytes);
    let column = match cell {
        Some(cell) if table.has_sheets() => cell.column + 1,
        _ => row.text[..bytes.start].chars().count() + 1,
    };
    let named = |cell: &Cell| {
        let name = excerpt::quoted(table.columns().called(cell.column));
        format!("{}, {name}", table.columns().place(cell.column))
    };
    let called = cell.filter(|_| table.columns().has_header()).map(named);
    let is_secret = |cell: &Cell| names_a_secret(table.columns().called(cell.column));
    let cells = row.cells.iter().map(|cell| (cell.span.clone(), is_secret(cell)));
    Spot { column, cell: called, excerpt: Excerpt::of_cells(&row.text, bytes, cells) }
}

/// A table may have changed since it was first read.
fn within(text: &str, span: Span) -> Range<usize> {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let bytes = span.range();
    let [start, end] = [bytes.start, bytes.end].map(|at| boundary(at).unwrap_or(0));
    start..end.max(start)
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        // YAML knows three line ends: LF, CR LF and CR.
        let ends = |&(at, byte): &(usize, &u8)| {
            *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')
        };
        let after = bytes.iter().enumerate().filter(ends).map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    fn place(&self, path: &str, span: Span) -> Place {
        let bytes = span.range();
        let at = bytes.start.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        let shown = self.text[start..end].trim_end_matches(['\n', '\r']);
        let mark = (at - start).min(shown.len())..bytes.end.saturating_sub(start).min(shown.len());
        let column = self.text[start..at].chars().count() + 1;
        let (path, excerpt) = (path.to_owned(), Excerpt::of(shown, mark));
        Place { path, line, column, bytes, cell: None, excerpt }
    }
}

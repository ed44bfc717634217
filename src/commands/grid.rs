//! A table as people's programs write it: comma, semicolon or tab, with or without a mark of the byte
//! order, UTF-8 or UTF-16.
//!
//! All its cells are in memory: for files that people fill in or export, not for batches.

use std::borrow::Cow;

/// A table with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    /// In small letters, `_` between their words.
    pub(super) names: Vec<String>,
    pub(super) lines: Vec<Line>,
}

/// A row in which something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Of the file, from 1.
    pub(super) number: u64,
    /// As they were written; there may be fewer or more than names.
    pub(super) cells: Vec<String>,
}

impl Grid {
    /// The table in a text; the delimiter is the one that makes most columns of its header.
    pub(super) fn read(text: &str) -> Self {
        // Spreadsheets begin a file so where the delimiter is not the country's.
        let (named, skipped) = match text.split_once('\n') {
            Some((first, rest)) if first.trim_end().len() == 5 && first.starts_with("sep=") => {
                (Some(first.as_bytes()[4]), rest)
            }
            _ => (None, text),
        };
        let before = u64::from(named.is_some());
        let tables = match named {
            Some(delimiter) => vec![delimited(skipped, delimiter)],
            None => [b',', b';', b'\t'].map(|delimiter| delimited(skipped, delimiter)).into(),
        };
        // Of several with equally many, the first.
        let best =
            tables.into_iter().rev().max_by_key(|lines| lines.first().map(|l| l.cells.len()));
        let mut lines = best.unwrap_or_default().into_iter();
        let names = lines.next().map(|line| line.cells).unwrap_or_default();
        let names = names.iter().map(|name| name.to_lowercase().replace([' ', '-'], "_")).collect();
        let numbered = |line: Line| Line { number: line.number + before, ..line };
        Self { names, lines: lines.map(numbered).collect() }
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
}

fn delimited(text: &str, delimiter: u8) -> Vec<Line> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let (mut number, mut counted) = (1, 0);
    let lines = reader.records().flatten().map(|record| {
        let from = record.position().map_or(0, csv::Position::byte) as usize;
        // A record's place is where the one before ended: empty lines are between them.
        let begin = from + text[from..].len() - text[from..].trim_start_matches(['\r', '\n']).len();
        number += text[counted..begin].matches('\n').count() as u64;
        counted = begin;
        Line { number, cells: record.iter().map(str::to_owned).collect() }
    });
    lines.filter(|line| line.cells.iter().any(|cell| !cell.is_empty())).collect()
}

/// Bytes as text: UTF-16 by its mark or by its zeros, else UTF-8, in which `\u{fffd}` stands for what
/// is none.
pub(super) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        // The first character of any table and of any list of ids is one of ASCII.
        [first, 0, ..] if *first != 0 => utf_16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf_16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(u64, Vec<String>)> {
        Grid::read(text).lines.into_iter().map(|line| (line.number, line.cells)).collect()
    }

    #[test]
    fn every_delimiter_is_understood_and_lines_are_the_files() {
        for text in [
            "id,Task ID\na,t1\n\nb,t2\n",
            "id;Task-ID\r\na;t1\r\n\r\nb;t2\r\n",
            "id\ttask_id\na\t t1 \n,\nb\tt2",
            "sep=;\nid;task_id\na;t1\nb;t2\n",
        ] {
            let grid = Grid::read(text);
            assert_eq!(grid.names, ["id", "task_id"], "{text}");
            assert_eq!(grid.column(&["task", "task_id"]), Some(1));
            assert_eq!(grid.lines[0].cells, ["a", "t1"], "{text}");
            assert_eq!(grid.lines.last().map(|line| line.number), Some(4), "{text}");
            assert_eq!(grid.lines.last().map(|line| line.cell(Some(1))), Some("t2"), "{text}");
        }
        assert_eq!(cells("id,note\n\"a\",\"two\nlines\"\nb\n")[1], (4, vec!["b".to_owned()]));
        assert_eq!(cells("id\nb\n")[0], (2, vec!["b".to_owned()]));
        assert_eq!(Grid::read("").column(&["id"]), None);
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
            assert_eq!(text_of(&bytes), "id\nä", "{bytes:?}");
        }
        assert_eq!(text_of(b"id\n\xe4"), "id\n\u{fffd}");
    }
}

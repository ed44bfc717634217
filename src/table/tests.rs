//! What readers of tables get that are not manifests, and what is held of large ones.

pub(crate) mod books;

use std::cell::Cell as Counter;
use std::io::{self, Cursor};

use super::*;

/// Counts the scratch files that are asked for.
#[derive(Default)]
struct Desk(Counter<u32>);

impl Files for Desk {
    fn open(&self, _: &str) -> io::Result<Box<dyn Input>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        self.0.set(self.0.get() + 1);
        Ok(Box::new(tempfile::tempfile()?))
    }
}

fn table(desk: &Desk, bytes: &[u8], vocabulary: &'static Vocabulary) -> Result<Table, Problem> {
    let options = Options { vocabulary, sheet: None, encoding: None };
    Table::open(Box::new(Cursor::new(bytes.to_vec())), desk, &options)
}

#[test]
fn lists_of_tasks_are_read_by_the_same_code() {
    let csv = "Pair ID;note;Task ID\n007;x; t-1 \n\n12-Mar;;t-2\nb;;\n";
    let mut table = table(&Desk::default(), csv.as_bytes(), &TASKS).unwrap();
    assert!(table.columns().has("task_id"));
    let mut read = Vec::new();
    while let Some(row) = table.next_row() {
        let row = row.unwrap();
        let text = |name| match row.text_of(table.columns(), name) {
            Ok(text) => text.unwrap_or_default().into_owned(),
            Err(problem) => format!("{}: {}", problem.row, problem.message),
        };
        read.push([text("id"), text("task_id")]);
    }
    assert_eq!(
        read,
        [
            ["007", "t-1"],
            ["4: `Pair ID`: `12-Mar` looks like a name that became a date", "t-2"],
            ["b", ""],
        ]
    );
    assert!(table_of_pairs(csv).is_ok_and(|table| !table.columns().has("image")));
}

fn table_of_pairs(csv: &str) -> Result<Table, Problem> {
    table(&Desk::default(), csv.as_bytes(), &PAIRS)
}

/// Shared strings of more than a few megabytes go to scratch files, and come back.
#[test]
fn many_strings_are_not_held() {
    let mut book = books::Sheet::default();
    let row =
        |n: usize| ["id", "image", "audio"].map(|c| format!("{c}{}{n}", "é".repeat(40))).to_vec();
    book.push(&["id", "image", "audio"].map(str::to_owned));
    (0..20_000).for_each(|n| book.push(&row(n)));
    for (rows, scratch) in [(20_000, 2), (100, 0)] {
        let mut book = book.clone();
        book.truncate(rows + 1);
        let desk = Desk::default();
        let mut table = table(&desk, &book.xlsx(), &PAIRS).unwrap();
        for n in 0..rows {
            let found = table.next_row().unwrap().unwrap();
            let text: Vec<_> = found.cells.iter().filter_map(|cell| cell.value.as_text()).collect();
            assert_eq!(text, row(n));
            assert_eq!(found.number as usize, n + 2);
        }
        assert!(table.next_row().is_none());
        assert_eq!(desk.0.get(), scratch);
    }
}

/// A format that was set for a whole column, or a bomb: nothing of it is expanded.
#[test]
fn a_million_blank_rows_are_passed_over() {
    let blank = "<table:table-row table:number-rows-repeated='1048570'><table:table-cell \
                 table:number-columns-repeated='16384'/></table:table-row>";
    let cell = |text: &str| {
        format!(
            "<table:table-cell office:value-type='string'><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let pair = format!("{}{}", cell("image"), cell("audio"));
    let rows = format!(
        "<table:table-row>{pair}</table:table-row>{blank}\
         <table:table-row table:number-rows-repeated='2'>{pair}</table:table-row>"
    );
    let book = books::sheet_of_ods(&rows);
    let mut table = table(&Desk::default(), &book, &PAIRS).unwrap();
    let numbers: Vec<_> = table.rows().map(|row| row.unwrap().number).collect();
    assert_eq!(numbers, [1_048_572, 1_048_573]);
}

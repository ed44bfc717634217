//! JSON Lines: an object in each line.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cell::{Cell, Row, Value};
use super::columns::Columns;
use super::lines::Lines;
use super::vocabulary::Key;
use super::{Input, Options, Problem, Rows, Step, Table};

/// Lines of JSON.
pub(super) struct JsonLines(Lines);

/// The members of an object in the order written, repeated ones included.
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

pub(super) fn open(
    input: Box<dyn Input>,
    head: &[u8],
    options: &Options<'_>,
) -> Result<Table, Problem> {
    let lines = Lines::open(input, head, options.encoding)?;
    Ok(Table {
        columns: Columns::of_keys(options.vocabulary),
        rows: Rows::JsonLines(JsonLines(lines)),
        form: "JSON Lines".to_owned(),
        over: false,
    })
}

impl JsonLines {
    pub(super) fn step(&mut self, columns: &mut Columns) -> Step {
        loop {
            match self.0.next() {
                None => return Step::End,
                Some(Err(problem)) => return Step::Broken(problem),
                Some(Ok(line)) if line.trim().is_empty() => {}
                Some(Ok(line)) => return row(self.0.number, line, columns),
            }
        }
    }
}

fn row(number: u32, text: String, columns: &mut Columns) -> Step {
    let bad = |text: String, span: Range<usize>, message: String, help: &str| {
        let (label, help) = ("here".to_owned(), help.to_owned());
        Step::Bad(Problem { row: number, text, span, message, label, help })
    };
    let members = match serde_json::from_str::<Members<'_>>(&text) {
        Ok(Members(members)) => members,
        Err(error) => {
            let at = place(&text, error.column());
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default();
            let help = "each line is one object, such as {\"image\": \"…\", \"audio\": \"…\"}";
            return bad(text, at, format!("this line is no JSON object: {words}"), help);
        }
    };
    let mut cells: Vec<Cell> = Vec::with_capacity(members.len());
    for (name, raw) in members {
        let span = span_of(&text, raw.get());
        let Some(column) = columns.of_key(&name) else {
            let help = "is it the right file? Remove the keys that are not needed";
            return bad(text, span, "the table has more than 1000 keys".to_owned(), help);
        };
        let same = |cell: &&Cell| {
            let (key, other) = (columns.key(column), columns.key(cell.column));
            cell.column == column || key == other && *key != Key::Other
        };
        if let Some(first) = cells.iter().find(same) {
            let first = columns.called(first.column);
            let message = match first == name {
                true => format!("the key `{name}` is given twice"),
                false => format!("`{first}` and `{name}` mean the same"),
            };
            return bad(text, span, message, "keep one of the two");
        }
        cells.push(Cell { column, span, value: value(raw.get()) });
    }
    Step::Row(Row { number, text, cells })
}

fn value(raw: &str) -> Value {
    match raw.as_bytes().first() {
        Some(b'"') => Value::Text(serde_json::from_str(raw).unwrap_or_default()),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        Some(b'{' | b'[') => Value::Json(raw.to_owned()),
        _ => Value::Number(raw.to_owned()),
    }
}

/// Where a part of a text stands in it.
fn span_of(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// The character at the column of an error of `serde_json`, which counts bytes from 1.
fn place(text: &str, column: usize) -> Range<usize> {
    let near = column.saturating_sub(1).min(text.len());
    let start = (0..=near).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    start..start + length
}

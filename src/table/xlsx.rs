//! .xlsx: the rows of a sheet as a stream.

use std::io;

use super::cell::Value;
use super::columns::Columns;
use super::package::Package;
use super::sheet::{self, Layout, Merged, Raw};
use super::strings::Strings;
use super::workbook::Workbook;
use super::xml::{Element, Piece, Xml};
use super::{LONGEST, Options, Problem, Rows, Step, Table, unreadable};

/// The last row that a sheet may have.
const LAST_ROW: u32 = 1_048_576;

/// The rows of a sheet.
pub(super) struct Xlsx {
    xml: Xml<'static>,
    strings: Strings,
    /// Which formats show a date.
    dates: Vec<bool>,
    layout: Layout,
    /// The row that was begun last.
    number: u32,
}

impl Workbook {
    /// Reads the header.
    pub(super) fn start(self, package: Package, options: &Options<'_>) -> Result<Table, Problem> {
        let Self { part, strings, dates } = self;
        let xml = Xml::of(package.into_part(&part)?);
        let mut rows = Xlsx { xml, strings, dates, layout: Layout::default(), number: 0 };
        let first = rows.raw()?;
        let columns = sheet::columns(&mut rows.layout, first, options)?;
        let form = "an .xlsx spreadsheet".to_owned();
        Ok(Table { columns, rows: Rows::Xlsx(Box::new(rows)), form, over: false })
    }
}

/// Text without the escapes of control characters (`_x000D_`), and with one kind of line end.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest[at + 6..].starts_with('_'));
        let code =
            code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        plain.push_str(&rest[..at]);
        match code {
            Some(c) => {
                plain.push(c);
                rest = &rest[at + 7..];
            }
            None => {
                plain.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    plain.push_str(rest);
    if plain.contains('\r') { plain.replace("\r\n", "\n").replace('\r', "\n") } else { plain }
}

impl Xlsx {
    pub(super) fn step(&mut self, columns: &mut Columns) -> Step {
        let raw = self.raw();
        sheet::step(raw, self.number, columns.len())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next row in which anything stands.
    fn raw(&mut self) -> Result<Option<Raw>, Problem> {
        loop {
            match self.xml.next()? {
                Piece::Open(element) if element.name == "row" => {
                    let next = self.number.saturating_add(1);
                    self.number =
                        element.number("r").unwrap_or(next).clamp(next, LAST_ROW.max(next));
                    let row = if element.is_empty { Raw::default() } else { self.row()? };
                    if !row.cells.is_empty() {
                        if element.is_set("hidden") {
                            self.layout.hide(self.number);
                        }
                        return Ok(Some(row));
                    }
                }
                Piece::Open(element) if element.name == "mergeCell" => self.merge(&element),
                Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
                Piece::End => return Ok(None),
            }
        }
    }

    fn merge(&mut self, element: &Element) {
        let range = element.get("ref").unwrap_or_default().split_once(':');
        let places = range.and_then(|(one, two)| Some((sheet::place(one)?, sheet::place(two)?)));
        if let Some(((left, top), (right, bottom))) = places {
            self.layout.merge(Merged { rows: top..bottom + 1, columns: left..right + 1 });
        }
    }

    fn row(&mut self) -> Result<Raw, Problem> {
        let mut row = Raw { number: self.number, cells: Vec::new() };
        let mut next = 0;
        loop {
            match self.xml.next()? {
                Piece::Open(element) if element.name == "c" => {
                    let column =
                        element.get("r").and_then(sheet::place).map_or(next, |(column, _)| column);
                    // Only forwards: a cell that is given twice would be two.
                    let column = column.max(next);
                    next = column.saturating_add(1);
                    if !element.is_empty
                        && let Some(value) = self.cell(&element)?
                    {
                        row.put(column, value);
                    }
                }
                Piece::Close(name) if name == "row" => return Ok(row),
                Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
                Piece::End => return Ok(row),
            }
        }
    }

    fn cell(&mut self, cell: &Element) -> Result<Option<Value>, Problem> {
        let (mut text, mut stored, mut formula) = (String::new(), false, false);
        let mut within = "";
        let mut aloud = false;
        loop {
            match self.xml.next()? {
                Piece::Open(element) => match element.name.as_str() {
                    "f" => {
                        formula = true;
                        within = if element.is_empty { "" } else { "f" };
                    }
                    "v" | "t" if !element.is_empty => {
                        stored = true;
                        within = if aloud { "" } else { "v" };
                    }
                    "rPh" => aloud = !element.is_empty,
                    _ => {}
                },
                Piece::Text(part) if within == "v" => text.push_str(&part),
                Piece::Text(_) => {}
                Piece::Close(name) if name == "c" => break,
                Piece::Close(name) if name == "rPh" => aloud = false,
                Piece::Close(_) => within = "",
                Piece::End => break,
            }
            if text.len() > LONGEST {
                return Err(unreadable(&io::Error::other("a cell is longer than 1 MiB")));
            }
        }
        if !stored {
            return Ok(formula.then_some(Value::Formula));
        }
        self.value(cell, text).map(Some)
    }

    fn value(&mut self, cell: &Element, text: String) -> Result<Value, Problem> {
        Ok(match cell.get("t") {
            Some("s") => {
                let number = text.trim().parse().unwrap_or(u64::MAX);
                let shared = self.strings.get(number).map_err(|error| unreadable(&error))?;
                let missing = || unreadable(&io::Error::other("a text of it is missing"));
                Value::Text(shared.ok_or_else(missing)?)
            }
            Some("str" | "inlineStr") => Value::Text(plain(&text)),
            Some("b") => Value::Bool(text.trim() == "1" || text.trim() == "true"),
            Some("e") => Value::Error(text),
            Some("d") => Value::Date,
            _ => {
                let style = cell.number::<usize>("s").unwrap_or(0);
                match self.dates.get(style) {
                    Some(true) => Value::Date,
                    Some(false) | None => Value::Number(text.trim().to_owned()),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_control_characters_are_undone() {
        for (text, expected) in [
            ("a_x000D_\nb", "a\nb"),
            ("_x0041_x", "Ax"),
            ("file_x12_y", "file_x12_y"),
            ("_x005F_x000D_", "_x000D_"),
            ("_xä", "_xä"),
            ("_xééé_", "_xééé_"),
            ("a\r\nb\rc", "a\nb\nc"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}

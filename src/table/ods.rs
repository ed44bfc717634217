//! .ods: one part that holds all sheets, with rows and cells that say how often they are repeated.

use std::collections::HashSet;
use std::io;

use super::cell::Value;
use super::columns::Columns;
use super::package::Package;
use super::sheet::{self, Layout, MOST_COLUMNS, Merged, Raw};
use super::xml::{Element, Piece, Xml};
use super::{LONGEST, Options, Problem, Rows, Step, Table, unreadable};

/// The part that holds the sheets.
pub(super) const CONTENT: &str = "content.xml";

/// More styles than sheets have.
const MOST_STYLES: usize = 1_000;

/// The rows of a sheet.
pub(super) struct Ods {
    xml: Xml<'static>,
    layout: Layout,
    /// The row that was read last.
    number: u32,
    /// A row that is repeated, and how often it still comes.
    again: (Raw, u32),
}

pub(super) fn open(package: Package, options: &Options<'_>) -> Result<Table, Problem> {
    let mut xml = Xml::of(package.into_part(CONTENT)?);
    let (mut names, mut hidden, mut style) = (Vec::new(), HashSet::new(), String::new());
    loop {
        match xml.next()? {
            Piece::Open(element) if element.name == "style" => {
                style = element.get("name").unwrap_or_default().to_owned();
            }
            Piece::Open(element) if element.name == "table-properties" => {
                if element.get("display") == Some("false") && hidden.len() < MOST_STYLES {
                    hidden.insert(style.clone());
                }
            }
            Piece::Open(element) if element.name == "table" => {
                let name = element.get("name").unwrap_or_default().to_owned();
                let is_hidden =
                    element.get("style-name").is_some_and(|style| hidden.contains(style));
                let is_wanted = match options.sheet {
                    Some(wanted) => wanted.to_lowercase() == name.to_lowercase(),
                    None => !is_hidden,
                };
                if is_wanted {
                    break;
                }
                names.push(name);
                names.truncate(12);
            }
            Piece::End => {
                let wanted = options.sheet.unwrap_or_default();
                return Err(super::workbook::no_sheet(wanted, names.iter().map(String::as_str)));
            }
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
        }
    }
    let mut rows = Ods { xml, layout: Layout::default(), number: 0, again: (Raw::default(), 0) };
    let first = rows.raw()?;
    let columns = sheet::columns(&mut rows.layout, first, options)?;
    let form = "an .ods spreadsheet".to_owned();
    Ok(Table { columns, rows: Rows::Ods(Box::new(rows)), form, over: false })
}

impl Ods {
    pub(super) fn step(&mut self, columns: &mut Columns) -> Step {
        let raw = self.raw();
        sheet::step(raw, self.number, columns.len())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next row in which anything stands.
    fn raw(&mut self) -> Result<Option<Raw>, Problem> {
        if self.again.1 > 0 {
            self.number = self.number.saturating_add(1);
            self.again.1 -= 1;
            return Ok(Some(Raw { number: self.number, ..self.again.0.clone() }));
        }
        loop {
            match self.xml.next()? {
                Piece::Open(element) if element.name == "table-row" => {
                    if let Some(row) = self.row(&element)? {
                        return Ok(Some(row));
                    }
                }
                Piece::Close(name) if name == "table" => return self.rest(),
                Piece::End => return Ok(None),
                Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
            }
        }
    }

    /// Only at the end of the part it shows whether it is damaged.
    fn rest(&mut self) -> Result<Option<Raw>, Problem> {
        while self.xml.next()? != Piece::End {}
        Ok(None)
    }

    /// Nothing of a row, or of a million rows, in which nothing stands.
    fn row(&mut self, element: &Element) -> Result<Option<Raw>, Problem> {
        let times = element.number("number-rows-repeated").unwrap_or(1_u32).max(1);
        let number = self.number.saturating_add(1);
        let mut row = Raw { number, cells: Vec::new() };
        if !element.is_empty {
            self.cells(&mut row)?;
        }
        if row.cells.is_empty() {
            self.number = self.number.saturating_add(times);
            return Ok(None);
        }
        self.number = number;
        if element.get("visibility").is_some_and(|visibility| visibility != "visible") {
            (0..times.min(1_000)).for_each(|more| self.layout.hide(number.saturating_add(more)));
        }
        self.again = (row.clone(), times - 1);
        Ok(Some(row))
    }

    fn cells(&mut self, row: &mut Raw) -> Result<(), Problem> {
        let mut column = 0_usize;
        let mut length = 0;
        loop {
            match self.xml.next()? {
                Piece::Open(cell)
                    if matches!(cell.name.as_str(), "table-cell" | "covered-table-cell") =>
                {
                    let times = cell.number("number-columns-repeated").unwrap_or(1_usize);
                    let times = times.clamp(1, MOST_COLUMNS);
                    let text = if cell.is_empty { String::new() } else { self.text(&cell.name)? };
                    self.merge(&cell, row.number, column);
                    if let Some(value) = value(&cell, text) {
                        for at in column..column.saturating_add(times).min(MOST_COLUMNS) {
                            length += value.as_text().map_or(1, str::len);
                            if length > LONGEST {
                                return Err(long("a row"));
                            }
                            row.put(at, value.clone());
                        }
                    }
                    column = column.saturating_add(times);
                }
                Piece::Close(name) if name == "table-row" => return Ok(()),
                Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
                Piece::End => return Ok(()),
            }
        }
    }

    fn merge(&mut self, cell: &Element, row: u32, column: usize) {
        let rows = cell.number("number-rows-spanned").unwrap_or(1_u32).max(1);
        let columns =
            cell.number("number-columns-spanned").unwrap_or(1_usize).clamp(1, MOST_COLUMNS);
        if rows > 1 || columns > 1 {
            let (rows, columns) = (row..row.saturating_add(rows), column..column + columns);
            self.layout.merge(Merged { rows, columns });
        }
    }

    /// The text of a cell: its paragraphs as lines, without comments.
    fn text(&mut self, cell: &str) -> Result<String, Problem> {
        let (mut text, mut paragraphs, mut within, mut comments) = (String::new(), 0, 0, 0);
        loop {
            match self.xml.next()? {
                Piece::Open(element) => match element.name.as_str() {
                    "annotation" if !element.is_empty => comments += 1,
                    _ if comments > 0 => {}
                    "p" => {
                        if paragraphs > 0 {
                            text.push('\n');
                        }
                        paragraphs += 1;
                        within += usize::from(!element.is_empty);
                    }
                    "s" => {
                        let spaces = element.number("c").unwrap_or(1_usize).min(1_000);
                        text.push_str(&" ".repeat(spaces));
                    }
                    "tab" => text.push('\t'),
                    "line-break" => text.push('\n'),
                    _ => {}
                },
                Piece::Text(part) if within > 0 && comments == 0 => text.push_str(&part),
                Piece::Text(_) => {}
                Piece::Close(name) => match name.as_str() {
                    "annotation" => comments -= 1,
                    "p" if comments == 0 => within = within.saturating_sub(1),
                    name if name == cell && comments == 0 => return Ok(text),
                    _ => {}
                },
                Piece::End => return Ok(text),
            }
            if text.len() > LONGEST {
                return Err(long("a cell"));
            }
        }
    }
}

fn long(what: &str) -> Problem {
    unreadable(&io::Error::other(format!("{what} is longer than 1 MiB")))
}

/// What is stored in a cell; what is shown of it only where that is the same.
fn value(cell: &Element, text: String) -> Option<Value> {
    // LibreOffice stores an error as text, or as the number 0, and says so in an attribute.
    let kinds: Vec<_> = cell.all("value-type").collect();
    let stored = |name: &str| cell.get(name).unwrap_or_default().to_owned();
    Some(match kinds.first() {
        _ if kinds.contains(&"error") => Value::Error(text),
        None if cell.get("formula").is_some() && text.is_empty() => Value::Formula,
        None if text.is_empty() => return None,
        None | Some(&"string") => match cell.get("string-value") {
            Some(value) => Value::Text(value.to_owned()),
            None => Value::Text(text),
        },
        Some(&"boolean") => Value::Bool(stored("boolean-value") == "true"),
        Some(&"date" | &"time") => Value::Date,
        Some(_) => Value::Number(stored("value")),
    })
}

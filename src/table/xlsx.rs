//! .xlsx: which sheet, which cells are dates, and its rows as a stream.

use std::io;

use super::cell::{Row, Value};
use super::columns::Columns;
use super::package::Package;
use super::sheet::{self, Layout, Merged, Raw};
use super::strings::Strings;
use super::xml::{Element, Piece, Xml};
use super::{Files, LONGEST, Options, Problem, Rows, Step, Table, unreadable};

/// More formats than a workbook may have.
const MOST_STYLES: usize = 65_536;

/// The last row that a sheet may have.
const LAST_ROW: u32 = 1_048_576;

/// What the workbook says of the sheet that is wanted, and all that its cells refer to.
pub(super) struct Workbook {
    part: String,
    strings: Strings,
    dates: Vec<bool>,
}

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

/// A sheet as the workbook lists it.
struct Listed {
    name: String,
    relation: String,
    hidden: bool,
}

pub(super) fn open(
    package: &mut Package,
    files: &dyn Files,
    options: &Options<'_>,
) -> Result<Workbook, Problem> {
    let workbook = target(package, "_rels/.rels", "", |element| {
        element.get("Type").is_some_and(|kind| kind.ends_with("/officeDocument"))
    })?;
    let workbook = workbook.unwrap_or_else(|| "xl/workbook.xml".to_owned());
    if !package.has(&workbook) || workbook.ends_with("document.xml") {
        let message = "this is a ZIP archive, but no .xlsx or .ods spreadsheet";
        return Err(Problem::file(message, super::EXAMPLE));
    }
    let (folder, file) = workbook.rsplit_once('/').unwrap_or(("", &workbook));
    let relations = format!("{folder}/_rels/{file}.rels");
    let sheets = sheets(package, &workbook)?;
    let sheet = chosen(&sheets, options.sheet)?;
    let part =
        target(package, &relations, folder, |element| element.get("Id") == Some(&sheet.relation))?;
    let part = part.ok_or_else(|| unreadable(&io::Error::other("a sheet of it is missing")))?;
    let mut other = |kind: &str| {
        target(package, &relations, folder, |element| {
            element.get("Type").is_some_and(|found| found.ends_with(kind))
        })
    };
    let (texts, styles) = (other("/sharedStrings")?, other("/styles")?);
    let strings = match texts.filter(|part| package.has(part)) {
        Some(part) => Strings::read(package.part(&part)?, files)?,
        None => Strings::none(),
    };
    let dates = match styles.filter(|part| package.has(part)) {
        Some(part) => dates(Xml::of(package.part(&part)?))?,
        None => Vec::new(),
    };
    Ok(Workbook { part, strings, dates })
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

/// Where a relation leads to that is looked for, if the list and the relation are there.
fn target(
    package: &mut Package,
    list: &str,
    folder: &str,
    is: impl Fn(&Element) -> bool,
) -> Result<Option<String>, Problem> {
    if !package.has(list) {
        return Ok(None);
    }
    let mut xml = Xml::of(package.part(list)?);
    loop {
        match xml.next()? {
            Piece::Open(element) if element.name == "Relationship" && is(&element) => {
                let target = element.get("Target").unwrap_or_default();
                return Ok(Some(match target.strip_prefix('/') {
                    Some(whole) => whole.to_owned(),
                    None if folder.is_empty() => target.to_owned(),
                    None => format!("{folder}/{target}"),
                }));
            }
            Piece::End => return Ok(None),
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
        }
    }
}

fn sheets(package: &mut Package, workbook: &str) -> Result<Vec<Listed>, Problem> {
    let mut xml = Xml::of(package.part(workbook)?);
    let mut sheets = Vec::new();
    loop {
        match xml.next()? {
            Piece::Open(element) if element.name == "sheet" && sheets.len() < 1_000 => {
                let text = |name| element.get(name).unwrap_or_default().to_owned();
                let hidden = element.get("state").is_some_and(|state| state != "visible");
                sheets.push(Listed { name: text("name"), relation: text("id"), hidden });
            }
            Piece::End => return Ok(sheets),
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
        }
    }
}

fn chosen<'s>(sheets: &'s [Listed], wanted: Option<&str>) -> Result<&'s Listed, Problem> {
    let found = match wanted {
        Some(name) => sheets.iter().find(|sheet| sheet.name == name).or_else(|| {
            sheets.iter().find(|sheet| sheet.name.to_lowercase() == name.to_lowercase())
        }),
        None => sheets.iter().find(|sheet| !sheet.hidden).or(sheets.first()),
    };
    found.ok_or_else(|| {
        let names = sheets.iter().map(|sheet| sheet.name.as_str());
        no_sheet(wanted.unwrap_or_default(), names)
    })
}

/// That no sheet has a name, and which there are.
pub(super) fn no_sheet<'s>(wanted: &str, names: impl Iterator<Item = &'s str>) -> Problem {
    let names: Vec<_> = names.take(12).map(|name| format!("`{name}`")).collect();
    let message = match wanted {
        "" => "the spreadsheet has no sheet".to_owned(),
        _ => format!("the spreadsheet has no sheet `{wanted}`"),
    };
    Problem::file(message, format!("its sheets are {}", names.join(", ")))
}

/// Which cell formats show numbers as dates or times.
fn dates(mut xml: Xml<'_>) -> Result<Vec<bool>, Problem> {
    let (mut custom, mut dates, mut in_cells) = (Vec::new(), Vec::new(), false);
    loop {
        match xml.next()? {
            Piece::Open(element) => match element.name.as_str() {
                "numFmt" if custom.len() < MOST_STYLES => {
                    let code = element.get("formatCode").unwrap_or_default();
                    if let Some(id) = element.number::<u32>("numFmtId").filter(|_| shows_date(code))
                    {
                        custom.push(id);
                    }
                }
                "cellXfs" => in_cells = !element.is_empty,
                "xf" if in_cells && dates.len() < MOST_STYLES => {
                    let format = element.number("numFmtId").unwrap_or(0);
                    let built_in = matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                    dates.push(built_in || custom.contains(&format));
                }
                _ => {}
            },
            Piece::Close(name) if name == "cellXfs" => in_cells = false,
            Piece::Close(_) | Piece::Text(_) => {}
            Piece::End => return Ok(dates),
        }
    }
}

/// Whether a number format has a day, a month, a year or a time in it, outside quotes and brackets.
fn shows_date(code: &str) -> bool {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    for c in code.chars() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '"' => quoted = !quoted,
            _ if quoted => {}
            '\\' | '_' | '*' => escaped = true,
            '[' => bracketed = true,
            ']' => bracketed = false,
            // `[Red]`, `[$-409]`; but `[h]:mm` has its `m` outside.
            _ if bracketed => {}
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' | '年' | '月' | '日' => {
                return true;
            }
            _ => {}
        }
    }
    false
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
        let row: Result<Option<Row>, Problem> =
            self.raw().and_then(|raw| raw.map(|raw| raw.shown(columns.len())).transpose());
        match row {
            Ok(Some(row)) => Step::Row(row),
            Ok(None) => Step::End,
            Err(problem) => Step::Broken(Problem { row: problem.row.max(self.number), ..problem }),
        }
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
    fn number_formats_that_show_dates_are_told_apart() {
        for code in ["yyyy-mm-dd", "d/m/yy", "[h]:mm", "[$-409]mmm d", "m\"月\"d\"日\"", "yyyy年"]
        {
            assert!(shows_date(code), "{code}");
        }
        for code in ["0.00", "General", "[Red]0", "0\" days\"", "\\d0", "[$USD-409] #,##0", "@"] {
            assert!(!shows_date(code), "{code}");
        }
    }

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

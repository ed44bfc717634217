//! .xlsx: what the workbook says of its sheets, and what all cells refer to.

use std::io;

use super::package::Package;
use super::strings::Strings;
use super::xml::{Element, Piece, Xml};
use super::{Files, Options, Problem, unreadable};

/// More formats than a workbook may have.
const MOST_STYLES: usize = 65_536;

/// What the workbook says of the sheet that is wanted, and all that its cells refer to.
pub(super) struct Workbook {
    /// The part that holds the sheet.
    pub(super) part: String,
    pub(super) strings: Strings,
    /// Which formats show a date.
    pub(super) dates: Vec<bool>,
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
        return Err(other_archive(package));
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

fn other_archive(package: &Package) -> Problem {
    match package.has("Index/Document.iwa") {
        true => Problem::file(
            "this is a Numbers spreadsheet",
            "export it as CSV or Excel: File, Export To",
        ),
        false => {
            Problem::file("this is a ZIP archive, but no .xlsx or .ods spreadsheet", super::EXAMPLE)
        }
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
    let mut found = None;
    // To the end, where it shows whether the part is damaged.
    loop {
        match xml.next()? {
            Piece::Open(element) if element.name == "Relationship" && is(&element) => {
                found = found.or_else(|| element.get("Target").map(str::to_owned));
            }
            Piece::End => break,
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
        }
    }
    Ok(found.map(|target| match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None if folder.is_empty() => target,
        None => format!("{folder}/{target}"),
    }))
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
}

//! CSV and its kin: cells between commas, semicolons, tabs or bars, in quotes where they have to be.

use std::ops::Range;

use super::cell::{Cell, Row, Value};
use super::columns::Columns;
use super::encoding::Encoding;
use super::lines::Lines;
use super::vocabulary::Key;
use super::{Input, LONGEST, Options, Problem, Rows, Step, Table};

/// What may stand between cells.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// How many short rows are told of.
const MOST_SHORT: usize = 50;

/// Rows of text between delimiters.
pub(super) struct Separated {
    lines: Lines,
    delimiter: u8,
    short: Vec<Problem>,
}

/// A row so far: it ends with its line, unless a quote is open.
struct Record {
    text: String,
    cells: Vec<(Range<usize>, String)>,
    start: usize,
    value: String,
    at: At,
    /// Where something stands behind a closing quote.
    stray: Option<usize>,
}

/// Where in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Plain,
    Quoted,
    /// Behind a quote in quotes: the end of the cell, or the first half of a quote in it.
    Quote,
}

impl Record {
    fn new() -> Self {
        let (text, value, cells) = (String::new(), String::new(), Vec::new());
        Self { text, cells, start: 0, value, at: At::Start, stray: None }
    }

    /// Takes a line. Whether the row ends with it.
    fn feed(&mut self, line: &str, delimiter: u8) -> bool {
        let base = self.text.len();
        self.text.push_str(line);
        if self.at == At::Start && self.cells.is_empty() && !line.contains('"') {
            self.split(line, char::from(delimiter));
            return true;
        }
        for (at, c) in line.char_indices() {
            self.take(base + at, c, char::from(delimiter));
        }
        if self.at == At::Quoted {
            self.text.push('\n');
            self.value.push('\n');
            return false;
        }
        self.end(self.text.len());
        true
    }

    /// Takes a whole row that has no quotes in it, as most have none.
    fn split(&mut self, line: &str, delimiter: char) {
        for cell in line.split(delimiter) {
            let end = self.start + cell.len();
            self.cells.push((self.start..end, cell.to_owned()));
            self.start = end + 1;
        }
    }

    fn take(&mut self, place: usize, c: char, delimiter: char) {
        match self.at {
            At::Start if c == '"' => self.at = At::Quoted,
            At::Quote if c == '"' => {
                self.value.push(c);
                self.at = At::Quoted;
            }
            At::Quoted if c == '"' => self.at = At::Quote,
            At::Start | At::Plain | At::Quote if c == delimiter => {
                self.end(place);
                self.start = place + 1;
                self.at = At::Start;
            }
            // Some programs put a space between a quote and the comma.
            At::Quote if c == ' ' => {}
            At::Quote => {
                self.stray = self.stray.or(Some(place));
                self.value.push(c);
                self.at = At::Plain;
            }
            At::Start if c == ' ' && delimiter != ' ' => self.value.push(c),
            At::Start | At::Plain => {
                self.value.push(c);
                self.at = At::Plain;
            }
            At::Quoted => self.value.push(c),
        }
        // `a, "b"`: the space before a quote is none of the cell's.
        if c == '"' && self.at == At::Quoted && self.value.trim().is_empty() {
            self.value.clear();
        }
    }

    fn end(&mut self, place: usize) {
        self.cells.push((self.start..place, std::mem::take(&mut self.value)));
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|(_, value)| value.trim().is_empty())
    }
}

/// Finds out what stands between the cells, and reads the header.
pub(super) fn open(
    input: Box<dyn Input>,
    head: &[u8],
    options: &Options<'_>,
) -> Result<Table, Problem> {
    let mut lines = Lines::open(input, head, options.encoding)?;
    let mut told = None;
    let (number, first) = loop {
        match lines.next().transpose()? {
            None => return Err(Problem::file("the table is empty", super::EXAMPLE)),
            Some(line) if line.chars().all(|c| super::cell::invisible(c) || is_delimiter(c)) => {}
            Some(line) if lines.number == 1 && separator(&line).is_some() => {
                told = separator(&line)
            }
            Some(line) => break (lines.number, joined(&mut lines, line)?),
        }
    };
    let tried = match told {
        Some(delimiter) => vec![delimiter],
        None => DELIMITERS.to_vec(),
    };
    // The first of equals: most tables have commas.
    let headers = tried.into_iter().map(|delimiter| (delimiter, names(&first, delimiter)));
    let known = |names: &[(String, Range<usize>)]| {
        names.iter().filter(|(name, _)| options.vocabulary.key(name) != Key::Other).count()
    };
    let best =
        headers.reduce(|best, next| if known(&next.1) > known(&best.1) { next } else { best });
    let (delimiter, names) = best.unwrap_or((b',', Vec::new()));
    let columns = Columns::of_header(options.vocabulary, number, first, names)?;
    let form = form(delimiter, lines.encoding());
    let rows = Separated { lines, delimiter, short: Vec::new() };
    Ok(Table { columns, rows: Rows::Separated(rows), form, over: false })
}

fn is_delimiter(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| DELIMITERS.contains(&byte))
}

/// `sep=;`, which Excel writes and reads.
fn separator(line: &str) -> Option<u8> {
    let rest = line.trim().trim_matches('"');
    let rest = rest.strip_prefix("sep=").or_else(|| rest.strip_prefix("SEP="))?;
    match rest.as_bytes() {
        [] if line.contains('\t') => Some(b'\t'),
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Some(*byte),
        _ => None,
    }
}

/// With the lines behind it while a quote is open.
fn joined(lines: &mut Lines, first: String) -> Result<String, Problem> {
    let mut text = first;
    while text.matches('"').count() % 2 == 1 && text.len() < LONGEST {
        let Some(line) = lines.next().transpose()? else { break };
        text.push('\n');
        text.push_str(&line);
    }
    Ok(text)
}

fn names(text: &str, delimiter: u8) -> Vec<(String, Range<usize>)> {
    let mut record = Record::new();
    // A cell that is never closed ends with the header.
    if !record.feed(text, delimiter) {
        record.end(text.len());
    }
    record.cells.into_iter().map(|(span, name)| (name, span)).collect()
}

fn form(delimiter: u8, encoding: Encoding) -> String {
    let name = match delimiter {
        b'\t' => "TSV".to_owned(),
        b',' => "CSV".to_owned(),
        other => format!("CSV with `{}`", char::from(other)),
    };
    if encoding.is_utf_8() { name } else { format!("{name}, {}", encoding.name()) }
}

impl Separated {
    pub(super) fn step(&mut self, columns: &mut Columns) -> Step {
        loop {
            let mut record = Record::new();
            let mut number = None;
            loop {
                let line = match self.lines.next() {
                    None if number.is_none() => return Step::End,
                    None => return Step::Broken(unclosed(number, record)),
                    Some(Err(problem)) => return Step::Broken(problem),
                    Some(Ok(line)) => line,
                };
                number = number.or(Some(self.lines.number));
                if record.feed(&line, self.delimiter) {
                    break;
                }
                if record.text.len() > LONGEST {
                    return Step::Broken(unclosed(number, record));
                }
            }
            let number = number.unwrap_or_default();
            if !record.is_blank() {
                return self.row(number, record, columns.len());
            }
        }
    }

    fn row(&mut self, number: u32, record: Record, width: usize) -> Step {
        let Record { text, cells, stray, .. } = record;
        let bad = |text: String, span: Range<usize>, message: &str, help: &str| {
            let (message, help) = (message.to_owned(), help.to_owned());
            Step::Bad(Problem { row: number, text, span, message, label: "here".to_owned(), help })
        };
        if let Some(at) = stray {
            let help = "write a quote in a cell twice: `\"\"`, and the whole cell in quotes";
            return bad(text, at..at + 1, "something stands behind a closing quote", help);
        }
        let beyond = cells.iter().skip(width).find(|(_, value)| !value.trim().is_empty());
        if let Some((span, _)) = beyond.cloned() {
            let message = format!("this row has {} cells, the header {width}", cells.len());
            let help =
                format!("put a cell that has `{}` in it in quotes", char::from(self.delimiter));
            return bad(text, span, &message, &help);
        }
        if cells.len() < width && self.short.len() < MOST_SHORT {
            let message = format!("this row has {} cells, the header {width}", cells.len());
            let help = "those that are missing count as empty; is it a part of the row above?";
            let (text, span) = (text.clone(), 0..text.len());
            let label = "the row ends early".to_owned();
            self.short.push(Problem {
                row: number,
                text,
                span,
                message,
                label,
                help: help.to_owned(),
            });
        }
        let cells = cells.into_iter().enumerate();
        let cells = cells.map(|(column, (span, value))| Cell {
            column,
            span,
            value: Value::Written(value),
        });
        let cells = cells.filter(|cell| !cell.value.is_blank()).collect();
        Step::Row(Row { number, text, cells })
    }

    pub(super) fn remarks(&self) -> Vec<Problem> {
        self.short.clone()
    }
}

fn unclosed(number: Option<u32>, record: Record) -> Problem {
    let row = number.unwrap_or_default();
    let line =
        record.text[record.start..].find('\n').map_or(record.text.len(), |at| record.start + at);
    let text = record.text[..line].to_owned();
    Problem {
        row,
        span: record.start.min(text.len())..text.len(),
        text,
        message: "a quote is never closed".to_owned(),
        label: "opened here".to_owned(),
        help: "close it, or write a quote in a cell twice: `\"\"`, and the whole cell in quotes"
            .to_owned(),
    }
}

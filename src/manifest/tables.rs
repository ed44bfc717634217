//! `pairs_from`: tables with more pairs.

use crate::table::{Encoding, Files, Options, PAIRS, Problem, Row, Table};

use super::batch::Batch;
use super::excerpt;
use super::fields::{Field, Fields, Reading};
use super::media::{AUDIO, IMAGE};
use super::pairs::Common;
use super::problem::Finding;
use super::rows::Line;
use super::tree::{Kind, Node, Span};

/// Endings of files that have sheets.
const WITH_SHEETS: [&str; 5] = [".xlsx", ".xlsm", ".xltx", ".ods", ".ots"];

/// A table of pairs, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// Its file, relative to the manifest.
    pub name: String,
    /// Which sheet of it.
    pub sheet: Option<String>,
    /// What its text is encoded in, if somebody said so.
    pub encoding: Option<Encoding>,
    /// What it turned out to be, once it was read.
    pub form: String,
    /// How many pairs stand in it.
    pub pairs: u64,
}

impl TableFile {
    /// `spring.csv`, `spring.xlsx#Sheet2`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let sheets = |(name, sheet): &(&str, &str)| {
            let name = name.to_ascii_lowercase();
            WITH_SHEETS.iter().any(|ending| name.ends_with(ending)) && !sheet.is_empty()
        };
        let (name, sheet) = match text.rsplit_once('#').filter(sheets) {
            Some((name, sheet)) => (name, Some(sheet.to_owned())),
            None => (text, None),
        };
        Self { name: name.to_owned(), sheet, encoding: None, form: String::new(), pairs: 0 }
    }

    /// How it is to be read.
    #[must_use]
    pub fn options(&self) -> Options<'_> {
        Options { vocabulary: &PAIRS, sheet: self.sheet.as_deref(), encoding: self.encoding }
    }

    /// The folder of its file, relative to the manifest; empty if that is the manifest's own.
    pub(super) fn folder(&self) -> &str {
        self.name.rfind('/').map_or("", |at| &self.name[..at])
    }

    /// As messages call it beside a manifest of this path.
    #[must_use]
    pub fn beside(&self, manifest: &str) -> String {
        let sheet = self.sheet.as_ref().map_or(String::new(), |sheet| format!("#{sheet}"));
        match manifest.rfind('/') {
            Some(at) if !self.name.starts_with('/') => {
                format!("{}/{}{sheet}", &manifest[..at], self.name)
            }
            _ => format!("{}{sheet}", self.name),
        }
    }
}

/// What a manifest says of its tables.
pub(super) struct PairsFrom<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) tables: Vec<TableFile>,
    /// Columns that make ids where there is none.
    pub(super) id_from: Vec<String>,
    pub(super) is_given: bool,
    /// Where `pairs_from` stands.
    pub(super) at: Span,
}

/// A table that is read.
pub(super) struct Listed<'a> {
    /// From 1, as spans count them.
    pub(super) number: u32,
    pub(super) file: &'a TableFile,
    pub(super) files: &'a dyn Files,
    pub(super) at: Span,
}

/// What all rows of a table have in common.
pub(super) struct Rows<'a> {
    pub(super) common: &'a Common,
    pub(super) id_from: &'a [String],
}

impl<'t> Reading<'t> {
    pub(super) fn pairs_from<'a>(
        &mut self,
        fields: &mut Fields<'t>,
        files: &'a dyn Files,
    ) -> PairsFrom<'a> {
        let from = fields.take("pairs_from");
        let encoding = fields.take("encoding");
        let id_from = fields.take("id_from");
        let is_given = from.is_some();
        for field in [&encoding, &id_from].into_iter().flatten().filter(|_| !is_given) {
            let message = format!("`{}` goes with `pairs_from`, which is not there", field.name);
            let finding = Finding::new(field.key, message, "nothing would act on it");
            self.problems.note(finding.help("remove it, or name a table in `pairs_from`"));
        }
        let encoding = encoding.and_then(|field| self.encoding(&field));
        let id_from = id_from.map(|field| self.names(&field, "a column, or a list of columns"));
        let at = from.as_ref().map_or(Span::START, Field::span);
        let names = from.map(|field| self.names(&field, "a file, or a list of files"));
        let tables = names.unwrap_or_default();
        let tables = tables.iter().map(|name| TableFile { encoding, ..TableFile::parse(name) });
        let (tables, id_from) = (tables.collect(), id_from.unwrap_or_default());
        PairsFrom { files, tables, id_from, is_given, at }
    }

    fn encoding(&mut self, field: &Field<'t>) -> Option<Encoding> {
        let text = self.text(field)?;
        let encoding = Encoding::of(text);
        if encoding.is_none() {
            let help = "such as gbk, windows-1252, utf-16le or shift_jis";
            self.wrong(field, "the name of an encoding", help);
        }
        encoding
    }

    /// A text, or a list of some, none of them twice.
    fn names(&mut self, field: &Field<'t>, expected: &str) -> Vec<String> {
        let nodes: &[Node<'t>] = match &field.node.kind {
            Kind::List(items) if !items.is_empty() => items,
            Kind::Text(_) => std::slice::from_ref(field.node),
            _ => {
                self.wrong(field, expected, "write its name, or remove the key");
                return Vec::new();
            }
        };
        let mut names: Vec<String> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let item = Field { node, ..*field };
            let Some(name) = self.text(&item) else { continue };
            if names.iter().any(|other| other == name) {
                let message = format!("{} is named twice", excerpt::quoted(name));
                let finding = Finding::new(node.span, message, "second time");
                self.problems.note(finding.help("keep one of the two"));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }

    pub(super) fn all_tables(
        &mut self,
        from: &mut PairsFrom<'_>,
        common: &Common,
        batch: &mut Batch<'_>,
    ) {
        let rows = Rows { common, id_from: &from.id_from };
        for (file, number) in from.tables.iter_mut().zip(1..) {
            let listed = Listed { number, file, files: from.files, at: from.at };
            if let Some((form, pairs)) = self.table(&listed, &rows, batch) {
                (file.form, file.pairs) = (form, pairs);
            }
        }
    }

    /// Reads a table. Gives back what it turned out to be, and how many pairs stand in it.
    fn table(
        &mut self,
        listed: &Listed<'_>,
        rows: &Rows<'_>,
        batch: &mut Batch<'_>,
    ) -> Option<(String, u64)> {
        let before = batch.tally.pairs;
        let input = match listed.files.open(&listed.file.name) {
            Ok(input) => input,
            Err(error) => {
                let name = excerpt::quoted(&listed.file.name);
                let message = match error.kind() {
                    std::io::ErrorKind::NotFound => format!("{name}: there is no such file"),
                    _ => format!("{name}: cannot be read: {error}"),
                };
                let finding = Finding::new(listed.at, message, "a table of pairs");
                self.problems.note(finding.help("paths are relative to the manifest"));
                return None;
            }
        };
        let table = Table::open(input, listed.files, &listed.file.options());
        let table = table.map_err(|problem| self.note(listed, problem));
        let mut table = table.ok()?;
        let columns = self.columns(&table, rows).map_err(|problem| self.note(listed, problem));
        let columns = columns.ok()?;
        let mut any = false;
        while let Some(row) = table.next_row() {
            any = true;
            match row {
                Ok(row) => self.row(listed, (&row, &table), (rows, &columns), batch),
                Err(problem) => self.note(listed, problem),
            }
        }
        if !any {
            let help = "write a pair into each row below the names of the columns";
            self.note(listed, table.columns().problem(0..0, "the table has no pair in it", help));
        }
        table.troubles().into_iter().for_each(|problem| self.note(listed, problem));
        let named = |name: &String| table.columns().named(name);
        let used: Vec<_> = rows.id_from.iter().filter_map(named).collect();
        for remark in table.remarks(&used) {
            self.warnings.note(finding(listed, remark));
        }
        Some((table.form().to_owned(), batch.tally.pairs - before))
    }

    /// Those of `id_from`, unless the table lacks columns that it needs.
    fn columns(&self, table: &Table, rows: &Rows<'_>) -> Result<Vec<usize>, Problem> {
        let columns = table.columns();
        if !columns.has_header() {
            return Ok(Vec::new());
        }
        for medium in [&IMAGE, &AUDIO] {
            let name = medium.spellings[0];
            if !columns.has(name) && !rows.common.defaults.has(medium) {
                return Err(columns.missing(name));
            }
        }
        let column = |name: &String| columns.named(name).ok_or_else(|| columns.missing(name));
        rows.id_from.iter().map(column).collect()
    }

    fn row(
        &mut self,
        listed: &Listed<'_>,
        (row, table): (&Row, &Table),
        (rows, ids): (&Rows<'_>, &[usize]),
        batch: &mut Batch<'_>,
    ) {
        let columns = table.columns();
        let ids = match columns.has_header() {
            true => ids.to_vec(),
            // Keys of JSON turn up one by one.
            false => {
                rows.id_from.iter().map(|name| columns.named(name).unwrap_or(usize::MAX)).collect()
            }
        };
        let mut line = Line { table: listed.number, row, columns, problems: Vec::new() };
        let node = line.node(&ids);
        let problems = line.problems;
        problems.into_iter().for_each(|problem| self.note(listed, problem));
        let Some(node) = node else { return };
        self.inside((&row.text, Some(listed.file)), |inner| {
            inner.pair(&node, rows.common, batch);
        });
    }

    fn note(&mut self, listed: &Listed<'_>, problem: Problem) {
        self.problems.note(finding(listed, problem));
    }
}

fn finding(listed: &Listed<'_>, problem: Problem) -> Finding {
    let Problem { row, span, message, label, help, .. } = problem;
    Finding::new(Span::in_row(listed.number, row, &span), message, label).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_stands_behind_the_name_of_a_spreadsheet_only() {
        let parse = |text: &str| {
            let file = TableFile::parse(text);
            (file.name.clone(), file.sheet.clone(), file.beside("jobs/spring.yaml"))
        };
        let some = |sheet: &str| Some(sheet.to_owned());
        assert_eq!(
            parse("a/b.XLSX#Sheet 2"),
            ("a/b.XLSX".to_owned(), some("Sheet 2"), "jobs/a/b.XLSX#Sheet 2".to_owned())
        );
        assert_eq!(parse("a#b.csv"), ("a#b.csv".to_owned(), None, "jobs/a#b.csv".to_owned()));
        assert_eq!(parse("/a.ods#"), ("/a.ods#".to_owned(), None, "/a.ods#".to_owned()));
        assert_eq!(TableFile::parse("data/x/a.csv").folder(), "data/x");
        assert_eq!(TableFile::parse("a.csv").folder(), "");
    }
}

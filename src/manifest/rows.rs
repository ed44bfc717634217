//! A row of a table as the pair that it would be in YAML: the same reader checks both.

use serde_json::value::RawValue;

use crate::table::{Cell, Columns, Key, Members, Problem, Row, Spoilt, Use, Value, invisible};

use super::media::part_of_id;
use super::tree::{Kind, Node, Span};

/// A row that becomes a pair.
pub(super) struct Line<'r> {
    /// Which table, from 1.
    pub(super) table: u32,
    pub(super) row: &'r Row,
    pub(super) columns: &'r Columns,
    /// What is wrong with its cells.
    pub(super) problems: Vec<Problem>,
}

type Entry<'r> = (Node<'r>, Node<'r>);

impl<'r> Line<'r> {
    /// A map with the keys of a pair; cells that are empty are none of it. `ids` are the columns
    /// that make an id if the row gives none. Nothing if what is wrong with a cell leaves nothing
    /// to be said of the rest.
    pub(super) fn node(&mut self, ids: &[usize]) -> Option<Node<'r>> {
        let mut entries = Vec::with_capacity(self.row.cells.len());
        let mut parts: Vec<(&'static str, Vec<Entry<'r>>)> = Vec::new();
        let mut lost = false;
        for cell in &self.row.cells {
            match self.columns.key(cell.column) {
                Key::Other => {}
                Key::Known(name) => {
                    let as_a = match *name {
                        "id" => Use::Name,
                        "prompt" => Use::Words,
                        _ => Use::Other,
                    };
                    match (self.is_sound(cell, as_a), *name) {
                        (true, _) => {
                            let kind = self.value(name, cell);
                            entries.extend(kind.map(|kind| self.entry(name, cell, kind)));
                        }
                        (false, "id" | "image" | "audio") => lost = true,
                        (false, _) => {}
                    }
                }
                Key::Part(of, name) => {
                    if self.is_sound(cell, Use::Words)
                        && let Some(kind) = self.part(cell)
                    {
                        let entry = self.entry(name, cell, kind);
                        match parts.iter_mut().find(|(known, _)| known == of) {
                            Some((_, list)) => list.push(entry),
                            None => parts.push((of, vec![entry])),
                        }
                    }
                }
            }
        }
        self.join(&mut entries, parts);
        let take =
            entries.iter().find(|(key, _)| is(key, "take")).map(|(_, take)| take.kind.clone());
        if !ids.is_empty() && !entries.iter().any(|(key, _)| is(key, "id")) {
            let id = self.id_of(ids, take.as_ref());
            lost |= id.is_none();
            entries.extend(id);
        }
        let span = self.span(&(0..self.row.text.len()));
        (!lost).then_some(Node { kind: Kind::Map(entries), span })
    }

    fn span(&self, bytes: &std::ops::Range<usize>) -> Span {
        Span::in_row(self.table, self.row.number, bytes)
    }

    fn entry(&self, name: &'r str, cell: &Cell, kind: Kind<'r>) -> Entry<'r> {
        let span = self.span(&cell.span);
        (Node { kind: Kind::Text(name.into()), span }, Node { kind, span })
    }

    fn bad(&mut self, cell: &Cell, message: String, help: &'static str) {
        let problem = self.row.problem(cell, self.columns, Spoilt { message, help });
        self.problems.push(problem);
    }

    fn is_sound(&mut self, cell: &Cell, as_a: Use) -> bool {
        let spoilt = cell.spoilt(as_a);
        let sound = spoilt.is_none();
        self.problems.extend(spoilt.map(|spoilt| self.row.problem(cell, self.columns, spoilt)));
        sound
    }

    /// The value of a key of the pair; nothing if it is as good as not there, or refused.
    fn value(&mut self, name: &str, cell: &'r Cell) -> Option<Kind<'r>> {
        match (&cell.value, name) {
            (Value::Null, "id" | "take") => None,
            (Value::Null, _) => Some(Kind::Null),
            (Value::Bool(value), "turbo_mode") => Some(Kind::Bool(*value)),
            (Value::Json(_), _) => self.json(cell, &self.row.text[cell.span.clone()]),
            (value, "advanced" | "extra") => {
                let text = value.as_text()?.trim_matches(invisible);
                self.json(cell, text)
            }
            (value, "take") => Some(number(value.as_text()?.trim_matches(invisible))),
            (value, "turbo_mode") => Some(boolean(value.as_text()?.trim_matches(invisible))),
            (value, "prompt") => Some(Kind::Text(value.as_text()?.into())),
            (value, _) => Some(Kind::Text(value.as_text()?.trim_matches(invisible).into())),
        }
    }

    /// The value of a part of `advanced` or `extra`: of the type that it has, or looks like where
    /// files know nothing but text.
    fn part(&mut self, cell: &'r Cell) -> Option<Kind<'r>> {
        match &cell.value {
            Value::Null => Some(Kind::Null),
            Value::Bool(value) => Some(Kind::Bool(*value)),
            Value::Json(_) => self.json(cell, &self.row.text[cell.span.clone()]),
            Value::Number(digits) => self.json(cell, digits),
            Value::Text(text) => Some(Kind::Text(text.as_str().into())),
            Value::Written(text) => match text.trim_matches(invisible) {
                "TRUE" | "True" => Some(Kind::Bool(true)),
                "FALSE" | "False" => Some(Kind::Bool(false)),
                trimmed if serde_json::from_str::<&RawValue>(trimmed).is_ok() => {
                    self.json(cell, trimmed)
                }
                trimmed => Some(Kind::Text(trimmed.into())),
            },
            Value::Date | Value::Error(_) | Value::Formula => None,
        }
    }

    fn json(&mut self, cell: &Cell, text: &'r str) -> Option<Kind<'r>> {
        match serde_json::from_str::<&RawValue>(text).map_err(|error| error.to_string()) {
            Ok(raw) => match self.tree(cell, raw.get()) {
                Ok(node) => Some(node.kind),
                Err(message) => {
                    self.bad(
                        cell,
                        message,
                        "write it as the API expects it, in quotes if it is text",
                    );
                    None
                }
            },
            Err(error) => {
                let words = error.split(" at line ").next().unwrap_or_default();
                let help = "write JSON, such as {\"seed\": 7}, or a column such as `advanced.seed`";
                self.bad(cell, format!("this is no JSON: {words}"), help);
                None
            }
        }
    }

    fn tree(&self, cell: &Cell, raw: &'r str) -> Result<Node<'r>, String> {
        let failed = |error: serde_json::Error| format!("this is no JSON: {error}");
        let kind = match raw.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(raw).map_err(failed)?;
                let entry = |(name, value): (String, &'r RawValue)| {
                    let key = Kind::Text(name.into());
                    Ok((
                        Node { kind: key, span: self.span(&cell.span) },
                        self.tree(cell, value.get())?,
                    ))
                };
                Kind::Map(members.into_iter().map(entry).collect::<Result<_, String>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(failed)?;
                let items = items.into_iter().map(|item| self.tree(cell, item.get()));
                Kind::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Kind::Text(serde_json::from_str::<String>(raw).map_err(failed)?.into()),
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') => Kind::Null,
            _ => exact(raw).ok_or_else(|| {
                format!("the number {} cannot be passed on exactly", super::excerpt::quoted(raw))
            })?,
        };
        Ok(Node { kind, span: self.span(&cell.span) })
    }

    /// Puts `advanced.seed` into what the column `advanced` says.
    fn join(&self, entries: &mut Vec<Entry<'r>>, parts: Vec<(&'static str, Vec<Entry<'r>>)>) {
        for (of, list) in parts {
            match entries.iter_mut().find(|(key, _)| is(key, of)) {
                Some((_, Node { kind: Kind::Map(map), .. })) => map.extend(list),
                Some((_, Node { kind, .. })) => *kind = Kind::Map(list),
                None => {
                    let span = list.first().map_or(Span::START, |(key, _)| key.span);
                    let key = Node { kind: Kind::Text(of.into()), span };
                    entries.push((key, Node { kind: Kind::Map(list), span }));
                }
            }
        }
    }

    /// `anna-en` out of the cells of `id_from`.
    fn id_of(&mut self, ids: &[usize], take: Option<&Kind<'r>>) -> Option<Entry<'r>> {
        let mut parts = Vec::with_capacity(ids.len());
        let mut first = None;
        for column in ids {
            let Some(cell) = self.row.cells.iter().find(|cell| cell.column == *column) else {
                self.problems.push(self.lacks(*column));
                return None;
            };
            if !self.is_sound(cell, Use::Name) {
                return None;
            }
            let text = cell.value.as_text().unwrap_or_default();
            let part = part_of_id(text.trim_matches(invisible));
            if part.is_empty() {
                let quoted = super::excerpt::quoted(text);
                let help = "write letters and digits, or give the row an id of its own";
                self.bad(cell, format!("{quoted} makes no part of an id"), help);
                return None;
            }
            parts.push(part);
            first = first.or(Some(cell));
        }
        if let Some(Kind::Whole(take @ 2..)) = take {
            parts.push(format!("take{take}"));
        }
        first.map(|cell| self.entry("id", cell, Kind::Text(parts.join("-").into())))
    }

    fn lacks(&self, column: usize) -> Problem {
        let name = self.columns.called(column);
        Problem {
            row: self.row.number,
            text: self.row.text.clone(),
            span: 0..self.row.text.len(),
            message: match name {
                "" => "this row lacks a key of `id_from`".to_owned(),
                name => format!("this row has no `{name}`, which makes its id"),
            },
            label: "named in `id_from`".to_owned(),
            help: "fill it in, or give the row an id of its own".to_owned(),
        }
    }
}

fn is(key: &Node<'_>, name: &str) -> bool {
    matches!(&key.kind, Kind::Text(text) if text == name)
}

/// A number that YAML would read as the same.
fn exact(raw: &str) -> Option<Kind<'static>> {
    match raw.contains(['.', 'e', 'E']) {
        true => raw.parse().ok().filter(|value: &f64| value.is_finite()).map(Kind::Float),
        false => {
            let whole: i128 = raw.parse().ok()?;
            let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole);
            fits.then_some(Kind::Whole(whole))
        }
    }
}

/// Digits, or the text for the pair's reader to refuse. Spreadsheets write 2 as `2.0` now and then.
fn number(text: &str) -> Kind<'_> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(number) if plain => Kind::Whole(number),
        _ => Kind::Text(text.into()),
    }
}

/// True or false in the words that people use, or the text for the pair's reader to refuse.
fn boolean(text: &str) -> Kind<'_> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" | "是" => Kind::Bool(true),
        "false" | "no" | "n" | "off" | "0" | "否" => Kind::Bool(false),
        _ => Kind::Text(text.into()),
    }
}

//! Values of keys: of the right type and in range, or noted with what was expected.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use crate::price::{Amount, Money, Tariff};

use super::excerpt;
use super::fields::{Field, Reading};
use super::problem::Finding;
use super::settings::duration;
use super::tree::{Kind, Node};
use super::typed;

/// The most money a manifest can name; more is a slip of the finger.
const MOST_MONEY: f64 = 1e9;

impl<'t> Reading<'t> {
    /// The key has a value of the wrong type or out of range.
    pub(super) fn wrong(&mut self, field: &Field<'t>, expected: &str, help: &str) {
        let found = self.found(field.node);
        let message = match field.node.kind {
            Kind::Null => format!("`{}` is empty", field.name),
            _ => format!("`{}` must be {expected}, found {found}", field.name),
        };
        let finding = Finding::new(field.span(), message, format!("expected {expected}"));
        self.problems.note(finding.help(self.advice(help)));
    }

    /// What to do, as it is done where the value stands.
    fn advice(&self, help: &str) -> String {
        match self.within {
            None => help.to_owned(),
            Some(_) => help
                .replace("remove the key", "leave the cell empty")
                .replace(", without quotes", "")
                .replace(" without quotes", ""),
        }
    }

    /// A value of the right type whose content is refused for the reason given.
    pub(super) fn refuse(
        &mut self,
        field: &Field<'t>,
        reason: impl Display,
        expected: &str,
        help: &str,
    ) {
        let message = format!("`{}`: {reason}", field.name);
        let finding = Finding::new(field.span(), message, format!("expected {expected}"));
        self.problems.note(finding.help(self.advice(help)));
    }

    /// A plain text that ends where a `#` begins, which may have been meant as part of it.
    pub(super) fn warn_of_cut(&mut self, field: &Field<'t>) {
        let Kind::Text(_) = field.node.kind else { return };
        let raw = self.raw(field.node);
        if raw.starts_with(['"', '\'', '|', '>']) {
            return;
        }
        let Some(cut) = typed::cut_off(self.text, field.node.span.range().end) else { return };
        let message = format!("`{}` ends before this `#`", field.name);
        let finding = Finding::new(cut, message, "a comment, and not read");
        let help =
            "put the whole text in quotes if this belongs to it; else leave a space after `#`";
        self.warnings.note(finding.help(help));
    }

    fn found(&self, node: &Node<'t>) -> String {
        match &node.kind {
            Kind::Bool(_) | Kind::Whole(_) | Kind::Float(_) => {
                excerpt::quoted(self.raw(node)).trim_matches('`').to_owned()
            }
            Kind::Text(text) if !text.is_empty() => excerpt::quoted(text),
            _ => node.kind.called().to_owned(),
        }
    }

    /// A plain scalar as it stands in the file.
    pub(super) fn raw(&self, node: &Node<'t>) -> &'t str {
        self.text.get(node.span.range()).unwrap_or_default()
    }

    /// Text that is not empty.
    pub(super) fn text(&mut self, field: &Field<'t>) -> Option<&'t str> {
        match &field.node.kind {
            Kind::Text(text) if !text.trim().is_empty() => return Some(text),
            Kind::Bool(_) | Kind::Whole(_) | Kind::Float(_) => {
                let help = format!("put it in quotes: \"{}\"", self.found(field.node));
                self.wrong(field, "text", &help);
            }
            _ => self.wrong(field, "text", "give it a value, or remove the key"),
        }
        None
    }

    pub(super) fn boolean(&mut self, field: &Field<'t>) -> Option<bool> {
        if let Kind::Bool(value) = field.node.kind {
            return Some(value);
        }
        self.wrong(field, "true or false", "write `true` or `false`, without quotes");
        None
    }

    pub(super) fn whole(&mut self, field: &Field<'t>, range: RangeInclusive<u32>) -> Option<u32> {
        if let Kind::Whole(value) = field.node.kind
            && let Ok(value) = u32::try_from(value)
            && range.contains(&value)
        {
            return Some(value);
        }
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.wrong(field, &expected, "write the number without quotes, or remove the key");
        None
    }

    /// An amount above zero, in whatever currency the user counts in.
    pub(super) fn money(&mut self, field: &Field<'t>) -> Option<f64> {
        let amount = match field.node.kind {
            Kind::Float(amount) => amount,
            // Whole amounts beyond f64's precision are refused as too large.
            Kind::Whole(amount) => u32::try_from(amount).map_or(f64::NAN, f64::from),
            _ => f64::NAN,
        };
        if amount > 0.0 && amount <= MOST_MONEY {
            return Some(amount);
        }
        self.wrong(field, "a number above 0", "write an amount such as 0.16, without a currency");
        None
    }

    /// Money, or seconds of audio.
    pub(super) fn amount(&mut self, field: &Field<'t>, price: Option<Tariff>) -> Option<Amount> {
        if let Kind::Text(_) = field.node.kind {
            let seconds = duration(field).map(|duration| duration.as_secs()).filter(|s| *s > 0);
            if seconds.is_none() {
                let help = "write money as a number, such as 50, or seconds of audio, such as 600s";
                self.wrong(field, "an amount", help);
            }
            return seconds.map(Amount::Seconds);
        }
        let money = self.money(field)?;
        if price.is_none() {
            let message = format!("`{}` is money, and no price is known", field.name);
            let finding = Finding::new(field.span(), message, "cannot be compared with anything");
            self.problems.note(
                finding.help(
                    "add `price_per_second:`, or write seconds of audio instead, such as 600s",
                ),
            );
        }
        Some(Amount::Money(Money::of(money)))
    }

    /// The map as JSON, exactly as written.
    pub(super) fn json_map(&mut self, field: &Field<'t>) -> Option<Map<String, Value>> {
        match &field.node.kind {
            Kind::Map(entries) => Some(self.json_entries(entries)),
            _ => {
                self.wrong(field, "a map", "write `{key: value}`, or keys indented below it");
                None
            }
        }
    }

    fn json_entries(&mut self, entries: &'t [(Node<'t>, Node<'t>)]) -> Map<String, Value> {
        let fields = self.entries(entries);
        fields.iter().map(|field| (field.name.to_owned(), self.json(field.node))).collect()
    }

    fn json(&mut self, node: &'t Node<'t>) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Whole(value) => {
                Number::from_i128(*value).map_or_else(|| self.inexact(node), Value::Number)
            }
            Kind::Float(value) => self.json_float(node, *value),
            Kind::Text(text) => Value::String(text.clone().into_owned()),
            Kind::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Kind::Map(entries) => Value::Object(self.json_entries(entries)),
        }
    }

    /// Whole numbers beyond 64 bits arrive rounded, and JSON has neither NaN nor infinity.
    fn json_float(&mut self, node: &'t Node<'t>, value: f64) -> Value {
        let whole = !self.raw(node).contains(['.', 'e', 'E']);
        match Number::from_f64(value) {
            Some(number) if !whole => Value::Number(number),
            _ => self.inexact(node),
        }
    }

    fn inexact(&mut self, node: &'t Node<'t>) -> Value {
        let message = "this number cannot be passed on exactly as written";
        let finding = Finding::new(node.span, message, "not a JSON number of 64 bits");
        self.problems.note(finding.help("write it as the API expects it, in quotes if it is text"));
        Value::Null
    }
}

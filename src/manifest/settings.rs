//! The manifest's own keys, and the whole of it.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use jiff::SignedDuration;

use crate::pace::Rate;
use crate::pair::{Endpoint, PlainHttp};
use crate::table::Files;

use super::batch::{Batch, Keep, Tally};
use super::events::Items;
use super::fields::{Field, Fields, Reading};
use super::pairs::Common;
use super::places::Shown;
use super::problem::{Finding, Findings, Problems, Severity};
use super::prompts::Prompts;
use super::shared::Texts;
use super::tables::{PairsFrom, TableFile};
use super::tree::{Kind, Node, Span};
use super::{DEFAULT_ENDPOINT, DEFAULT_MODEL, Manifest, Origin, Spending, Way};

/// More creates at once than any server of this kind takes.
pub(super) const MOST_CONCURRENCY: u32 = 1024;

/// More unfinished tasks than any account may have.
pub(super) const MOST_IN_FLIGHT: u32 = 1_000_000;

/// More doubts than anybody will look into.
pub(super) const MOST_DOUBTS: u32 = 1_000_000;

/// Seconds of audio that the API takes in any mode.
pub(super) const MOST_AUDIO: u64 = 60;

const DEFAULT_CONCURRENCY: NonZeroU16 = NonZeroU16::new(4).expect("4 is not 0");

/// Seconds of audio that the API takes unless it renders 720p.
const DEFAULT_AUDIO: Duration = Duration::from_secs(30);

/// Creates that a run sends without asking.
const DEFAULT_CONFIRM_PAIRS: u32 = 100;

/// A first manifest, for someone who has none.
const EXAMPLE: &str = "a manifest looks like this:
    version: 1
    pairs:
      - image: https://example.com/portrait.jpg
        audio: https://example.com/speech.mp3";

/// A manifest whose tree is whole.
pub(super) fn whole<'k>(
    origin: &Origin<'k>,
    (text, tree): (&str, &Node<'_>),
    mut batch: Batch<'k>,
) -> Result<(Manifest, Tally), Problems> {
    let mut reading = Reading::of(origin, text);
    let mut tables = Vec::new();
    let manifest = reading.manifest(tree, (origin.files, &mut tables), &mut batch);
    reading.concluded(origin, (manifest, tables), batch)
}

/// A manifest of which the items of `pairs` are still to be read.
pub(super) fn manifest<'k>(
    origin: &Origin<'k>,
    (text, tree, items): (&str, &Node<'_>, Option<Items<'_>>),
    mut batch: Batch<'k>,
) -> Way<'k> {
    let mut reading = Reading { items: items.map(Box::new), ..Reading::of(origin, text) };
    let mut tables = Vec::new();
    let manifest = reading.manifest(tree, (origin.files, &mut tables), &mut batch);
    if reading.is_odd() {
        return Way::Odd(Box::new(batch.again(origin.files)));
    }
    Way::Clear(Box::new(reading.concluded(origin, (manifest, tables), batch)))
}

/// A table by itself: as if a manifest named it and said nothing else.
pub(super) fn bare<'k>(
    origin: &Origin<'k>,
    table: &str,
    keep: Keep<'k>,
) -> Result<(Manifest, Tally), Problems> {
    let node = |kind| Node { kind, span: Span::START };
    let entry = |name: &'static str, value| (node(Kind::Text(name.into())), node(value));
    let name = Kind::Text(table.into());
    let tree = node(Kind::Map(vec![entry("version", Kind::Whole(1)), entry("pairs_from", name)]));
    whole(origin, ("", &tree), Batch::new(keep, origin.files))
}

/// In characters; the API takes none that is longer.
pub(super) const LONGEST_MODEL: usize = 128;
/// Of a currency's name, in characters.
const LONGEST_CURRENCY: usize = 12;

impl<'t> Reading<'t> {
    fn of(origin: &Origin<'_>, text: &'t str) -> Self {
        let (problems, warnings) = (Findings::default(), Findings::default());
        let plain = origin.plain;
        let (prompts, texts) = (Prompts::default(), Texts::default());
        Self { text, plain, problems, warnings, prompts, texts, within: None, items: None }
    }

    fn is_odd(&self) -> bool {
        self.items.as_ref().is_some_and(|items| items.is_odd)
    }

    fn concluded(
        mut self,
        origin: &Origin<'_>,
        (manifest, tables): (Option<Manifest>, Vec<TableFile>),
        mut batch: Batch<'_>,
    ) -> Result<(Manifest, Tally), Problems> {
        batch.conclude(&mut self);
        let Self { text, problems, warnings, .. } = self;
        let shown = Shown { path: origin.path, text, tables: &tables, files: origin.files };
        match manifest {
            Some(manifest) if problems.is_empty() => {
                let warnings = warnings.locate(&shown, Severity::Warning);
                let Batch { pairs, marks, formers, tally, .. } = batch;
                Ok((Manifest { warnings, tables, pairs, marks, formers, ..manifest }, tally))
            }
            _ => Err(problems.locate(&shown, Severity::Error)),
        }
    }

    /// Nothing only if problems were noted; something does not mean that none were.
    fn manifest(
        &mut self,
        tree: &'t Node<'t>,
        (files, tables): (&dyn Files, &mut Vec<TableFile>),
        batch: &mut Batch<'_>,
    ) -> Option<Manifest> {
        if matches!(tree.kind, Kind::Null) {
            self.problems.note(self.nothing());
            return None;
        }
        let mut fields = Fields::open(self, tree, "the manifest")?;
        let all = &mut fields;
        self.version(all, tree.head());
        let endpoint = self.setting(all, "endpoint", Self::endpoint);
        let model = self.setting(all, "model", Self::model).unwrap_or(DEFAULT_MODEL);
        let concurrency = self.setting(all, "concurrency", Self::concurrency);
        let rate = self.setting(all, "rate", Self::rate);
        let in_flight = self.setting(all, "in_flight", Self::in_flight);
        let max_doubts = self.setting(all, "max_doubts", Self::max_doubts);
        let max_audio = self.setting(all, "max_audio", Self::max_audio);
        let spending = self.spending(all);
        let read =
            |own: &mut Self, field: &Field<'t>| own.shared_budget(field, spending.budget.is_some());
        let shared_budget = self.setting(all, "shared_budget", read);
        let currency = self.setting(all, "currency", Self::currency);
        let uploads = self.setting(all, "uploads", Self::uploads);
        let videos = self.setting(all, "videos", Self::videos);
        let idempotency = self.setting(all, "idempotency", Self::idempotency).flatten();
        let probe = self.setting(all, "probe", Self::boolean);
        let mut from = self.pairs_from(all, files);
        self.batch(all, (tree.head(), model), &mut from, batch);
        *tables = from.tables;
        fields.finish(self);
        Some(Manifest {
            endpoint: endpoint.unwrap_or_else(default_endpoint),
            model: model.to_owned(),
            concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
            rate,
            in_flight,
            max_doubts,
            max_audio: max_audio.unwrap_or(DEFAULT_AUDIO),
            spending,
            shared_budget,
            currency: currency.map_or_else(String::new, |name| format!(" {name}")),
            uploads,
            videos,
            idempotency,
            probe: probe.unwrap_or(false),
            pairs: Vec::new(),
            marks: Vec::new(),
            formers: Vec::new(),
            tables: Vec::new(),
            warnings: Problems::none(),
        })
    }

    fn nothing(&self) -> Finding {
        let message = match self.text.trim() {
            "" => "the manifest is empty",
            _ => "the manifest has nothing in it but comments",
        };
        Finding::new(Span::START, message, "expected `version: 1`").help(EXAMPLE)
    }

    fn setting<T>(
        &mut self,
        fields: &mut Fields<'t>,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Field<'t>) -> Option<T>,
    ) -> Option<T> {
        let field = fields.take(name)?;
        read(self, &field)
    }

    fn version(&mut self, fields: &mut Fields<'t>, start: Span) {
        match fields.take("version") {
            None => self.problems.note(
                Finding::new(start, "the manifest has no `version`", "expected `version: 1`")
                    .help("write `version: 1` above this line"),
            ),
            Some(field) if matches!(field.node.kind, Kind::Whole(1)) => {}
            Some(field) => self.wrong(
                &field,
                "1",
                "this program reads version 1; a newer callsheet may read another",
            ),
        }
    }

    fn model(&mut self, field: &Field<'t>) -> Option<&'t str> {
        let model = self.text(field)?;
        if model.chars().count() <= LONGEST_MODEL {
            return Some(model);
        }
        let expected = format!("a name of at most {LONGEST_MODEL} characters");
        self.refuse(field, "the name is too long", &expected, "give the model's name");
        None
    }

    fn currency(&mut self, field: &Field<'t>) -> Option<&'t str> {
        let name = self.text(field)?.trim();
        let fits = |c: char| c.is_alphanumeric() || is_sign(c);
        if (1..=LONGEST_CURRENCY).contains(&name.chars().count()) && name.chars().all(fits) {
            return Some(name);
        }
        let help = "write what the money is called, such as CNY or €; it is only shown";
        self.wrong(field, "a name of at most 12 letters", help);
        None
    }

    fn concurrency(&mut self, field: &Field<'t>) -> Option<NonZeroU16> {
        let number = self.whole(field, 1..=MOST_CONCURRENCY)?;
        u16::try_from(number).ok().and_then(NonZeroU16::new)
    }

    fn in_flight(&mut self, field: &Field<'t>) -> Option<NonZeroU32> {
        self.whole(field, 1..=MOST_IN_FLIGHT).and_then(NonZeroU32::new)
    }

    fn max_doubts(&mut self, field: &Field<'t>) -> Option<NonZeroU32> {
        self.whole(field, 1..=MOST_DOUBTS).and_then(NonZeroU32::new)
    }

    fn rate(&mut self, field: &Field<'t>) -> Option<Rate> {
        let rate = match &field.node.kind {
            Kind::Text(text) => text.parse().ok(),
            _ => None,
        };
        if rate.is_none() {
            let help = "how many creates may start in a time: 2/s, 60/min or 500/h";
            self.wrong(field, "a rate such as 60/min", help);
        }
        rate
    }

    /// With a unit, so that 30 is not taken for minutes.
    fn max_audio(&mut self, field: &Field<'t>) -> Option<Duration> {
        let duration = duration(field);
        let allowed = Duration::from_secs(1)..=Duration::from_secs(MOST_AUDIO);
        let duration = duration.filter(|duration| allowed.contains(duration));
        if duration.is_none() {
            let expected = format!("a time from 1s to {MOST_AUDIO}s, such as 30s");
            self.wrong(field, &expected, "the API takes 30s of audio, and 60s in 720p mode");
        }
        duration
    }

    fn spending(&mut self, fields: &mut Fields<'t>) -> Spending {
        let price = self.price(fields);
        let mut amount = |reading: &mut Self, name| {
            let read = |reading: &mut Self, field: &Field<'t>| reading.amount(field, price);
            reading.setting(fields, name, read)
        };
        let budget = amount(self, "budget");
        let max_pair_cost = amount(self, "max_pair_cost");
        let confirm_cost = amount(self, "confirm_cost");
        let confirm_pairs = self
            .setting(fields, "confirm_pairs", |reading, field| reading.whole(field, 0..=u32::MAX));
        Spending {
            price,
            budget,
            max_pair_cost,
            confirm_cost,
            confirm_pairs: confirm_pairs.unwrap_or(DEFAULT_CONFIRM_PAIRS),
        }
    }

    fn batch(
        &mut self,
        fields: &mut Fields<'t>,
        (start, model): (Span, &'t str),
        from: &mut PairsFrom<'_>,
        batch: &mut Batch<'_>,
    ) {
        let defaults = fields.take("defaults").map(|field| self.defaults(&field));
        let common = Common { model: model.into(), defaults: defaults.unwrap_or_default() };
        let pairs = fields.take("pairs");
        let cross = fields.take("cross");
        let some = pairs.is_some() || cross.is_some() || from.is_given;
        if batch.reads_none() && some {
            return;
        }
        if let Some(pairs) = pairs {
            self.pairs(&pairs, &common, batch);
        }
        // All of it will be read again.
        if self.is_odd() {
            return;
        }
        if let Some(cross) = cross {
            self.cross(&cross, &common, batch);
        }
        self.all_tables(from, &common, batch);
        if !some {
            let finding = Finding::new(start, "the manifest has no pairs", "expected `pairs:`");
            self.problems.note(finding.help(EXAMPLE));
        }
    }
}

/// A value such as `30s`.
pub(super) fn duration(field: &Field<'_>) -> Option<Duration> {
    match &field.node.kind {
        Kind::Text(text) => Duration::try_from(text.trim().parse::<SignedDuration>().ok()?).ok(),
        _ => None,
    }
}

/// Signs of money that are no letters.
fn is_sign(c: char) -> bool {
    matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '₠'..='₿' | '￥' | '＄')
}

#[expect(clippy::expect_used, reason = "the constant is an origin; a test reads it")]
fn default_endpoint() -> Endpoint {
    Endpoint::parse(DEFAULT_ENDPOINT, PlainHttp::Loopback).expect("an origin")
}

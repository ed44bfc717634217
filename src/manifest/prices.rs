//! `price` and its short form: what videos cost.

use crate::price::{Factor, Money, Per, Tariff};

use super::fields::{Field, Fields, Reading};
use super::problem::Finding;
use super::settings::duration;
use super::tree::Kind;

/// For messages.
const CALLED: &str = "`price`";
/// In seconds; no recording is longer.
const LONGEST_STEP: u64 = 60;
/// More is a slip of the finger.
const MOST_DEARER: f64 = 1000.0;

impl<'t> Reading<'t> {
    pub(super) fn price(&mut self, fields: &mut Fields<'t>) -> Option<Tariff> {
        let field = fields.take_either(self, ["price_per_second", "price"])?;
        if field.name == "price" {
            return self.tariff(&field);
        }
        self.money(&field).map(|amount| Tariff::per_second(Money::of(amount)))
    }

    fn tariff(&mut self, field: &Field<'t>) -> Option<Tariff> {
        if let Kind::Whole(_) | Kind::Float(_) = field.node.kind {
            let help = "write `price_per_second:` for a plain price, or `price: {per: clip, \
                        amount: 1.20}`";
            self.wrong(field, "a map", help);
            return None;
        }
        let mut fields = Fields::open_field(self, field, CALLED)?;
        let per = fields.take("per").map(|field| self.per(&field));
        let amount = fields.take("amount").map(|field| self.money(&field));
        let minimum = fields.take("minimum").map(|field| self.money(&field));
        let step = fields.take("step").map(|field| (field, self.step(&field)));
        let [turbo, hd] = ["turbo", "720p"].map(|name| self.factor(fields.take(name).as_ref()));
        fields.finish(self);
        if amount.is_none() {
            let finding =
                Finding::new(field.span(), "`price` has no `amount`", "expected `amount:`");
            self.problems.note(finding.help("say what one second or one clip costs"));
        }
        let per = per.unwrap_or(Some(Per::Time { unit: 1, step: 1 }))?;
        Some(Tariff {
            per: step.map_or(Some(per), |(field, step)| self.stepped(&field, per, step?))?,
            amount: Money::of(amount??),
            minimum: minimum.map_or(Some(Money::default()), |least| least.map(Money::of))?,
            turbo: turbo?,
            hd: hd?,
        })
    }

    /// `second`, `clip`, or a time of which each begun is counted.
    fn per(&mut self, field: &Field<'t>) -> Option<Per> {
        let per = match &field.node.kind {
            Kind::Text(text) if text.trim() == "second" => Some(Per::Time { unit: 1, step: 1 }),
            Kind::Text(text) if text.trim() == "clip" => Some(Per::Clip),
            _ => whole_seconds(field).map(|unit| Per::Time { unit, step: unit }),
        };
        if per.is_none() {
            let help = "write second, clip, or a time of which each begun is counted, such as 10s";
            self.wrong(field, "what is counted", help);
        }
        per
    }

    fn step(&mut self, field: &Field<'t>) -> Option<u32> {
        let step = whole_seconds(field);
        if step.is_none() {
            let expected = format!("whole seconds from 1s to {LONGEST_STEP}s");
            self.wrong(field, &expected, "what a recording's length is rounded up to, such as 5s");
        }
        step
    }

    fn stepped(&mut self, field: &Field<'t>, per: Per, step: u32) -> Option<Per> {
        match per {
            Per::Time { unit, .. } if step.is_multiple_of(unit) => Some(Per::Time { unit, step }),
            Per::Time { unit, .. } => {
                let reason = format!("{step}s is no multiple of {unit}s, which `per` says");
                self.refuse(field, reason, "a multiple of it", "leave out `step`, or change it");
                None
            }
            Per::Clip => {
                let reason = "a clip costs the same however long it is";
                self.refuse(field, reason, "`per: second`", "remove it, or count seconds");
                None
            }
        }
    }

    /// Nothing when it was refused.
    fn factor(&mut self, field: Option<&Field<'t>>) -> Option<Factor> {
        let Some(field) = field else { return Some(Factor::ONE) };
        let factor = self.money(field)?;
        if factor > MOST_DEARER {
            let help = "write how many times as much such a video costs, such as 1.5";
            self.wrong(field, "a factor", help);
            return None;
        }
        Some(Factor::of(factor))
    }
}

fn whole_seconds(field: &Field<'_>) -> Option<u32> {
    let time = duration(field).filter(|time| time.subsec_nanos() == 0)?;
    let seconds = u32::try_from(time.as_secs()).ok()?;
    (1..=LONGEST_STEP).contains(&seconds.into()).then_some(seconds)
}

//! What a run has done and is doing, as numbers that monitoring collects: Prometheus' text format,
//! version 0.0.4, by the naming conventions of its documentation.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write as _};

use super::Activity;
use crate::ledger::{Change, Lease};
use crate::price::Amount;
use crate::stage::Why;
use crate::state::{Event, State};

/// What is counted of a run, from its changes.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    states: BTreeMap<State, u64>,
    events: HashMap<Event, u64>,
}

/// A run at a moment.
#[derive(Debug)]
pub struct Gauges<'a> {
    /// Whose run.
    pub batch: &'a str,
    /// What was counted.
    pub tally: &'a Tally,
    /// What it does now.
    pub activity: &'a Activity,
    /// Creates that wait for their answers.
    pub under_way: u64,
    /// Bytes of videos that this run has fetched.
    pub fetched: u64,
    /// What is spent of a budget.
    pub budget: Option<(Amount, Amount)>,
    /// Whether the ledger is this run's.
    pub held: bool,
    /// The lease under which it creates, if the ledger is shared.
    pub lease: Option<Lease>,
}

impl Tally {
    /// Of so many pairs in each state.
    #[must_use]
    pub fn new(counts: &[(State, u64)]) -> Self {
        Self { states: counts.iter().copied().collect(), events: HashMap::new() }
    }

    pub(super) fn follow(&mut self, change: &Change) {
        *self.events.entry(change.event).or_default() += 1;
        if let Some(before) = self.states.get_mut(&change.from) {
            *before = before.saturating_sub(1);
        }
        *self.states.entry(change.state).or_default() += 1;
    }

    fn events(&self, events: &[Event]) -> u64 {
        events.iter().filter_map(|event| self.events.get(event)).sum()
    }
}

impl Gauges<'_> {
    /// All of them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut page = Page { text: String::new(), batch: escaped(self.batch) };
        self.of_the_run(&mut page);
        self.of_the_pairs(&mut page);
        self.of_the_gate(&mut page);
        self.of_the_money(&mut page);
        page.text
    }

    fn of_the_run(&self, page: &mut Page) {
        page.family("build_info", "gauge", "The version of callsheet.");
        page.value("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("ledger_held", "gauge", "1 while the ledger is this run's.");
        page.value("ledger_held", &[], u8::from(self.held));
        self.of_the_lease(page);
        page.family("creates_under_way", "gauge", "Creates that wait for their answers.");
        page.value("creates_under_way", &[], self.under_way);
        page.family("tasks_waiting", "gauge", "Tasks that are waited for.");
        page.value("tasks_waiting", &[], self.activity.waiting);
        page.family("downloads", "gauge", "Videos being fetched.");
        page.value("downloads", &[], self.activity.downloading);
        page.family("downloaded_bytes_total", "counter", "Bytes of videos fetched by this run.");
        page.value("downloaded_bytes_total", &[], self.fetched);
    }

    /// Without an age once it was ended for good.
    fn of_the_lease(&self, page: &mut Page) {
        let Some(lease) = &self.lease else { return };
        page.family("lease_held", "gauge", "1 while creates may be sent under the lease.");
        page.value("lease_held", &[], u8::from(lease.lasts));
        page.family("lease_seconds", "gauge", "How long the lease lasts after a renewal.");
        page.value("lease_seconds", &[], lease.length.as_secs_f64());
        if let Some(age) = lease.age {
            page.family("lease_age_seconds", "gauge", "How long ago the lease was renewed.");
            page.value("lease_age_seconds", &[], age.as_secs_f64());
        }
    }

    fn of_the_pairs(&self, page: &mut Page) {
        page.family("pairs", "gauge", "Pairs of the batch by state.");
        for state in State::ALL {
            let count = self.tally.states.get(&state).copied().unwrap_or(0);
            page.value("pairs", &[("state", state.name())], count);
        }
        page.family("creates_total", "counter", "Paid requests that this run has begun.");
        let begun = self.tally.events(&[Event::Intended, Event::Repeated]);
        page.value("creates_total", &[], begun);
        page.family("answers_total", "counter", "What creates of this run came to.");
        for (meaning, event) in [
            ("task", Event::Accepted),
            ("refused", Event::Refused),
            ("nothing_made", Event::NotMade),
            ("in_doubt", Event::Lost),
        ] {
            page.value("answers_total", &[("meaning", meaning)], self.tally.events(&[event]));
        }
        page.family("videos_total", "counter", "What tasks and videos of this run came to.");
        for (outcome, event) in
            [("saved", Event::Saved), ("failed", Event::Failed), ("link_lost", Event::LinkLost)]
        {
            page.value("videos_total", &[("outcome", outcome)], self.tally.events(&[event]));
        }
    }

    fn of_the_gate(&self, page: &mut Page) {
        let held = self.activity.held.as_ref();
        page.family("creates_held", "gauge", "1 for what holds creates back now.");
        for why in Why::ALL {
            let is_it = held.is_some_and(|held| held.why == why);
            page.value("creates_held", &[("why", why.name())], u8::from(is_it));
        }
        if let Some(held) = held {
            page.family("creates_held_info", "gauge", "What holds creates back, in words.");
            let labels = [("why", held.why.name()), ("reason", &escaped(&held.reason))];
            page.value("creates_held_info", &labels, 1);
        }
        let seconds = held.and_then(|held| held.seconds);
        page.family("creates_held_seconds", "gauge", "How long they are, if that is known.");
        page.value("creates_held_seconds", &[], seconds.unwrap_or(0));
    }

    fn of_the_money(&self, page: &mut Page) {
        let Some((spent, budget)) = self.budget else { return };
        let unit = match budget {
            Amount::Money(_) => "money",
            Amount::Seconds(_) => "seconds",
        };
        page.family("budget", "gauge", "What may be spent.");
        page.value("budget", &[("unit", unit)], number(budget));
        page.family("budget_spent", "gauge", "What is spent or reserved of it.");
        page.value("budget_spent", &[("unit", unit)], number(spent));
    }
}

fn number(amount: Amount) -> String {
    match amount {
        Amount::Money(money) => {
            let millionths = money.millionths();
            format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
        }
        Amount::Seconds(seconds) => seconds.to_string(),
    }
}

struct Page {
    text: String,
    batch: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ =
            write!(self.text, "# HELP callsheet_{name} {help}\n# TYPE callsheet_{name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "callsheet_{name}{{batch=\"{}\"", self.batch);
        for (label, of) in labels {
            let _ = write!(self.text, ",{label}=\"{of}\"");
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value may hold anything, with three characters written otherwise.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::price::Money;
    use crate::stage::{Held, Window};

    #[test]
    fn each_number_has_a_name_and_each_family_says_what_it_is() {
        let mut tally = Tally::new(&[(State::Planned, 5), (State::Saved, 2)]);
        *tally.events.entry(Event::Intended).or_default() = 3;
        *tally.events.entry(Event::Repeated).or_default() = 1;
        let held = Held {
            why: Why::Asked,
            reason: "429 from the \"API\"".to_owned(),
            text: String::new(),
            said: "slow \"down\"".to_owned(),
            since_seconds: 3,
            seconds: Some(42),
            gives_up_seconds: None,
            window: Window { size: 3, of: 16 },
        };
        let activity = Activity { waiting: 7, held: Some(held), ..Activity::default() };
        let budget = Some((Amount::Money(Money::from_millionths(1_500_000)), Amount::Seconds(20)));
        let text = Gauges {
            batch: "a \"b\"",
            tally: &tally,
            activity: &activity,
            under_way: 4,
            fetched: 9,
            budget,
            held: true,
            lease: Some(Lease {
                age: Some(Duration::from_millis(4500)),
                length: Duration::from_secs(30),
                lasts: true,
            }),
        }
        .text();
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}

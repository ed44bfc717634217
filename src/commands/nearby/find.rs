//! What was found in one run folder, or in another batch of the database, in words and for programs.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ledger::Paid;
use crate::plan::Sum;
use crate::price::Money;
use crate::state::State;
use crate::ui::counted;
use crate::view::printable;

/// What was found in one run folder, or batch.
#[derive(Debug)]
pub(super) struct Find {
    pub(super) folder: PathBuf,
    /// The batch's name, if it is one in a database.
    batch: Option<String>,
    /// All of it.
    pub(super) sum: Sum,
    /// Of these: only if links that are signed otherwise lead to the same.
    pub(super) probably: u64,
    in_doubt: u64,
    failed: u64,
    /// Of these: not sent yet, by a run that is under way there.
    about_to_be: u64,
    /// Whether this manifest can be that of the folder: its own is gone, or is this one.
    pub(super) is_its_batch: bool,
}

impl Find {
    pub(super) fn new(folder: PathBuf, is_its_batch: bool) -> Self {
        let (sum, probably, in_doubt, failed, about_to_be) = (Sum::default(), 0, 0, 0, 0);
        let batch = None;
        Self { folder, batch, sum, probably, in_doubt, failed, about_to_be, is_its_batch }
    }

    /// Of a batch in the database of a shared ledger.
    #[cfg(feature = "postgres")]
    pub(super) fn of_batch(name: String) -> Self {
        Self { batch: Some(name), ..Self::new(PathBuf::new(), false) }
    }

    fn place(&self) -> String {
        match &self.batch {
            Some(name) => format!("batch {name} of the shared ledger"),
            None => self.folder.display().to_string(),
        }
    }

    pub(super) fn add(&mut self, audio: Option<Duration>, paid: &Paid, price: Option<Money>) {
        self.sum.add(audio, price);
        self.about_to_be += u64::from(paid.about_to_be);
        match paid.state {
            State::InDoubt | State::Sending => self.in_doubt += 1,
            State::Failed => self.failed += 1,
            State::Planned
            | State::Created
            | State::Completed
            | State::Saved
            | State::Rejected
            | State::Abandoned => {}
        }
    }

    /// `12 of the 30 pairs to create were paid for already in spring.run: 48 s, 7.68`
    pub(super) fn describe(&self, wishes: usize, currency: &str) -> String {
        let Sum { pairs, billed, unmeasured, cost, .. } = self.sum;
        let were = if pairs == 1 { "was" } else { "were" };
        let mut text = format!(
            "{pairs} of the {} to create {were} paid for already in {}",
            counted(wishes as u64, "pair"),
            printable(&self.place())
        );
        if unmeasured < pairs {
            text.push_str(&format!(": {billed} s"));
            text.extend(cost.map(|cost| format!(", {cost}{currency}")));
        }
        if unmeasured > 0 {
            text.push_str(&format!(" ({} not measured)", counted(unmeasured, "recording")));
        }
        for (count, what) in [
            (self.in_doubt, "in doubt there"),
            (self.failed, "failed there"),
            (self.about_to_be, "about to be sent by the run that is under way there"),
            (self.probably, "only probably: their links are signed otherwise"),
        ] {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let place = match &self.batch {
            Some(name) => json!({"batch": name}),
            None => json!({"run_folder": self.folder.display().to_string()}),
        };
        let mut value = json!({
            "paid": self.sum,
            "in_doubt": self.in_doubt,
            "failed": self.failed,
            "about_to_be_sent": self.about_to_be,
            "probably": self.probably,
            "manifest_was_renamed": self.is_its_batch,
        });
        place.as_object().into_iter().flatten().for_each(|(key, at)| value[key] = at.clone());
        value
    }
}

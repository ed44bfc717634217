//! Idempotency keys in words: which doubts are sent again by themselves, until when, and what has to be
//! found out before.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::batch::Batch;
use super::failure::Failure;
use crate::files::hexadecimal;
use crate::ledger::{AnotherTask, Keyed, LedgerError, Replay, Store, View};
use crate::pair::{ApiKey, Idempotency};
use crate::ui::Ui;
use crate::view::printable;

/// Enough of a digest to tell accounts apart.
const DIGEST: usize = 16;

/// What keys are good for now.
#[derive(Debug, Default)]
pub(super) struct Resends {
    keys: Option<Idempotency>,
    doubts: Vec<Keyed>,
    /// The accepted create that would be sent again first, and the length of its recording.
    trial: Option<(String, Option<Duration>)>,
    others: Vec<AnotherTask>,
}

/// Has the ledger name creates as the manifest says.
pub(super) fn take(batch: &Batch, key: Option<&ApiKey>, store: &mut Store) -> Result<(), Failure> {
    let accounts = store.view()?.accounts()?;
    let digest = key.zip(accounts).map(|(key, accounts)| hexadecimal(&accounts.digest(key)));
    let account = digest.map_or_else(String::new, |digest| format!(" {}", &digest[..DIGEST]));
    let desk = batch.owner() + &account;
    Ok(store.use_keys(batch.manifest.idempotency.as_ref(), &desk)?)
}

/// Says so of pairs that a person wants created anew, and that would be settled for nothing.
pub(super) fn warn_of_resend<'a>(
    ui: &Ui,
    view: &View,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let resends = Resends::read(view, view.idempotency()?.as_ref())?;
    for id in ids {
        let same = |doubt: &&Keyed| doubt.planned.id.eq_ignore_ascii_case(id);
        if let Some(doubt) = resends.going().find(same) {
            ui.warn(&format!(
                "{}: the next run would have sent it again under its key, which pays for nothing twice, \
                 until {}; now it is created anew, and paid for anew",
                doubt.planned.id,
                shown(doubt.until)
            ));
        }
    }
    Ok(())
}

impl Resends {
    /// With the keys of a manifest, or of the last run.
    pub(super) fn read(view: &View, keys: Option<&Idempotency>) -> Result<Self, LedgerError> {
        let (others, now) = (view.other_tasks()?, Timestamp::now());
        let Some(keys) = keys else { return Ok(Self { others, ..Self::default() }) };
        let doubts = view.keyed(keys, now)?;
        let unknown = doubts.iter().find(|doubt| doubt.replay == Replay::Unknown);
        let trial = unknown.map(|doubt| view.to_try(keys, doubt, now)).transpose()?.flatten();
        let trial = trial.map(|planned| (planned.id.to_string(), planned.audio));
        Ok(Self { keys: Some(keys.clone()), doubts, trial, others })
    }

    /// Those that are sent again, or will be once it is known that the service honours keys.
    fn going(&self) -> impl Iterator<Item = &Keyed> {
        self.doubts.iter().filter(|doubt| doubt.replay != Replay::Never)
    }

    fn count(&self, replay: Replay) -> usize {
        self.doubts.iter().filter(|doubt| doubt.replay == replay).count()
    }

    /// Whether a create of the past would be sent again first, and how long its recording is.
    pub(super) fn trial(&self) -> Option<(&str, Option<Duration>)> {
        self.trial.as_ref().map(|(id, audio)| (id.as_str(), *audio))
    }

    /// For people, as part of what is said of doubts.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let (known, unknown) = (self.count(Replay::Honoured), self.count(Replay::Unknown));
        if let Some(first) = self.going().map(|doubt| doubt.until).min() {
            let last = self.going().map(|doubt| doubt.until).max().unwrap_or(first);
            let until = match first == last {
                true => shown(first),
                false => format!("{}, the latest {}", shown(first), shown(last)),
            };
            lines.push(format!(
                "The next run sends {} of them again by itself, each under its own key, until {until}.",
                known + unknown
            ));
        }
        if unknown > 0 {
            lines.push(match &self.trial {
                Some((id, _)) => format!(
                    "  Before that it sends the accepted create of {id} again: if the service does not \
                     honour keys, that costs its price once more, and nothing else is sent again."
                ),
                None => "  But first a create has to be accepted: with that one it finds out whether the \
                         service honours keys."
                    .to_owned(),
            });
        }
        match self.count(Replay::Never) {
            0 => {}
            never => lines.push(format!(
                "{never} of them had a key, and the service does not honour keys: never sent again by \
                 itself."
            )),
        }
        lines
    }

    /// What was paid for to find out that the service honours no keys.
    pub(super) fn describe_others(&self) -> impl Iterator<Item = String> {
        self.others.iter().map(|other| {
            let [task, more] = [&other.task_id, &other.other_task_id].map(|task| printable(task));
            format!(
                "{} has another task beside {task}: {more}, made and paid for when its create was sent \
                 again: the service does not honour idempotency keys, and nothing is sent again there",
                other.id
            )
        })
    }

    /// For programs; nothing where no keys are used.
    pub(super) fn json(&self) -> Option<Value> {
        if self.keys.is_none() && self.others.is_empty() {
            return None;
        }
        let until = self.going().map(|doubt| doubt.until).min();
        Some(json!({
            "header": self.keys.as_ref().map(|keys| keys.header.as_str()),
            "window_seconds": self.keys.as_ref().map(|keys| keys.window.as_secs()),
            "sent_again": self.going().map(|doubt| &*doubt.planned.id).collect::<Vec<_>>(),
            "until": until.map(|until| until.to_string()),
            "honoured": match (self.count(Replay::Honoured), self.count(Replay::Never)) {
                (1.., _) => Some(true),
                (0, 1..) => Some(false),
                (0, 0) => (!self.others.is_empty()).then_some(false),
            },
            "trial": self.trial.as_ref().map(|(id, _)| id),
            "other_tasks": self.others,
        }))
    }
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

//! Idempotency keys in words: which doubts are sent again by themselves, until when, and what has to be
//! found out before.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::batch::Batch;
use super::failure::Failure;
use crate::files::hexadecimal;
use crate::ledger::{AnotherTask, Keyed, LedgerError, Replay, Store, View};
use crate::pair::{ApiKey, Idempotency};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// Enough of a digest to tell accounts apart.
const DIGEST: usize = 16;

/// What keys are good for now.
#[derive(Debug, Clone, Default)]
pub(super) struct Resends {
    keys: Option<Idempotency>,
    doubts: Vec<Keyed>,
    /// The accepted creates that would be sent again first, one for each desk, and how long their
    /// recordings are.
    trials: Vec<(String, Option<Duration>)>,
    /// Whether a doubt of this run would need one.
    may_need_one: bool,
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
    let folded = |doubt: &Keyed| doubt.planned.id.to_ascii_lowercase();
    let going: HashMap<_, _> = resends.going().map(|doubt| (folded(doubt), doubt)).collect();
    for id in ids {
        if let Some(doubt) = going.get(&id.to_ascii_lowercase()) {
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
        let mut trials = Vec::new();
        let mut desks = HashSet::new();
        for doubt in doubts.iter().filter(|doubt| doubt.replay == Replay::Unknown) {
            if desks.insert(doubt.desk()) {
                let planned = view.to_try(keys, doubt, now)?;
                trials.extend(planned.map(|planned| (planned.id.to_string(), planned.audio)));
            }
        }
        let here = view.desk()?;
        let counted = !trials.is_empty() && here.is_some_and(|here| desks.contains(&*here));
        let may_need_one = view.replays_here(keys)? == Replay::Unknown && !counted;
        Ok(Self { keys: Some(keys.clone()), doubts, trials, may_need_one, others })
    }

    /// Before there is a ledger.
    pub(super) fn of_nothing(keys: Option<&Idempotency>) -> Self {
        Self { keys: keys.cloned(), may_need_one: keys.is_some(), ..Self::default() }
    }

    /// Those that are sent again, or will be once it is known that the service honours keys.
    fn going(&self) -> impl Iterator<Item = &Keyed> {
        self.doubts.iter().filter(|doubt| doubt.replay != Replay::Never)
    }

    fn count(&self, replay: Replay) -> usize {
        self.doubts.iter().filter(|doubt| doubt.replay == replay).count()
    }

    /// The creates of the past that would be sent again first, and how long their recordings are.
    pub(super) fn trials(&self) -> impl Iterator<Item = (&str, Option<Duration>)> {
        self.trials.iter().map(|(id, audio)| (id.as_str(), *audio))
    }

    /// Whether no doubt is to be sent again yet.
    pub(super) fn is_empty(&self) -> bool {
        self.going().next().is_none()
    }

    /// Whether one of the creates that are still to come may have to be sent twice.
    pub(super) fn may_need_one(&self) -> bool {
        self.may_need_one
    }

    /// For people, as part of what is said of doubts; `who` is a run.
    pub(super) fn lines(&self, who: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let (known, unknown) = (self.count(Replay::Honoured), self.count(Replay::Unknown));
        if let Some(first) = self.going().map(|doubt| doubt.until).min() {
            let last = self.going().map(|doubt| doubt.until).max().unwrap_or(first);
            let until = match first == last {
                true => shown(first),
                false => format!("{}, the latest {}", shown(first), shown(last)),
            };
            lines.push(format!(
                "{who} sends {} of them again by itself, each under its own key, until {until}.",
                known + unknown
            ));
        }
        if unknown > 0 {
            lines.push(match self.trials.first() {
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
            1 => lines.push(
                "1 of them is never sent again by itself: the service does not honour keys.".to_owned(),
            ),
            never => lines.push(format!(
                "{never} of them are never sent again by themselves: the service does not honour keys."
            )),
        }
        lines
    }

    /// The same at the start of a run.
    pub(super) fn announce(&self) -> Option<String> {
        let doubts = self.doubts.len();
        let lines = self.lines("this run");
        (!lines.is_empty()).then(|| {
            let first = format!("{} in doubt with a key:", counted(doubts as u64, "create"));
            let lines = lines.iter().map(|line| line.trim_start().to_owned());
            std::iter::once(first).chain(lines).collect::<Vec<_>>().join(" ")
        })
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
            "trial": self.trials.first().map(|(id, _)| id),
            "other_tasks": self.others,
        }))
    }
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

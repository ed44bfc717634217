//! What is known of links without asking anybody: one notion for `check`, which tells of it, and for
//! `plan` and `run`, which refuse what cannot work before anything is sent.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::batch::{Batch, problems};
use super::failure::Failure;
use super::locals::note;
use super::media::demands;
use crate::catalog::Catalog;
use crate::fitness::{PRIVATE, Remark, Weight, of_address, of_death, of_link};
use crate::ledger::{Rows, View};
use crate::manifest::{Marks, Note, Severity};
use crate::pair::{Pair, Role, Source, folded};
use crate::preflight::{Medium, distinct};
use crate::state::State;

/// What is judged by.
#[derive(Clone, Copy)]
pub(super) struct Links<'a> {
    catalog: &'a Catalog,
    now: Timestamp,
    /// For how long the batch may need them.
    takes: Duration,
    /// Whether the API reaches what this machine does.
    local: bool,
}

impl<'a> Links<'a> {
    pub(super) fn new(batch: &Batch, catalog: &'a Catalog, takes: Duration) -> Self {
        Self { catalog, now: Timestamp::now(), takes, local: demands(batch).local }
    }

    /// All that is to be said of a link.
    pub(super) fn remarks(&self, url: &str, role: Role) -> Vec<Remark> {
        let mut remarks = of_address(url, role, self.local);
        // Where somebody looked, and it was a portrait or a recording, its name says nothing.
        if !remarks.is_empty() && self.catalog.get(url, role).is_some_and(|it| it.look.is_fit()) {
            remarks.retain(|remark| remark.code == PRIVATE);
        }
        remarks.extend(of_link(url, self.now, self.takes));
        remarks
    }

    /// What is to be said of when the links of a pair die, as far as the manifest knows that.
    pub(super) fn expiry(&self, pair: &Pair, marks: &Marks) -> Option<(Weight, Note)> {
        let is_link = |role| matches!(pair.request.source(role), Source::Url(_));
        let (dies, mark) = pair.expires.zip(marks.expires)?;
        let remark = of_death(dies, self.now, self.takes)?;
        let label = format!("the links of `{}`", pair.id);
        let message = format!("`expires`: {}", remark.message);
        let note = Note { mark, message, label, help: remark.help };
        Role::BOTH.into_iter().any(is_link).then_some((remark.weight, note))
    }

    fn errors(&self, medium: &Medium) -> Vec<Remark> {
        let Source::Url(url) = &medium.source else { return Vec::new() };
        let mut remarks = self.remarks(url.as_written(), medium.role);
        remarks.retain(|remark| remark.weight == Weight::Error);
        remarks
    }
}

/// Refuses a batch with links that cannot work, of pairs that are to be sent. `sent` gives their
/// folded ids; it is asked only if there is such a link.
pub(super) fn refuse(
    batch: &Batch,
    catalog: &Catalog,
    sent: impl FnOnce() -> Result<HashSet<String>, Failure>,
) -> Result<(), Failure> {
    let links = Links::new(batch, catalog, Duration::ZERO);
    let media = distinct(&batch.manifest.pairs).into_iter();
    let bad = media.map(|medium| (links.errors(&medium), medium));
    let bad: Vec<_> = bad.filter(|(errors, _)| !errors.is_empty()).collect();
    let dead = dead(batch, &links);
    if bad.is_empty() && dead.is_empty() {
        return Ok(());
    }
    let sent = sent()?;
    let pairs: Vec<_> = batch.manifest.pairs.iter().enumerate().collect();
    let mut notes = Vec::new();
    for (errors, medium) in bad {
        let needs = |place: &usize| {
            let pair = &batch.manifest.pairs[*place];
            *pair.request.source(medium.role) == medium.source && sent.contains(&pair.id.folded())
        };
        let needing: Vec<_> = pairs.iter().map(|(place, _)| *place).filter(needs).collect();
        let Some(first) = needing.first().copied() else { continue };
        let medium = Medium { first, pairs: needing.len(), ..medium };
        let all = errors.iter().map(|it| note(batch, &medium, &it.message, it.help.clone()));
        notes.extend(all);
    }
    let dead = dead.into_iter().filter(|(pair, _)| sent.contains(&pair.id.folded()));
    notes.extend(dead.map(|(_, note)| note));
    match notes.is_empty() {
        true => Ok(()),
        false => Err(problems(batch, notes, Severity::Error)?.into()),
    }
}

/// Pairs whose links are dead by the manifest's own word.
fn dead<'b>(batch: &'b Batch, links: &Links<'_>) -> Vec<(&'b Pair, Note)> {
    let pairs = batch.manifest.pairs.iter().zip(&batch.manifest.marks);
    let dead = pairs.filter_map(|(pair, marks)| Some((pair, links.expiry(pair, marks)?)));
    let dead = dead.filter(|(_, (weight, _))| *weight == Weight::Error);
    dead.map(|(pair, (_, note))| (pair, note)).collect()
}

/// The folded ids of pairs that a run would send now: those that are planned, and those that
/// somebody wants `again`.
pub(super) fn to_send(
    view: &View,
    again: impl Fn(&str) -> bool,
) -> Result<HashSet<String>, Failure> {
    let mut ids = HashSet::new();
    view.each_row::<Failure>(Rows::All, |row| {
        let sent = match row.state {
            State::Planned => !view.leaves_out(&row.id),
            State::Failed | State::Rejected => again(&row.id),
            State::Sending | State::Created | State::Completed | State::Saved => false,
            State::InDoubt | State::Abandoned => false,
        };
        if sent && row.listed {
            ids.insert(folded(&row.id));
        }
        Ok(())
    })?;
    Ok(ids)
}

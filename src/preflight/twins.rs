//! Pairs that ask for the same picture, recording and options under other names: the second would be
//! paid for twice. One that is meant says so in the manifest, with its `take`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use crate::ledger::{LedgerError, Rows, View};
use crate::pair::{Fingerprint, Pair, Role, Source, folded};
use crate::state::State;

/// What a pair asks for, by the digests of its picture and its recording instead of their names.
#[must_use]
pub fn content(pair: &Pair, [image, audio]: [&str; 2]) -> Fingerprint {
    let Pair { take, request, .. } = pair;
    Fingerprint::of(&format!("{image} {audio} {take} {}", request.options()))
}

/// The pairs of a batch by what they ask for, as far as that is known.
#[derive(Debug)]
pub(super) struct Twins<'a> {
    batch: &'a [Pair],
    /// Their places by their ids in lower case.
    places: OnceCell<HashMap<String, usize>>,
    /// The places of those that came first.
    firsts: RefCell<HashMap<Fingerprint, usize>>,
}

impl<'a> Twins<'a> {
    pub(super) fn of(batch: &'a [Pair]) -> Self {
        Self { batch, places: OnceCell::new(), firsts: RefCell::default() }
    }

    /// Learns once what earlier runs have paid for, or may have.
    pub(super) fn learn(
        &self,
        view: &View,
        digest: impl Fn(&Source, Role) -> Option<String>,
    ) -> Result<(), LedgerError> {
        if self.places.get().is_some() {
            return Ok(());
        }
        let names = self.batch.iter().map(|pair| pair.id.folded());
        let places = self.places.get_or_init(|| names.zip(0..).collect());
        view.each_row(Rows::All, |row| {
            let place = places.get(&folded(&row.id)).filter(|_| !row.changed);
            // Whatever becomes of another take, the first one was paid for.
            let paid = is_paid_for(row.state) || row.take > 1;
            if let (true, Some(place)) = (paid, place) {
                let pair = &self.batch[*place];
                let digest = |role| digest(pair.request.source(role), role);
                if let (Some(image), Some(audio)) = (digest(Role::Image), digest(Role::Audio)) {
                    self.firsts.borrow_mut().insert(content(pair, [&image, &audio]), *place);
                }
            }
            Ok(())
        })
    }

    /// The other pair that asks for the same and came first, if there is one.
    pub(super) fn first(&self, id: &str, digests: [&str; 2]) -> Option<&'a str> {
        let place = *self.places.get()?.get(&folded(id))?;
        let content = content(&self.batch[place], digests);
        let first = *self.firsts.borrow_mut().entry(content).or_insert(place);
        (first != place).then(|| self.batch[first].id.as_str())
    }
}

/// Whether a create of it was paid for, or may have been.
const fn is_paid_for(state: State) -> bool {
    match state {
        State::Sending | State::Created | State::Completed | State::Saved | State::InDoubt => true,
        State::Planned | State::Rejected | State::Failed | State::Abandoned => false,
    }
}

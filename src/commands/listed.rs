//! What the ledger knows of the manifest's pairs, as a run would list them.

use std::collections::{HashMap, HashSet};

use super::failure::Failure;
use crate::ledger::{Renamed, View, Wanted};
use crate::pair::{Fingerprint, Pair, folded};
use crate::plan::{Known, is_changed};
use crate::ui::{Ui, counted};

/// How many renamed pairs are named.
const SHOWN: usize = 10;

/// What is known of each pair, in the manifest's order, and which of them had another id before.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) known: Vec<Option<Known>>,
    pub(super) renamed: Vec<Renamed>,
}

impl Listed {
    /// Reads it; writes nothing.
    pub(super) fn read(view: Option<&View>, pairs: &[Pair]) -> Result<Self, Failure> {
        let Some(view) = view else {
            return Ok(Self { known: vec![None; pairs.len()], renamed: Vec::new() });
        };
        let known: Result<Vec<_>, _> = pairs.iter().map(|p| view.known(p.id.as_str())).collect();
        let mut listed = Self { known: known?, renamed: Vec::new() };
        listed.rename(view, pairs)?;
        Ok(listed)
    }

    fn rename(&mut self, view: &View, pairs: &[Pair]) -> Result<(), Failure> {
        let (mut kept, mut wanted) = (HashSet::new(), Vec::new());
        for (pair, known) in pairs.iter().zip(&self.known) {
            if known.as_ref().is_some_and(|known| !is_changed(pair, known)) {
                kept.insert(pair.id.folded());
            } else {
                let fingerprint = Fingerprint::of(&pair.request.to_json().to_string());
                wanted.push(Wanted { pair, fingerprint });
            }
        }
        self.renamed = view.renamed(&wanted, &kept)?;
        if self.renamed.is_empty() {
            return Ok(());
        }
        let before: HashMap<_, _> =
            self.renamed.iter().map(|one| (one.to.as_str(), one.from.as_str())).collect();
        let moved: HashSet<_> = self.renamed.iter().map(|one| folded(&one.from)).collect();
        for (pair, known) in pairs.iter().zip(&mut self.known) {
            match before.get(pair.id.as_str()) {
                Some(id) => *known = view.known(id)?,
                // Who was sent under its id has another one now.
                None if moved.contains(&pair.id.folded()) => *known = None,
                None => {}
            }
        }
        Ok(())
    }
}

/// Says which pairs have another id than before.
pub(super) fn announce_renamed(ui: &Ui, renamed: &[Renamed]) {
    if renamed.is_empty() {
        return;
    }
    let shown = renamed.iter().take(SHOWN).map(|one| format!("{} is now {}", one.from, one.to));
    let more = if renamed.len() > SHOWN { ", …" } else { "" };
    let pairs = counted(renamed.len() as u64, "pair");
    let names = shown.collect::<Vec<_>>().join(", ") + more;
    ui.note(&format!("{pairs} renamed, with what was sent under the old ids: {names}"));
}

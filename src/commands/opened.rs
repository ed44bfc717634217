//! Opens a ledger to write, and says what became of one that an older release wrote.

use super::batch::Site;
use super::failure::Failure;
use super::pulse;
use super::status::twins;
use crate::ledger::Store;
use crate::ui::{Ui, counted};

/// How many tasks that several pairs have are named.
const SHOWN: usize = 10;
/// What is said while somebody else's transaction keeps the ledger waiting.
pub(super) const WAITING: &str = "another program has a transaction open on ledger.sqlite; waiting \
    until it is closed there. Nothing is lost meanwhile";

pub(super) fn open(ui: &Ui, site: &Site, owner: &str) -> Result<Store, Failure> {
    let warner = *ui;
    let waiting = Box::new(move || warner.warn(WAITING));
    let store = Store::open_patiently(&site.folder, owner, waiting)?;
    // What a run that was killed was doing.
    pulse::end(&site.folder);
    let Some(migrated) = store.migrated() else { return Ok(store) };
    let (from, copy) = (migrated.from, migrated.copy.display());
    ui.note(&format!("the ledger, of format {from}, was brought up to date; as it was: {copy}"));
    if migrated.doubts > 0 {
        let pairs = counted(migrated.doubts, "pair");
        let shown = site.command("status");
        ui.warn(&format!(
            "{pairs} in doubt that an older release took for created, failed or rejected without a \
             proof: see {shown}"
        ));
    }
    let same = store.view()?.twins()?;
    same.iter().take(SHOWN).for_each(|(task, ids)| ui.warn(&twins(task, ids)));
    Ok(store)
}

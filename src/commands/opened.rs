//! Opens a ledger to write, and says what became of one that an older release wrote.

use super::batch::Site;
use super::failure::Failure;
use super::pulse;
use super::status::twins;
use crate::ledger::{Newer, Store, Waiting};
use crate::ui::{Ui, counted};

/// How many tasks that several pairs have are named.
const SHOWN: usize = 10;
/// What is said while somebody else's transaction keeps the ledger waiting.
pub(super) const WAITING: &str = "another program has a transaction open on ledger.sqlite; waiting \
    until it is closed there. Nothing is lost meanwhile";

pub(super) fn open(ui: &Ui, site: &Site, owner: &str) -> Result<Store, Failure> {
    if site.shared.is_some() {
        site.make()?;
    }
    let mut store = Store::open_patiently(&site.folder, owner, waiting(ui))?;
    tell(ui, site, &store)?;
    if let Some(shared) = &site.shared {
        shared.join(&mut store, site.sure)?;
    }
    Ok(store)
}

/// Takes up what a ledger that was put back lacks; `None` if it lacks nothing.
pub(super) fn restore(
    ui: &Ui,
    site: &Site,
    owner: &str,
) -> Result<Option<(Store, Newer)>, Failure> {
    let restored = Store::restore(&site.folder, owner, waiting(ui))?;
    if let Some((store, _)) = &restored {
        tell(ui, site, store)?;
    }
    Ok(restored)
}

fn waiting(ui: &Ui) -> Waiting {
    let warner = *ui;
    Box::new(move || warner.warn(WAITING))
}

/// What became of a ledger that an older release wrote.
fn tell(ui: &Ui, site: &Site, store: &Store) -> Result<(), Failure> {
    // What a run that was killed was doing.
    pulse::end(&site.folder);
    let Some(migrated) = store.migrated() else { return Ok(()) };
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
    Ok(())
}

//! Opens a ledger to write, and says what became of one that an older release wrote.

use std::path::Path;

use super::batch::{Site, shell_word, this_command};
use super::failure::Failure;
use super::pulse;
use super::status::twins;
use crate::exit::Exit;
use crate::ledger::{Newer, Phase, Store, View, Waiting};
use crate::ui::{Ui, counted};

/// How many tasks that several pairs have are named.
const SHOWN: usize = 10;
/// What is said while somebody else's transaction keeps the ledger waiting.
pub(super) const WAITING: &str = "another program has a transaction open on ledger.sqlite; waiting \
    until it is closed there. Nothing is lost meanwhile";

/// To settle what a person decides: together with those who share the ledger, if it is shared.
pub(super) fn open(ui: &Ui, site: &Site, owner: &str) -> Result<Store, Failure> {
    if let Some(shared) = &site.shared {
        site.make()?;
        shared.follow(ui, &site.folder, owner)?;
    }
    let mut store = open_own(ui, site, owner)?;
    match (&site.shared, store.view()?.shared_as()?) {
        (Some(shared), _) => shared.join(&mut store, site.sure)?,
        (None, Some(shared)) => return Err(forgotten(&site.folder, &shared.name)),
        (None, None) => {}
    }
    Ok(store)
}

/// Others may have sent the pairs of a folder that was part of a shared ledger.
pub(super) fn forgotten(folder: &Path, name: &str) -> Failure {
    let text = format!(
        "{}: this folder is part of a shared ledger (batch {name}), and others may have sent its pairs",
        folder.display()
    );
    // Where a copy took it, if one did.
    let copied = View::open(folder).ok().flatten().and_then(|view| view.copied().ok().flatten());
    let left = copied.filter(|copied| copied.phase == Phase::Left);
    let place = left.map_or_else(|| "…".to_owned(), |left| shell_word(Path::new(&left.place)));
    Failure::new(Exit::Usage, text)
        .hint(format!("name the database: {} --ledger {place}", this_command()))
}

/// The run folder's ledger, whatever others know.
pub(super) fn open_own(ui: &Ui, site: &Site, owner: &str) -> Result<Store, Failure> {
    let store = Store::open_patiently(&site.folder, owner, waiting(ui))?;
    tell(ui, site, &store)?;
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

pub(super) fn waiting(ui: &Ui) -> Waiting {
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

//! Whether a ledger is this batch's: made for this manifest, and for this account's tasks.

use std::fs;
use std::path::{Path, PathBuf};

use super::batch::{Batch, Site, from_here, shell_word};
use super::failure::Failure;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::ledger::{Accounts, Store, View};
use crate::pair::ApiKey;
use crate::ui::Ui;

/// Refuses a ledger that was made for another manifest, unless that is gone or somebody named the
/// run folder. To be asked before anything is listed.
pub(super) fn check_manifest(ui: &Ui, site: &Site, view: &View) -> Result<(), Failure> {
    let Some(other) = other_manifest(site, view)? else { return Ok(()) };
    let (folder, shown) = (site.folder.display(), other.display());
    if !other.exists() {
        ui.note(&format!("{folder}: made for {shown}, which is gone: taken for renamed"));
        return Ok(());
    }
    if site.named {
        ui.warn(&format!("{folder}: made for {shown}; taken for this manifest's, as --out says"));
        return Ok(());
    }
    let run = format!("callsheet run {}", shell_word(&site.manifest));
    let (own, there) = (shell_word(&own_folder(site)), shell_word(&site.folder));
    let text = format!("{folder}: this run folder was made for {shown}, which is another manifest");
    Err(Failure::new(Exit::Usage, text).hint(format!(
        "for a batch of its own: {run} --out {own}\nto go on with that batch under this manifest: \
         {run} --out {there}"
    )))
}

/// Says whose a ledger is if it was made for another manifest. To whoever only looks.
pub(super) fn say_whose(ui: &Ui, site: &Site, view: &View) -> Result<(), Failure> {
    if let Some(other) = other_manifest(site, view)?.filter(|other| other.exists()) {
        let (folder, shown) = (site.folder.display(), other.display());
        ui.warn(&format!("{folder}: made for {shown}, which is another manifest"));
    }
    Ok(())
}

/// Has the ledger remember this manifest.
pub(super) fn take_manifest(ui: &Ui, batch: &Batch, store: &mut Store) -> Result<(), Failure> {
    let site = &batch.site;
    if site.rehearsal {
        return Ok(());
    }
    let view = store.view()?;
    check_manifest(ui, site, &view)?;
    match remembered(site) {
        Some(path) if view.manifest()?.as_ref() != Some(&path) => {
            Ok(store.remember_manifest(&path)?)
        }
        _ => Ok(()),
    }
}

/// The manifest that a ledger was made for, if it is not this one.
pub(super) fn other_manifest(site: &Site, view: &View) -> Result<Option<PathBuf>, Failure> {
    let Some(path) = view.manifest()?.filter(|_| !site.rehearsal) else { return Ok(None) };
    let path = made_for(&site.folder, &path);
    Ok((fs::canonicalize(&site.manifest).ok() != fs::canonicalize(&path).ok()).then_some(path))
}

/// Where the manifest is, or was, that a ledger remembers.
pub(super) fn made_for(folder: &Path, remembered: &str) -> PathBuf {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    match (remembered.strip_prefix("../"), folder.parent()) {
        (Some(name), Some(parent)) => from_here(&parent.join(name)),
        _ => from_here(Path::new(remembered)),
    }
}

/// A manifest as a ledger remembers it: beside its run folder, so that both can be moved together.
fn remembered(site: &Site) -> Option<String> {
    let manifest = fs::canonicalize(&site.manifest).ok()?;
    let folder = fs::canonicalize(&site.folder).ok()?;
    let beside = folder.parent().and_then(|parent| manifest.strip_prefix(parent).ok());
    let text =
        beside.map_or(manifest.to_str()?.to_owned(), |name| format!("../{}", name.display()));
    Some(text)
}

/// `spring.csv.run`, where `spring.run` is another's.
fn own_folder(site: &Site) -> PathBuf {
    let mut name = site.manifest.file_name().unwrap_or_default().to_owned();
    name.push(".run");
    site.manifest.with_file_name(name)
}

/// Says so if the tasks of a ledger were made with another key: they may be another account's, who
/// pays for them and who alone is told of them.
pub(super) fn take_key(
    ui: &Ui,
    args: &RunArgs,
    key: &ApiKey,
    store: &mut Store,
) -> Result<(), Failure> {
    let view = store.view()?;
    let known = view.accounts()?;
    if known.as_ref().is_some_and(|known| known.know(key)) {
        return Ok(());
    }
    let accounts = match known {
        // What was never answered says nothing: the key may have been mistyped.
        Some(known) if view.is_anybodys()? => known,
        Some(_) | None => return Ok(store.remember_accounts(&new_accounts().with(key))?),
    };
    if !args.other_key {
        let what = "this is not the API key that this batch was created with";
        ui.warn(&format!("{what}: is it the same account's?"));
        let no = |text: &str| Failure::new(Exit::Usage, text.to_owned());
        // It pays for nothing, and is only used today.
        if args.no_create {
            return Ok(());
        }
        match ui.ask("Use it for this batch? [y/N] ") {
            Some(true) => {}
            Some(false) => return Err(no("nothing was sent")),
            None => {
                let hint = "another account does not know this batch's tasks. If it is a new key of \
                    the same account, say so once with --other-key";
                return Err(no(&format!("{what}; nothing was sent")).hint(hint));
            }
        }
    }
    Ok(store.remember_accounts(&accounts.with(key))?)
}

fn new_accounts() -> Accounts {
    Accounts::new(std::array::from_fn(|_| fastrand::u8(..)))
}

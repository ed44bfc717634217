//! Run folders beside this one that are parts of the same shared batch, and hold what its database was not
//! told: nobody else can tell it.

use std::fs;
use std::path::PathBuf;

use super::batch::{Site, from_here, shell_word};
use crate::files::folder_of;
use crate::ledger::{FILE, View, is_under_way};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// Names those that nobody is at work in. One that cannot be read says nothing.
pub(super) fn warn(ui: &Ui, site: &Site, name: &str) {
    if site.rehearsal {
        return;
    }
    for (folder, untold) in untold(site, name) {
        let shown = from_here(&folder);
        let pairs = counted(untold, "pair");
        ui.warn(&format!(
            "{}: an earlier run there knows more of {pairs} than the database was told",
            printable(&shown.display().to_string())
        ));
        let (manifest, folder) = (shell_word(&site.manifest), shell_word(&shown));
        ui.hint(&format!(
            "to hand it in, and pay for nothing: callsheet run {manifest} --out {folder} --no-create"
        ));
    }
}

/// The folders, and of how many pairs each has something to tell.
fn untold(site: &Site, name: &str) -> Vec<(PathBuf, u64)> {
    let own = fs::canonicalize(&site.folder).ok();
    let mark = View::open(&site.folder).ok().flatten();
    let mark = mark.and_then(|view| view.shared_as().ok()?).and_then(|shared| shared.mark);
    let mut places = vec![folder_of(&site.folder), folder_of(&site.manifest)];
    places.dedup();
    let entries = places.into_iter().flat_map(fs::read_dir).flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.join(FILE).is_file());
    let mut folders: Vec<_> = folders.filter_map(|path| fs::canonicalize(path).ok()).collect();
    folders.sort_unstable();
    folders.dedup();
    let others = folders.into_iter().filter(|folder| Some(folder) != own.as_ref());
    let known = others.filter_map(|folder| {
        let view = View::open(&folder).ok()??;
        let shared = view.shared_as().ok()??;
        let is_same =
            shared.name == name && (mark.is_none() || shared.mark.is_none() || shared.mark == mark);
        let untold = view.untold().ok().filter(|untold| *untold > 0 && is_same)?;
        (!is_under_way(&folder)).then_some((folder, untold))
    });
    known.collect()
}

//! `resolve --ledger-restored`: goes on with a ledger that was put back to an older one, or lost.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Done, conclude};
use crate::cli::ResolveArgs;
use crate::commands::batch::{Batch, Site};
use crate::commands::failure::Failure;
use crate::commands::opened;
use crate::exit::Exit;
use crate::ledger::{Newer, View};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many pairs are named.
const SHOWN: usize = 10;

pub(super) fn go_on(ui: &Ui, args: &ResolveArgs, site: &Site) -> Result<Exit, Failure> {
    if !site.folder.is_dir() {
        site.existing()?;
    }
    let owner = match View::open(&site.folder)? {
        Some(view) => view.endpoint()?,
        None => Batch::open(ui, &args.batch)?.owner(),
    };
    let Some((store, newer)) = opened::restore(ui, site, &owner)? else {
        site.existing()?;
        let text = format!("{}: the ledger is as new as its events", site.folder.display());
        return Err(Failure::new(Exit::Usage, text).hint("nothing has to be done about it"));
    };
    store.close()?;
    let what = tell(ui, &newer, &owner);
    let kept: Vec<_> = newer.kept.iter().map(|path| path.display().to_string()).collect();
    let more = json!({
        "ledger_ends_at_event": newer.ledger,
        "events_kept_aside": kept,
        "sent_since": newer.sent,
    });
    conclude(ui, site, (&what, Done::default()), more)
}

/// Says what was taken up, and returns what became of the ledger.
fn tell(ui: &Ui, newer: &Newer, owner: &str) -> String {
    for path in &newer.kept {
        ui.note(&format!("the events as they were are kept: {}", path.display()));
    }
    tell_sent(ui, &newer.sent);
    match newer.ledger {
        0 => format!("the ledger for {owner} has what the events tell of"),
        last => format!("the ledger goes on from event {last} with what was sent since"),
    }
}

/// Says which pairs were sent since the moment to which a ledger was put back, as far as that is known.
pub(super) fn tell_sent(ui: &Ui, sent: &BTreeMap<String, Option<String>>) {
    let (known, unknown): (BTreeMap<_, _>, BTreeMap<_, _>) =
        sent.iter().partition(|(_, task)| task.is_some());
    if !known.is_empty() {
        let pairs = counted(known.len() as u64, "pair");
        let tasks = if known.len() == 1 { "its task is" } else { "their tasks are" };
        ui.note(&format!("{pairs} sent since, {tasks} known again: {}", names(&known)));
    }
    if !unknown.is_empty() {
        let pairs = counted(unknown.len() as u64, "pair");
        ui.warn(&format!(
            "{pairs} sent since without a known answer, in doubt: {}",
            names(&unknown)
        ));
    }
}

fn names(pairs: &BTreeMap<&String, &Option<String>>) -> String {
    let names: Vec<_> = pairs.keys().take(SHOWN).map(|id| printable(id)).collect();
    let more = if pairs.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

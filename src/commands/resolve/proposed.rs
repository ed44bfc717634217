//! `resolve --adopt-proposed`: takes over the tasks that answers seem to name, as far as the server
//! knows them and no other pair has them.

use std::collections::HashMap;

use serde_json::json;

use super::{Done, client, conclude, unable};
use crate::cli::ResolveArgs;
use crate::client::Client;
use crate::commands::batch::Site;
use crate::commands::claims;
use crate::commands::failure::Failure;
use crate::commands::patient;
use crate::commands::runtime::runtime;
use crate::exit::Exit;
use crate::ledger::{Doubt, View};
use crate::pair::TaskId;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// A pair and the task that its answer seems to name.
type Proposal = (String, TaskId);
/// A pair that keeps its doubt, and why.
type Refused = (String, String);

pub(super) fn adopt(
    ui: &Ui,
    args: &ResolveArgs,
    (site, view): (&Site, View),
) -> Result<Exit, Failure> {
    let owner = view.endpoint()?;
    let (free, mut refused) = free((site, &view), wanted(args, &view)?)?;
    let mut known = free;
    if !args.unchecked && !site.rehearsal && !known.is_empty() {
        let unknown;
        (known, unknown) = runtime()?.block_on(ask(&client(args, &owner)?, &owner, known))?;
        refused.extend(unknown);
    }
    drop(view);
    let mut store = patient::open(ui, site, &owner, args.patience.wait)?;
    store.adopt(&known)?;
    store.close()?;
    for (id, why) in &refused {
        ui.warn(&format!("{id} stays in doubt: {}", printable(why)));
    }
    let not_adopted: Vec<_> =
        refused.iter().map(|(id, why)| json!({"id": id, "reason": why})).collect();
    let what = format!("{} adopted", counted(known.len() as u64, "pair"));
    conclude(ui, site, (&what, Done::default()), json!({"not_adopted": not_adopted}))
}

/// The doubts that are asked for and have a proposal; one that is named has to have one.
fn wanted(args: &ResolveArgs, view: &View) -> Result<Vec<Proposal>, Failure> {
    let doubts = view.doubts()?;
    if args.all {
        return Ok(doubts.iter().filter_map(proposal).collect());
    }
    let ids = super::ids(args, view)?;
    let named = ids.iter().map(|id| {
        let doubt = doubts.iter().find(|doubt| doubt.row.id.eq_ignore_ascii_case(id));
        doubt.and_then(proposal).ok_or_else(|| {
            let text = format!("pair {id}: no task is proposed for it; nothing was settled");
            Failure::new(Exit::Usage, text)
                .hint("`callsheet status` shows which tasks are proposed")
        })
    });
    named.collect()
}

fn proposal(doubt: &Doubt) -> Option<Proposal> {
    let task = TaskId::parse(doubt.proposed.as_deref()?).ok()?;
    Some((doubt.row.id.clone(), task))
}

/// Those whose tasks no other pair has, and the others.
fn free(
    (site, view): (&Site, &View),
    proposals: Vec<Proposal>,
) -> Result<(Vec<Proposal>, Vec<Refused>), Failure> {
    let (mut free, mut refused, mut taken) = (Vec::new(), Vec::new(), HashMap::new());
    let neighbours = if site.rehearsal { Vec::new() } else { site.neighbours() };
    for (id, task) in proposals {
        let owner = match taken.get(&task) {
            Some(owner) => Some(String::clone(owner)),
            None => view.owner_of(&task)?.filter(|owner| *owner != id),
        };
        let owner = match owner {
            None => claims::elsewhere(&neighbours, &task)?,
            owner => owner,
        };
        match owner {
            Some(owner) => refused.push((id, format!("task {task} belongs to {owner}"))),
            None => {
                taken.insert(task.clone(), id.clone());
                free.push((id, task));
            }
        }
    }
    Ok((free, refused))
}

/// Those whose tasks the server knows, and the others. A server that can be asked for none is an
/// error.
async fn ask(
    client: &Client,
    owner: &str,
    proposals: Vec<Proposal>,
) -> Result<(Vec<Proposal>, Vec<Refused>), Failure> {
    let (mut known, mut refused, mut unasked) = (Vec::new(), Vec::new(), None);
    let asked = proposals.len();
    let mut silent = 0;
    for (id, task) in proposals {
        match client.has_task(&task).await {
            Ok(true) => known.push((id, task)),
            Ok(false) => refused.push((id, format!("{owner} knows no task {task}"))),
            Err(error) => {
                silent += 1;
                refused.push((id, format!("{owner} cannot say whether it knows {task}: {error}")));
                unasked.get_or_insert_with(|| error.to_string());
            }
        }
    }
    match unasked {
        Some(reason) if silent == asked => Err(unable(owner, &reason)),
        _ => Ok((known, refused)),
    }
}

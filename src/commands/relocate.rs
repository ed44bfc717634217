//! `move`: the service answers under a new name, and the batch goes with it.

use serde_json::json;

use super::batch::{REHEARSAL, Site, endpoint as endpoint_of, plain};
use super::belongs;
use super::failure::Failure;
use super::resolve::SETTINGS;
use super::runtime::runtime;
use super::{key, opened};
use crate::cli::MoveArgs;
use crate::client::{Client, Settings};
use crate::exit::Exit;
use crate::ledger::View;
use crate::pair::{Endpoint, TaskId};
use crate::ui::{Ui, counted};

/// How many tasks the new name is asked for at most.
const ASKED: u32 = 3;

pub(super) fn relocate(ui: &Ui, args: &MoveArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    let endpoint = endpoint(args, &site)?;
    site.check_disk()?;
    let view = site.existing()?;
    let (from, to) = (view.endpoint()?, endpoint.origin());
    if from == REHEARSAL {
        let folder = site.folder.display();
        let text = format!("{folder}: it belongs to a rehearsal, whose tasks exist nowhere");
        return Err(Failure::new(Exit::Usage, text));
    }
    belongs::check_manifest(ui, &site, &view)?;
    if from == to {
        ui.result(&format!("this batch belongs to {to} already"), &answer(&site, &from, &to));
        return Ok(Exit::Done);
    }
    let seen = if args.unseen { 0 } else { seen(args, &view, &endpoint)? };
    drop(view);
    match &site.shared {
        // Run folders that are parts of it go along as soon as they are used again.
        Some(shared) => shared.relocate((&from, &to), seen)?,
        None => {
            let mut store = opened::open(ui, &site, &from)?;
            store.relocate(&to, seen)?;
            store.close()?;
        }
    }
    let known = match seen {
        0 => "without asking it for a task".to_owned(),
        seen => format!("it knows {}", counted(seen as u64, "task")),
    };
    let text = format!("this batch moved from {from} to {to}; {known}");
    ui.result(&text, &answer(&site, &from, &to));
    ui.hint(&format!("write `endpoint: {to}` into {}", site.manifest.display()));
    Ok(Exit::Done)
}

fn answer(site: &Site, from: &str, to: &str) -> serde_json::Value {
    let folder = site.shared.is_none().then(|| site.folder.display().to_string());
    let batch = site.shared.as_ref().map(|shared| &shared.name);
    json!({ "run_folder": folder, "batch": batch, "from": from, "endpoint": to })
}

fn endpoint(args: &MoveArgs, site: &Site) -> Result<Endpoint, Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, text);
    if site.rehearsal {
        return Err(usage("a rehearsal has no endpoint that could move".to_owned()));
    }
    let Some(text) = &args.batch.endpoint else {
        return Err(usage("where to? Give --endpoint URL".to_owned()));
    };
    endpoint_of(text, plain(&args.batch.manifest))
}

/// How many of the batch's tasks the new name knows, which has to know some and not just anything.
fn seen(args: &MoveArgs, view: &View, endpoint: &Endpoint) -> Result<usize, Failure> {
    let tasks = view.newest_tasks(ASKED)?;
    if tasks.is_empty() {
        if !view.is_anybodys()? {
            return Ok(0);
        }
        let text =
            "no task of this batch is known, so nothing can show that it is the same service";
        return Err(unseen(text));
    }
    let settings = Settings { plain: plain(&args.batch.manifest), ..SETTINGS };
    let unable = |reason: &str| {
        let text = format!("cannot ask {endpoint} for this batch's tasks: {reason}");
        Failure::new(Exit::Fault, text).hint("nothing was changed")
    };
    let client = Client::new(endpoint, key::read(&args.key)?, &settings);
    let client = client.map_err(|error| unable(&error.to_string()))?;
    let runtime = runtime()?;
    let has = |task: &TaskId| {
        runtime.block_on(client.has_task(task)).map_err(|error| unable(&error.to_string()))
    };
    let mut seen = 0;
    for task in &tasks {
        seen += usize::from(has(task)?);
    }
    if seen == 0 {
        let tasks = tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(unseen(&format!("{endpoint} knows none of this batch's tasks: {tasks}")));
    }
    if has(&nobodys()?)? {
        return Err(unseen(&format!("{endpoint} claims to know a task that was made up")));
    }
    Ok(seen)
}

/// An id that no task has.
fn nobodys() -> Result<TaskId, Failure> {
    let text = format!("task-made-up-{:016x}", fastrand::u64(..));
    TaskId::parse(&text).map_err(|error| Failure::new(Exit::Fault, error.to_string()))
}

fn unseen(text: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{text}; nothing was changed")).hint(
        "is it the same service, and the same account's key? With --unseen it moves all the same: if \
         it is another service, the videos of this batch are never found there, and what is in doubt \
         cannot be settled",
    )
}

//! `resolve`: a person's verdict on pairs in doubt, and on rejected ones.

mod database;
mod proposed;
mod restored;
mod sheet;
mod table;

use std::time::Duration;

use serde_json::{Value, json};

use super::batch::Site;
use super::claims::{self, Claim, Problem};
use super::failure::Failure;
use super::runtime::runtime;
use super::status::Standing;
use super::{belongs, key, keys, patient};
use crate::cli::{ResolveArgs, Until, VerdictArgs};
use crate::client::{Client, Settings};
use crate::exit::Exit;
use crate::ledger::{Rows, Verdict, View};
use crate::pair::{Endpoint, PlainHttp, TaskId};
use crate::report;
use crate::ui::{Ui, counted};

/// Asking for a task is a small request.
pub(super) const SETTINGS: Settings = Settings {
    request_timeout: Duration::from_secs(30),
    connections: 1,
    stall_timeout: Duration::from_secs(30),
    plain: PlainHttp::Loopback,
};

pub(super) fn resolve(ui: &Ui, args: &ResolveArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    site.check_disk()?;
    if args.verdict.ledger_restored {
        return restored::go_on(ui, args, &site);
    }
    if args.verdict.database_restored {
        return database::go_on(ui, args, &site);
    }
    let view = site.existing()?;
    belongs::check_manifest(ui, &site, &view)?;
    let owner = view.endpoint()?;
    if let Some(file) = &args.from {
        return table::settle(ui, args, (&site, view), file);
    }
    if args.verdict.adopt_proposed {
        return proposed::adopt(ui, args, (&site, view));
    }
    let ids = ids(args, &view)?;
    let verdict = verdict(&args.verdict, &ids)?;
    if let (Verdict::Adopt(task), Some(id)) = (&verdict, ids.first()) {
        must_be_free(&site, &view, (id, task))?;
        if !args.unchecked && !site.rehearsal {
            check(args, &owner, task)?;
        }
    }
    if verdict == Verdict::Resend {
        keys::warn_of_resend(ui, &view, ids.iter().map(String::as_str))?;
    }
    drop(view);
    let mut store = patient::open(ui, &site, &owner, args.patience.wait)?;
    store.resolve(&ids, &verdict)?;
    store.close()?;
    let what = match verdict {
        Verdict::Adopt(_) => "adopted",
        Verdict::Resend => "to be created again",
        Verdict::Abandon => "written off",
    };
    let what = format!("{} {what}", counted(ids.len() as u64, "pair"));
    let done = Done { resent: verdict == Verdict::Resend };
    conclude(ui, &site, (&what, done), json!({}))
}

/// What follows from what was settled.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    /// Whether there is something to create again.
    resent: bool,
}

fn ids(args: &ResolveArgs, view: &View) -> Result<Vec<String>, Failure> {
    Ok(match args.all {
        true => view.doubts()?.into_iter().map(|doubt| doubt.row.id).collect(),
        false => args.ids.clone(),
    })
}

fn verdict(args: &VerdictArgs, ids: &[String]) -> Result<Verdict, Failure> {
    match &args.adopt {
        Some(_) if ids.len() != 1 => {
            let text = format!("--adopt: one task, and {} pairs", ids.len());
            Err(Failure::new(Exit::Usage, text).hint(
                "a task belongs to one pair: give one ID, or a table of both with --from FILE",
            ))
        }
        Some(task) => TaskId::parse(task).map(Verdict::Adopt).map_err(|error| {
            Failure::new(Exit::Usage, format!("--adopt: {error}")).hint(
                "copy the id as the service shows it, such as task-unified-1757165031-uyujaw3d",
            )
        }),
        None if args.resend => Ok(Verdict::Resend),
        None => Ok(Verdict::Abandon),
    }
}

/// A task that another pair has, here or in a run folder nearby, is not this one's.
fn must_be_free(site: &Site, view: &View, (id, task): (&str, &TaskId)) -> Result<(), Failure> {
    let claim = Claim { line: 1, id: id.to_owned(), task: task.clone() };
    match claims::taken(site, Some(view), &[claim])?.pop() {
        Some(Problem { text, .. }) => Err(Failure::new(Exit::Usage, format!("pair {text}"))
            .hint("a task belongs to one pair; nothing was changed")),
        None => Ok(()),
    }
}

/// Asks the server for the task: a mistyped id would wait for ever.
fn check(args: &ResolveArgs, owner: &str, task: &TaskId) -> Result<(), Failure> {
    let client = client(args, owner)?;
    match runtime()?.block_on(client.has_task(task)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(Exit::Usage, format!("{owner} knows no task {task}"))
            .hint("check the id; to adopt it all the same, add --unchecked")),
        Err(error) => Err(unable(owner, &error.to_string())),
    }
}

/// Asks the endpoint that the ledger belongs to, which was accepted when the ledger was made.
fn client(args: &ResolveArgs, owner: &str) -> Result<Client, Failure> {
    let endpoint = Endpoint::parse(owner, PlainHttp::Anywhere)
        .map_err(|error| unable(owner, &error.to_string()))?;
    let client = Client::new(&endpoint, key::read(&args.key)?, &SETTINGS);
    client.map_err(|error| unable(owner, &error.to_string()))
}

fn unable(owner: &str, reason: &str) -> Failure {
    Failure::new(Exit::Fault, format!("cannot ask {owner} for the task: {reason}"))
        .hint("to adopt without asking, add --unchecked")
}

/// `what` was settled; `more` is for programs.
fn conclude(
    ui: &Ui,
    site: &Site,
    (what, done): (&str, Done),
    more: Value,
) -> Result<Exit, Failure> {
    let view = site.existing()?;
    report::write(&site.folder, &view, Rows::All)?;
    let standing = Standing::read(&view)?;
    let mut value = standing.json(site);
    more.as_object().into_iter().flatten().for_each(|(key, more)| value[key] = more.clone());
    ui.result(&format!("{what}; now {}", standing.line()), &value);
    if done.resent {
        ui.hint(&format!("to create them: {}", site.command("run")));
    }
    Ok(if standing.exit(Until::Created) == Exit::InDoubt { Exit::InDoubt } else { Exit::Done })
}

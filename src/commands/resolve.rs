//! `resolve`: a person's verdict on pairs in doubt, and on rejected ones.

mod proposed;
mod restored;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::batch::Site;
use super::failure::Failure;
use super::run::runtime;
use super::status::Standing;
use super::{key, opened};
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
        return restored::go_on(ui, &site);
    }
    let view = site.existing()?;
    let owner = view.endpoint()?;
    if args.verdict.adopt_proposed {
        return proposed::adopt(ui, args, (&site, view));
    }
    let ids = ids(args, &view)?;
    let verdict = verdict(&args.verdict, &ids)?;
    if let (Verdict::Adopt(task), false) = (&verdict, args.unchecked || site.rehearsal) {
        check(args, &owner, task)?;
    }
    drop(view);
    let mut store = opened::open(ui, &site, &owner)?;
    store.resolve(&ids, &verdict)?;
    store.close()?;
    let what = match verdict {
        Verdict::Adopt(_) => "adopted",
        Verdict::Resend => "to be created again",
        Verdict::Abandon => "written off",
    };
    let exit =
        conclude(ui, &site, &format!("{} {what}", counted(ids.len() as u64, "pair")), json!({}))?;
    if verdict == Verdict::Resend {
        ui.hint(&format!("to create them: {}", site.command("run")));
    }
    Ok(exit)
}

fn ids(args: &ResolveArgs, view: &View) -> Result<Vec<String>, Failure> {
    let ids: Vec<String> = match &args.from {
        _ if args.all => view.doubts()?.into_iter().map(|doubt| doubt.row.id).collect(),
        Some(file) => read(file)?.split_whitespace().map(str::to_owned).collect(),
        None => args.ids.clone(),
    };
    if ids.is_empty() && !args.all {
        return Err(Failure::new(Exit::Usage, "no ids were given; nothing was settled"));
    }
    Ok(ids)
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let failed = |error| Failure::new(Exit::Usage, format!("{}: {error}", file.display()));
    read.map_err(failed)
}

fn verdict(args: &VerdictArgs, ids: &[String]) -> Result<Verdict, Failure> {
    match &args.adopt {
        Some(_) if ids.len() != 1 => {
            Err(Failure::new(Exit::Usage, "a task belongs to one pair: give one ID with --adopt"))
        }
        Some(task) => TaskId::parse(task)
            .map(Verdict::Adopt)
            .map_err(|error| Failure::new(Exit::Usage, format!("--adopt: {error}"))),
        None if args.resend => Ok(Verdict::Resend),
        None => Ok(Verdict::Abandon),
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
fn conclude(ui: &Ui, site: &Site, what: &str, more: Value) -> Result<Exit, Failure> {
    let view = site.existing()?;
    report::write(&site.folder, &view, Rows::All)?;
    let standing = Standing::read(&view)?;
    let mut value = standing.json(site);
    more.as_object().into_iter().flatten().for_each(|(key, more)| value[key] = more.clone());
    ui.result(&format!("{what}; now {}", standing.line()), &value);
    Ok(if standing.exit(Until::Created) == Exit::InDoubt { Exit::InDoubt } else { Exit::Done })
}

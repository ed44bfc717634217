//! `run`: creates what the manifest asks for, and continues where the last run ended.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::batch::{Batch, this_command};
use super::failure::Failure;
use super::key;
use super::rehearsal::{self, Rehearsal};
use super::signals::Signals;
use super::status::Standing;
use crate::cli::RunArgs;
use crate::client::{Client, Settings};
use crate::exit::Exit;
use crate::ledger::{Ledger, Listing, Rows, Store};
use crate::report::{self, Live};
use crate::state::State;
use crate::submit::{self, Limits, Outcome, Reason, Stop};
use crate::ui::{Progress, Ui, counted};
use crate::wire::Account;

pub(super) fn run(ui: &Ui, args: &RunArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let batch = Batch::open(ui, &args.batch)?;
    let runtime = runtime()?;
    let (client, _rehearsal) = runtime.block_on(connect(args, &batch))?;
    batch.site.make()?;
    let (store, planned) = list(ui, &batch)?;
    if args.until.is_none() {
        ui.note("this version creates tasks and does not wait for their videos yet (as with --until created)");
    }
    let progress = Arc::new(Mutex::new(ui.progress(planned, "creating")));
    let ledger = start(&batch, store, &progress)?;
    let limits = limits(args, &batch);
    let stop = Stop::default();
    let ended = runtime.block_on(drive(&ledger, &client, &limits, &stop, &progress));
    let closed = ledger.close();
    lock(&progress).end();
    closed.or_else(|error| match stop.reason() {
        // Told below, with what it means for the batch.
        Some(Reason::Ledger(_)) => Ok(()),
        _ => Err(error),
    })?;
    conclude(ui, &batch, &End { outcome: ended, stop, took: started.elapsed() })
}

/// A runtime on this thread: the fan-out is one task, and moving its connections to other threads
/// costs more than it gains.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    spare_descriptors()?;
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Fault, format!("cannot start: {error}")))
}

/// Runtime, ledger and the first connections need a handful of file descriptors; tokio panics
/// where it finds none.
fn spare_descriptors() -> Result<(), Failure> {
    if !cfg!(unix) {
        return Ok(());
    }
    let opened: Result<Vec<_>, _> = (0..20).map(|_| std::fs::File::open("/dev/null")).collect();
    opened.map(drop).map_err(|error| {
        Failure::new(Exit::Fault, format!("cannot open enough files: {error}"))
            .hint("raise the limit, such as `ulimit -n 1024`, and give the same command again")
    })
}

async fn connect(args: &RunArgs, batch: &Batch) -> Result<(Client, Option<Rehearsal>), Failure> {
    let settings = Settings {
        request_timeout: args.request_timeout,
        connections: limits(args, batch).concurrency.into(),
    };
    let (endpoint, key, rehearsal) = match &args.batch.mock {
        Some(scenario) => {
            let rehearsal = rehearsal::start(scenario).await?;
            (rehearsal.endpoint.clone(), rehearsal.key.clone(), Some(rehearsal))
        }
        None => (batch.endpoint.clone(), key::read(&args.key)?, None),
    };
    let client = Client::new(&endpoint, key, &settings)
        .map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    Ok((client, rehearsal))
}

fn limits(args: &RunArgs, batch: &Batch) -> Limits {
    Limits {
        concurrency: args.concurrency.unwrap_or(batch.manifest.concurrency.get()),
        rate: args.rate.or(batch.manifest.rate),
        most: args.limit,
        retry_for: args.retry_for,
    }
}

/// Opens the ledger and lists the manifest in it. Returns how many pairs are planned.
fn list(ui: &Ui, batch: &Batch) -> Result<(Store, u64), Failure> {
    let mut store = Store::open(&batch.site.folder, &batch.owner())?;
    if store.recovered() > 0 {
        let pairs = counted(store.recovered() as u64, "create");
        ui.warn(&format!("the last run was cut off with {pairs} under way: in doubt now"));
    }
    let listing = store.list(&batch.manifest.pairs)?;
    announce(ui, batch, &listing);
    let planned = Standing::read(&batch.site.existing()?)?.count(State::Planned);
    Ok((store, planned))
}

fn announce(ui: &Ui, batch: &Batch, listing: &Listing) {
    ui.note(&batch.head(ui));
    if listing.changed > 0 {
        let pairs = counted(listing.changed as u64, "pair");
        ui.warn(&format!(
            "{pairs} changed in the manifest after being sent; what was sent is kept. \
             To have the new request made too, give it a new id"
        ));
    }
}

fn start(batch: &Batch, store: Store, progress: &Arc<Mutex<Progress>>) -> Result<Ledger, Failure> {
    let view = batch.site.existing()?;
    let mut live = Some(Live::start(&batch.site.folder, &view)?);
    let progress = Arc::clone(progress);
    Ok(store.start(Box::new(move |changes| {
        let mut progress = lock(&progress);
        if let Some(Err(error)) = live.as_mut().map(|live| live.append(changes)) {
            // The ledger has it all, and the file is written anew at the end.
            live = None;
            progress.above(|ui| ui.warn(&format!("tasks.csv is not updated any more: {error}")));
        }
        progress.follow(changes);
    }))?)
}

fn lock(progress: &Mutex<Progress>) -> std::sync::MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs the fan-out beside the signals; `None` if a second signal ended it at once.
async fn drive(
    ledger: &Ledger,
    client: &Client,
    limits: &Limits,
    stop: &Stop,
    progress: &Mutex<Progress>,
) -> Option<Outcome> {
    let signalled = async {
        let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
        signals.next().await;
        stop.pull(Reason::Signal);
        let text = "stopping: waiting for the answers of creates under way (again to stop at once)";
        lock(progress).above(|ui| ui.note(text));
        signals.next().await;
    };
    tokio::select! {
        outcome = submit::run(ledger, client, limits, stop) => Some(outcome),
        () = signalled => None,
    }
}

/// How the fan-out ended.
struct End {
    outcome: Option<Outcome>,
    stop: Stop,
    took: std::time::Duration,
}

impl End {
    /// The precedence of the exit codes, over what the states alone say.
    fn exit(&self, standing: &Standing) -> Exit {
        let stopped = match self.stop.reason() {
            _ if self.outcome.is_none() => Exit::Killed,
            Some(Reason::Account { .. }) => Exit::Account,
            Some(Reason::Ledger(_) | Reason::Unable { .. }) => Exit::Fault,
            _ => Exit::Done,
        };
        stopped.min(standing.exit())
    }
}

/// Writes the CSV and says how it went and what to do next.
fn conclude(ui: &Ui, batch: &Batch, end: &End) -> Result<Exit, Failure> {
    if let Some(reason) = end.stop.reason() {
        explain_stop(ui, reason);
    }
    for (id, task) in end.outcome.iter().flat_map(|outcome| &outcome.unrecorded) {
        let adopt = batch.site.command("resolve");
        ui.error(&format!("{id} has the task {task}, which could not be recorded"));
        ui.hint(&format!("once the disk has room: {adopt} {id} --adopt {task}"));
    }
    let view = batch.site.existing()?;
    let standing = Standing::read(&view)?;
    let csv = report::write(&batch.site.folder, &view, Rows::All)?;
    let exit = end.exit(&standing);
    let mut value = standing.json(&batch.site);
    value["tasks_csv"] = json!(csv.display().to_string());
    value["exit_code"] = json!(exit.code());
    value["seconds"] = json!(end.took.as_secs_f64());
    let line = ui.strong(&standing.line());
    let text = format!("{line}; {:.1} s\n{}", end.took.as_secs_f64(), csv.display());
    ui.result(&text, &value);
    if let Some(doubts) = standing.describe_doubts(&batch.site) {
        ui.message(&doubts);
    }
    if standing.count(State::Planned) > 0 {
        ui.hint(&format!("to continue, give the same command again: {}", this_command()));
    }
    Ok(exit)
}

fn explain_stop(ui: &Ui, reason: &Reason) {
    match reason {
        Reason::Signal => ui.note("stopped by a signal; everything is written down"),
        Reason::Account { account, message } => {
            let (what, hint) = match account {
                Account::Key => ("the API does not accept the key", "check CALLSHEET_API_KEY"),
                Account::Forbidden => (
                    "the API refuses this key or this machine",
                    "is the key allowed to use this model? Is a firewall in the way?",
                ),
                Account::Balance => ("the balance is used up", "top up the account"),
            };
            ui.error(&format!("{what}: {}", crate::view::printable(message)));
            ui.hint(&format!("{hint}; nothing more was sent. The same command continues"));
        }
        Reason::Unreachable { within, message } => {
            let (seconds, message) = (within.as_secs(), crate::view::printable(message));
            ui.error(&format!("no create got through within {seconds} s: {message}"));
        }
        Reason::Unable { message } => {
            ui.error(&format!("this machine cannot send: {}", crate::view::printable(message)));
            ui.hint("too many open files? Raise `ulimit -n`, or lower --concurrency");
        }
        Reason::Ledger(error) => {
            ui.error(&error.to_string());
            ui.hint(
                "what cannot be recorded is not sent. Mend it, then give the same command again",
            );
        }
    }
}

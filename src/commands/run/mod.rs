//! `run`: creates what the manifest asks for, waits, fetches the videos, and continues where the
//! last run ended.

mod after;
mod again;
mod ahead;
mod child;
mod conclude;
mod confirm;
mod hooks;
mod kit;
mod lean;
mod metrics;
mod names;
mod noted;
mod pauses;
mod pilot;
mod places;
mod prepare;
mod rest;
mod shared;
mod stages;
mod stopped;
mod summary;
mod words;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;

use self::after::{After, Ended};
use self::conclude::{Concluded, End, Settled, conclude, explain_cut};
use self::confirm::{Besides, confirm};
use self::hooks::{Hooks, words};
use self::kit::Kit;
use self::metrics::Metrics;
use self::noted::Mark;
use self::pilot::Pilot;
use self::stages::Stages;
use self::words::Words;
use super::batch::{Batch, Pairs, plain};
use super::choose::Chosen;
use super::failure::Failure;
use super::keys::Resends;
use super::rehearsal::{self, Rehearsal};
use super::runtime::runtime;
use super::signals::outlive_file_limits;
use super::status::Standing;
use super::{
    balance, belongs, key, keys, links, listed, locals, nearby, opened, pulse, saved, told,
};
use crate::catalog::Catalog;
use crate::cli::{ChooseArgs, RunArgs, Until};
use crate::client::{Client, Settings};
use crate::download::Shelf;
use crate::exit::Exit;
use crate::files::sweep;
use crate::ledger::{Ledger, LedgerError, Listing, Store};
use crate::pair::ApiKey;
use crate::price::Credits;
use crate::report::{self, Live};
use crate::stage::{Meter, StopReason, Stops};
use crate::state::State;
use crate::submit::{Board, CreateLimits};
use crate::ui::{Progress, Ui, counted};

pub(super) fn run(ui: &Ui, args: &RunArgs) -> Result<Exit, Failure> {
    let args = &shared::choose_folder(args);
    let (after, exec) = (After::of(args)?, words("--exec", args.hooks.exec.as_ref())?);
    let mut ended = noted(ui, args, exec.clone());
    if ended.as_ref().is_ok_and(|(concluded, _)| concluded.goes_on) {
        ended = noted(ui, &RunArgs { pilot: None, ..args.clone() }, exec);
    }
    if ended.is_ok() {
        shared::warn_of_siblings(ui, args);
    }
    after.tell(ui, args, ended)
}

/// The same for a program that this is a part of: gives what there is to tell of it.
pub(super) fn embedded(ui: &Ui, args: &RunArgs) -> Result<(Exit, Value), Failure> {
    let args = &shared::choose_folder(args);
    let (concluded, refusal) = noted(ui, args, None)?;
    refusal.map_or(Ok((concluded.exit, concluded.summary)), Err)
}

/// The whole run, whose exit code is written down.
fn noted(ui: &Ui, args: &RunArgs, exec: Option<Words>) -> Ended {
    let mark = Mark::default();
    let ended = whole(ui, (args, &mark), exec);
    mark.note(&ended);
    ended
}

/// The whole run. Gives what it came to, and why nothing was created if that was refused.
fn whole(ui: &Ui, (args, mark): (&RunArgs, &Mark), exec: Option<Words>) -> Ended {
    let started = Instant::now();
    let Begun {
        batch,
        catalog,
        kit,
        runtime,
        connected,
        metrics,
        chosen,
        shelf,
        changed,
        mut store,
    } = begin(ui, args, mark)?;
    let Connected { client, _rehearsal, .. } = connected;
    // A plan has its own limit.
    let args = &limited(args, &chosen);
    let pilot = Pilot::choose(args, &batch.site, &mut store)?;
    let by_choice = store.view()?.left_out()?;
    let folder = &batch.site.folder;
    prepare::prepare(ui, args, &mut store, (&shelf, &runtime))?;
    let left = || runtime.block_on(client.balance());
    let refusal = match args.no_create {
        true => None,
        false => put_right(ui, (args, &batch), (&mut store, &kit, &catalog), &left)?,
    };
    let args = &RunArgs { no_create: args.no_create || refusal.is_some(), ..args.clone() };
    shared::tell(ui, &mut store)?;
    let (standing, unfinished) = (Standing::read(&store.view()?)?, store.view()?.unfinished()?);
    let left =
        ahead::left_planned(args, (standing.count(State::Planned), by_choice), &store.view()?)?;
    let hooks = Hooks::new(exec, &args.hooks, &store.view()?)?;
    let waits = args.until == Until::Saved || batch.manifest.in_flight.is_some();
    let feed = waits.then(|| store.follow()).transpose()?;
    let meter = Arc::new(Meter::default());
    let work = ahead::work((args, &batch), (&standing, &left), &store.view()?)?;
    let progress = Arc::new(Mutex::new(ui.progress(work, Arc::clone(&meter))));
    let ledger = start((args, &batch), store, &progress)?;
    let preflight = kit.preflight((args, &batch), &catalog, (&client, &ledger));
    let (stops, board) = (Stops::default(), Board::default());
    let stages = Stages {
        args,
        batch: &batch,
        ledger: &ledger,
        client: &client,
        preflight: preflight.as_ref(),
        shelf: &shelf,
        stops: &stops,
        board: &board,
        meter: &meter,
        progress: &progress,
        metrics: &metrics,
        hooks: &hooks,
        is_whole: by_choice == 0 && chosen.limit.is_none() && pilot.is_none() && !args.no_create,
        pauses: RefCell::default(),
    };
    let created = runtime.block_on(stages.drive(feed, unfinished));
    drop(preflight);
    let (closed, sheet) = close(ledger, folder);
    lock(&progress).end();
    let took = started.elapsed();
    let (until, passed_over) = (args.until, args.exit_zero_on.clone());
    let end = End {
        until,
        created,
        stops,
        board,
        took,
        changed,
        left,
        pilot,
        chosen,
        passed_over,
        sheet,
        no_page: args.no_report,
    };
    let mut concluded = outcome(ui, (args, &batch), (closed, end))?;
    hooks.conclude(ui);
    let forecast = concluded.forecast.as_ref().filter(|_| concluded.exit != Exit::Killed);
    concluded.goes_on = forecast.is_some_and(|forecast| forecast.ask(ui, &batch));
    let refusal = refusal.filter(|_| concluded.exit != Exit::Killed);
    Ok((concluded, refusal))
}

/// Ends the ledger, and sees to `tasks.csv` while nobody else can change what it shows.
fn close(ledger: Ledger, folder: &Path) -> (Result<(), LedgerError>, Settled) {
    // What another run may be writing by now is left to it.
    if ledger.look().is_ok() {
        pulse::end(folder);
    }
    let ended = ledger.end();
    let sheet = ended.view().map(|view| report::settle(folder, &view));
    let known = sheet.as_ref().and_then(|sheet| sheet.as_ref().ok()).map(|(_, known)| known);
    (ended.close(known), sheet)
}

/// A batch that is listed in its ledger.
struct Begun {
    batch: Batch,
    catalog: Catalog,
    kit: Kit,
    runtime: Runtime,
    connected: Connected,
    metrics: Metrics,
    chosen: Chosen,
    shelf: Shelf,
    /// How many pairs changed in the manifest after they were sent.
    changed: u64,
    store: Store,
}

/// Reads the manifest, connects, opens the ledger and lists the pairs; nothing is sent.
fn begin(ui: &Ui, args: &RunArgs, mark: &Mark) -> Result<Begun, Failure> {
    let chosen = Chosen::read(&args.choose)?;
    let mut batch = match lean::batch(ui, args, &chosen)? {
        Some(batch) => batch,
        None => Batch::open(ui, &args.batch)?,
    };
    let mut catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    chosen.check(&batch)?;
    let kit = Kit::of(args, &batch)?;
    let shelf = places::shelf(args, &batch)?;
    let runtime = runtime()?;
    {
        let _within = runtime.enter();
        outlive_file_limits();
    }
    let plan = match &args.plan {
        Some(plan) => Some((plan, runtime.block_on(kit.hold(plan, &batch, &catalog))?)),
        None => None,
    };
    let connected = runtime.block_on(connect(args, &batch))?;
    let metrics = runtime.block_on(Metrics::open(&args.metrics, batch.site.name()))?;
    batch.site.make()?;
    catalog.keep();
    shared::follow(ui, args, &batch)?;
    let mut store = open(ui, &batch)?;
    mark.set(&batch.site.folder, &store);
    shared::declare(args, &batch, &mut store)?;
    belongs::take_manifest(ui, &batch, &mut store)?;
    let key = connected.key.as_ref();
    key.into_iter().try_for_each(|key| belongs::take_key(ui, args, key, &mut store))?;
    keys::take(&batch, key, &mut store)?;
    let chosen = match plan {
        Some((plan, basis)) => {
            saved::hold_ledger(plan, &basis, &store)?;
            basis.chosen()?
        }
        None => chosen,
    };
    let changed = list(ui, (args, &batch), &mut store, &locals::lengths(&batch, &catalog))?;
    let changed = changed + shared::share(ui, args, &batch, &mut store)?;
    chosen.leave_out(ui, &batch, &mut store)?;
    Ok(Begun { batch, catalog, kit, runtime, connected, metrics, chosen, shelf, changed, store })
}

/// The options, with the limit that holds.
fn limited(args: &RunArgs, chosen: &Chosen) -> RunArgs {
    let choose = ChooseArgs { limit: chosen.limit, ..args.choose.clone() };
    RunArgs { choose, ..args.clone() }
}

/// What came of a run whose ledger was closed.
fn outcome(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    (closed, end): (Result<(), LedgerError>, End),
) -> Result<Concluded, Failure> {
    match (closed, &end.stops.reasons()[..]) {
        // What it means for the batch is told there.
        (Err(error), _) if error.is_aside() => {
            explain_cut(ui, batch, &end);
            Err(error.into())
        }
        (Ok(()), _) | (Err(_), [StopReason::Ledger(_), ..]) => conclude(ui, (args, batch), end),
        (Err(error), _) => {
            explain_cut(ui, batch, &end);
            Err(error.into())
        }
    }
}

/// What is planned again, and confirmed, before anything is created. Gives why nothing may be created
/// now, if the run is to go on all the same: what was paid for is waited for.
fn put_right(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    (store, kit, catalog): (&mut Store, &Kit, &Catalog),
    left: &dyn Fn() -> Option<Credits>,
) -> Result<Option<Failure>, Failure> {
    let price = batch.manifest.spending.price.and_then(|tariff| tariff.linear());
    let mut again = again::select(ui, args, &store.view()?, (price, &batch.manifest.currency))?;
    told::settle(ui, (args, batch), &store.view()?)?;
    nearby::settle(ui, (args, batch), (store, &again.ids()), catalog)?;
    let view = store.view()?;
    again.leave(&view);
    let sent = || links::to_send(&view, |id| again.length(id).is_some());
    if let Err(dead) = links::refuse(batch, catalog, sent) {
        let under_way = view.unfinished()? + view.unsaved()?.len() as u64;
        if under_way == 0 || args.until != Until::Saved {
            return Err(dead);
        }
        let tasks = counted(under_way, "task");
        ui.warn(&format!(
            "nothing is created, for what is said at the end; first the videos of {tasks} under way"
        ));
        return Ok(Some(dead));
    }
    drop(view);
    let looks = kit.looks_again();
    let unfit = looks.map(|looks| store.unfit(looks)).transpose()?.unwrap_or_default();
    let view = store.view()?;
    let resends = Resends::read(&view, batch.manifest.idempotency.as_ref())?;
    if let Some(doubts) = resends.announce() {
        ui.note(&doubts);
    }
    let besides = Besides { again: &again, unfit: &unfit, catalog, resends: &resends };
    if let Some(sum) = confirm(ui, (args, batch), &view, besides)? {
        let how_many = |fit: &dyn Fn(&_) -> bool| confirm::how_many(batch, &view, besides, fit);
        balance::confirm(ui, batch, (&sum, &view.bills()?), left, how_many)?;
    }
    drop(view);
    again.plan(store)?;
    looks.map(|looks| store.look_again(looks)).transpose()?;
    Ok(None)
}

/// The way to the API.
struct Connected {
    client: Client,
    /// Unless it is a rehearsal's.
    key: Option<ApiKey>,
    /// Ends when dropped.
    _rehearsal: Option<Rehearsal>,
}

async fn connect(args: &RunArgs, batch: &Batch) -> Result<Connected, Failure> {
    let settings = Settings {
        request_timeout: args.request_timeout,
        connections: limits(args, batch).concurrency.into(),
        stall_timeout: args.video.stall_timeout,
        plain: plain(&args.batch.manifest),
    };
    let (endpoint, key, rehearsal) = match &args.batch.mock {
        Some(scenario) => {
            let rehearsal = rehearsal::start(scenario).await?;
            (rehearsal.endpoint.clone(), rehearsal.key.clone(), Some(rehearsal))
        }
        None => (batch.endpoint.clone(), key::read(&args.key)?, None),
    };
    let client = Client::new(&endpoint, key.clone(), &settings)
        .map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    let client = if rehearsal.is_some() { client.rehearsing() } else { client };
    let key = rehearsal.is_none().then_some(key);
    Ok(Connected { client, key, _rehearsal: rehearsal })
}

fn limits(args: &RunArgs, batch: &Batch) -> CreateLimits {
    CreateLimits {
        concurrency: args.concurrency.unwrap_or(batch.manifest.concurrency.get()),
        rate: args.rate.or(batch.manifest.rate),
        most: args.choose.limit,
        retry_for: args.retry_for,
        max_doubts: args.max_doubts.or(batch.manifest.max_doubts.map(NonZeroU32::get)),
        keep_going: args.keep_going,
    }
}

fn open(ui: &Ui, batch: &Batch) -> Result<Store, Failure> {
    let store = opened::open_own(ui, &batch.site, &batch.owner())?;
    clear(&batch.site.folder)?;
    if store.recovered() > 0 {
        let pairs = counted(store.recovered() as u64, "create");
        ui.warn(&format!("the last run was cut off with {pairs} under way: in doubt now"));
    }
    Ok(store)
}

/// Lists the manifest in the ledger, with the lengths of recordings that are known. Gives how many pairs
/// changed after they were sent.
fn list(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    store: &mut Store,
    lengths: &[(&str, Duration)],
) -> Result<u64, Failure> {
    let listing = match batch.pairs {
        Pairs::Held => {
            let digest = batch.lasting_digest();
            let pairs = &batch.manifest.pairs;
            store.list_from(digest.as_deref(), |list| pairs.iter().try_for_each(list))?
        }
        Pairs::Listed(_) if store.view()?.has_listed(&batch.digest())? => Listing::default(),
        Pairs::Listed(_) => return Err(batch.changed()),
        Pairs::ToList(_) => lean::list(args, batch, store)?,
    };
    store.measure(lengths)?;
    store.limit(batch.manifest.rules())?;
    announce(ui, batch, &listing);
    Ok(listing.changed as u64)
}

/// Runs that were killed left files behind; whoever has the ledger clears them away.
fn clear(folder: &Path) -> Result<(), Failure> {
    sweep(folder)
        .map_err(|error| Failure::new(Exit::Fault, format!("{}: {error}", folder.display())))
}

fn announce(ui: &Ui, batch: &Batch, listing: &Listing) {
    ui.note(&batch.head(ui));
    listed::announce_renamed(ui, &listing.renamed);
    announce_changed(ui, listing.changed);
}

/// Says how many pairs ask for something else than what was sent.
fn announce_changed(ui: &Ui, changed: usize) {
    if changed > 0 {
        let pairs = counted(changed as u64, "pair");
        ui.warn(&format!(
            "{pairs} changed in the manifest after being sent; what was sent is kept. \
             To have the new request made too, give it a new id"
        ));
    }
}

fn start(
    (args, batch): (&RunArgs, &Batch),
    mut store: Store,
    progress: &Arc<Mutex<Progress>>,
) -> Result<Ledger, Failure> {
    let teller = Arc::clone(progress);
    store.tell_waiting(Box::new(move || {
        lock(&teller).above(|ui| ui.warn(opened::WAITING));
    }));
    let mut live = Some(Live::new(&batch.site.folder));
    let (progress, host) = (Arc::clone(progress), args.host.clone());
    Ok(store.start(Box::new(move |changes| {
        host.iter().for_each(|host| host.tell(changes));
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

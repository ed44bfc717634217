//! The part that a run takes in a ledger of many: where it is, and what this run's folder is to it.

use crate::cli::RunArgs;
use crate::commands::batch::{Batch, Site};
use crate::commands::failure::Failure;
use crate::commands::opened;
use crate::commands::sharing::Shared;
use crate::commands::siblings;
use crate::exit::Exit;
use crate::ledger::{Store, is_under_way};
use crate::ui::{Ui, counted};

/// How many runs of one batch have their folders side by side on a machine.
const FOLDERS: u32 = 1000;

/// A second run on the same machine has a folder of its own, with the next number that is free.
pub(super) fn choose_folder(args: &RunArgs) -> RunArgs {
    let (mut args, site) = (args.clone(), Site::of(&args.batch));
    args.ledger = site.shared.as_ref().map(|shared| shared.url.clone());
    args.batch.shared.own = true;
    if args.ledger.is_none() || site.named || !is_under_way(&site.folder) {
        return args;
    }
    let numbered = |n: u32| {
        let mut name = site.folder.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{n}.run"));
        site.folder.with_file_name(name)
    };
    args.batch.out = (2..FOLDERS).map(numbered).find(|folder| !is_under_way(folder));
    args
}

/// Has the run folder go along if the batch was moved to where the manifest says that the service is.
pub(super) fn follow(ui: &Ui, args: &RunArgs, batch: &Batch) -> Result<(), Failure> {
    let Some(url) = args.ledger.as_ref().filter(|_| !batch.site.rehearsal) else { return Ok(()) };
    shared((args, url), batch).follow(ui, &batch.site.folder, &batch.owner())
}

/// Writes down that the ledger is shared, if it is; or says that it has to be. Before pairs are listed: to a
/// run that begins beside this one they would be another batch's, about to be sent.
pub(super) fn declare(args: &RunArgs, batch: &Batch, store: &mut Store) -> Result<(), Failure> {
    let Some(url) = &args.ledger else {
        if batch.manifest.shared_budget.is_some() && !batch.site.rehearsal {
            let text = "`shared_budget` in the manifest: others who spend it are in a database";
            return Err(
                Failure::new(Exit::Usage, text).hint("name it with --ledger, or take it out")
            );
        }
        return match store.view()?.shared_as()? {
            Some(shared) => Err(opened::forgotten(&batch.site.folder, &shared.name)),
            None => Ok(()),
        };
    };
    if batch.site.rehearsal {
        let text = "a rehearsal opens no shared ledger";
        return Err(Failure::new(Exit::Usage, text).hint("leave away --mock or --ledger"));
    }
    if batch.manifest.idempotency.is_some() {
        let text = "`idempotency` in the manifest: creates of a shared ledger carry no keys, since nobody but a \
            worker that may be gone could send one in doubt again under its own";
        return Err(Failure::new(Exit::Usage, text).hint("take it out, or run without --ledger"));
    }
    store.declare_shared(&shared((args, url), batch).name)?;
    Ok(())
}

fn shared((args, url): (&RunArgs, &str), batch: &Batch) -> Shared {
    let stem = batch.site.name();
    Shared::of_run(args, &stem).unwrap_or_else(|| Shared::named(url.to_owned(), stem))
}

/// Takes part, if the ledger is shared. Gives how many pairs changed after others had sent them.
pub(super) fn share(
    ui: &Ui,
    args: &RunArgs,
    batch: &Batch,
    store: &mut Store,
) -> Result<u64, Failure> {
    args.ledger.as_ref().map_or(Ok(0), |url| open(ui, (args, url), batch, store))
}

#[cfg(feature = "postgres")]
fn open(
    ui: &Ui,
    (args, url): (&RunArgs, &str),
    batch: &Batch,
    store: &mut Store,
) -> Result<u64, Failure> {
    use std::num::NonZeroU32;

    use super::limits;
    use crate::commands::listed::announce_renamed;
    use crate::ledger::{LedgerError, Sharing};
    use crate::pace::{Rate, Terms};

    let shared = shared((args, url), batch);
    let (settings, name) = (shared.settings()?, shared.name);
    let in_flight = batch.manifest.in_flight;
    // Creates that wait for tasks to end wait also for those that others left.
    let adopts = args.until == crate::cli::Until::Saved || in_flight.is_some();
    let (lease, rules, limits) = (args.lease, batch.manifest.rules(), limits(args, batch));
    let terms = Terms {
        concurrency: limits.concurrency,
        in_flight: in_flight.map(NonZeroU32::get),
        max_doubts: limits.max_doubts,
        apart: limits.rate.map(Rate::interval),
    };
    let pool = batch.manifest.shared_budget.as_deref();
    let (at, joins) = (settings.clone(), args.join);
    let sharing = Sharing { settings: at, name: &name, lease, adopts, rules, joins, pool, terms };
    let relisted = match store.share(sharing) {
        Err(LedgerError::WentBack) => {
            // Before a person lets creates begin again, all have to say what they know.
            let handed = store.hand_in_all((&settings, &name))?;
            let news = (handed.sent.len() + handed.farther) as u64;
            ui.note(&match news {
                0 => "this folder knows nothing that the database lacks".to_owned(),
                news => {
                    let pairs = counted(news, "pair");
                    format!("what this folder knows was handed in: news of {pairs}")
                }
            });
            return Err(LedgerError::WentBack.into());
        }
        relisted => relisted?,
    };
    ui.note(&format!("the ledger is shared: batch {name}"));
    warn_of_siblings(ui, args);
    announce_renamed(ui, &relisted.renamed);
    super::announce_changed(ui, relisted.changed);
    Ok(relisted.changed as u64)
}

#[cfg(not(feature = "postgres"))]
fn open(
    _: &Ui,
    (args, url): (&RunArgs, &str),
    batch: &Batch,
    _: &mut Store,
) -> Result<u64, Failure> {
    Err(shared((args, url), batch).unknown())
}

/// Names run folders beside this one that know more of a shared batch than its database was told.
pub(super) fn warn_of_siblings(ui: &Ui, args: &RunArgs) {
    let site = Site::of(&args.batch);
    if let Some(shared) = Shared::of_run(args, &site.name()) {
        siblings::warn(ui, &site, &shared.name);
    }
}

/// Tells the others what this run changed before it begins.
pub(super) fn tell(ui: &Ui, store: &mut Store) -> Result<(), Failure> {
    let refused = store.tell_shared()?;
    if refused > 0 {
        let pairs = counted(refused as u64, "pair");
        ui.warn(&format!("{pairs} were changed by others meanwhile, and are as they have them"));
    }
    Ok(())
}

//! A run that does not hold the pairs of its manifest: because the ledger has listed them from the same
//! files, or because there are so many that they are read twice instead.
//!
//! Only where nothing else is compared with them pair by pair: media that are looked at, files of this
//! machine, run folders nearby, prices that differ. Wherever something is wrong, or may be, the pairs
//! are held, and what is wrong is said from them.

use std::time::Duration;

use crate::catalog::Catalog;
use crate::cli::RunArgs;
use crate::commands::batch::{Batch, Pairs};
use crate::commands::choose::Chosen;
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::nearby;
use crate::commands::outside::Inside;
use crate::commands::sharing::Shared;
use crate::commands::written::Written;
use crate::fitness::Weight;
use crate::ledger::{Listing, Store, View};
use crate::manifest::{Marks, Outline};
use crate::pair::{Pair, Role, Source};
use crate::state::State;
use crate::ui::Ui;

/// From so many bytes of manifest and tables on, pairs are read twice rather than held.
const LONG: u64 = 256 << 10;

/// The batch without its pairs; nothing if they have to be held.
pub(super) fn batch(ui: &Ui, args: &RunArgs, chosen: &Chosen) -> Result<Option<Batch>, Failure> {
    let written = Written::open(&args.batch.manifest.manifest)?;
    let Some(head) = written.head(&args.batch.manifest) else { return Ok(None) };
    let is_long = written.length(&head) >= LONG;
    let batch = Batch::of(&args.batch, written.given, head)?;
    // The ledger knows no tags.
    if !compares_nothing(args, &batch) || chosen.choice.is_by_tags() {
        return Ok(None);
    }
    let view = batch.site.view()?;
    if view.is_none() && !is_long {
        return Ok(None);
    }
    // A table that cannot be read is told of where it is named.
    let Ok(sha256) = written.digest(&batch.manifest) else { return Ok(None) };
    let batch = Batch { sha256, ..batch };
    let pairs = match view {
        Some(view) => listed(args, &batch, &view)?,
        None => to_list(ui, args, (&written, &batch))?,
    };
    Ok(pairs.map(|pairs| Batch { pairs, ..batch }))
}

/// Whether nothing has to be known of each pair besides what the ledger knows.
fn compares_nothing(args: &RunArgs, batch: &Batch) -> bool {
    let (manifest, price) = (&batch.manifest, batch.manifest.spending.price);
    let looks = args.probe || manifest.probe || manifest.rules().limit();
    let differ = price.is_some_and(|tariff| tariff.plain() != tariff.dearest());
    args.plan.is_none() && !looks && !differ && Catalog::open(&batch.site.folder).is_empty()
}

/// What the ledger has listed from the same files.
fn listed(args: &RunArgs, batch: &Batch, view: &View) -> Result<Option<Pairs>, Failure> {
    if !view.has_listed(&batch.digest())? {
        return Ok(None);
    }
    let counts = view.counts()?;
    let any = |wanted: &[State]| counts.iter().any(|(state, _)| wanted.contains(state));
    // What is not planned is sent by a person's word alone, or because of its key.
    let asked = args.pay_again || args.retry_failed.is_some() || args.retry_rejected.is_some();
    let doubts = [State::InDoubt, State::Sending];
    let is_keyed = batch.manifest.idempotency.is_some() && any(&doubts);
    if asked || is_keyed || any(&[State::Planned]) && !may_send(args, batch, view)? {
        return Ok(None);
    }
    let pairs = counts.iter().map(|(_, pairs)| pairs).sum();
    tracing::info!("the ledger has this very list: its {pairs} pairs are not read again");
    Ok(Some(Pairs::Listed(pairs)))
}

/// Whether nothing speaks against what is planned.
fn may_send(args: &RunArgs, batch: &Batch, view: &View) -> Result<bool, Failure> {
    if nearby::may_have_paid(batch, Shared::of_run(args, &batch.site.name()).as_ref())? {
        return Ok(false);
    }
    let catalog = Catalog::open(&batch.site.folder);
    let (links, inside) = (Links::new(batch, &catalog, Duration::ZERO), Inside::of(batch));
    let is_good =
        |url: &str, role: Role| inside.remark_of(url).is_none() && is_clean(&links, (url, role));
    let mut clean = true;
    view.each_planned(|[image, audio]| {
        clean &= is_good(image, Role::Image) && is_good(audio, Role::Audio);
    })?;
    Ok(clean)
}

fn is_clean(links: &Links<'_>, (url, role): (&str, Role)) -> bool {
    links.remarks(url, role).iter().all(|remark| remark.weight != Weight::Error)
}

/// Reads and checks a long list that no ledger knows, and keeps none of it.
fn to_list(
    ui: &Ui,
    args: &RunArgs,
    (written, batch): (&Written<'_>, &Batch),
) -> Result<Option<Pairs>, Failure> {
    if nearby::may_have_paid(batch, Shared::of_run(args, &batch.site.name()).as_ref())? {
        return Ok(None);
    }
    let catalog = Catalog::open(&batch.site.folder);
    let (links, inside) = (Links::new(batch, &catalog, Duration::ZERO), Inside::of(batch));
    let is_good = |source: &Source, role: Role| match source {
        Source::Url(url) => {
            let url = url.as_written();
            inside.remark_of(url).is_none() && is_clean(&links, (url, role))
        }
        Source::File(_) => false,
    };
    let mut clean = true;
    let judge = |pair: &Pair, _: &Marks| {
        let good = |role| is_good(pair.request.source(role), role);
        clean &= pair.expires.is_none() && Role::BOTH.into_iter().all(good);
    };
    let Outline { manifest, pairs, .. } = written.judged(&args.batch.manifest, judge)?;
    if !clean || !manifest.warnings.is_empty() {
        return Ok(None);
    }
    written.announce(ui, &manifest);
    tracing::info!("{pairs} pairs are read twice rather than held");
    Ok(Some(Pairs::ToList(pairs)))
}

/// Lists what was read and found to be good, from the same files once more.
pub(super) fn list(args: &RunArgs, batch: &Batch, store: &mut Store) -> Result<Listing, Failure> {
    let written = Written::open(&args.batch.manifest.manifest)?;
    store.list_from(Some(&batch.digest()), |list| {
        let mut listed = Ok(());
        written.each(&args.batch.manifest, |pair, _| {
            if listed.is_ok() {
                listed = list(pair);
            }
        })?;
        listed?;
        // What was read the second time has to be what was judged the first time.
        let same = written.digest(&batch.manifest)? == batch.sha256;
        if same { Ok(()) } else { Err(batch.changed()) }
    })
}

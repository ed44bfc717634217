//! `ledger copy`: takes a batch from its run folder to a database, or back.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use crate::cli::{BatchArgs, CopyArgs, SharedArgs};
use crate::commands::batch::{REHEARSAL, Site, shell_word};
use crate::commands::failure::Failure;
use crate::commands::sharing::{Said, Shared, is_database};
use crate::commands::written::Written;
use crate::commands::{belongs, opened};
use crate::exit::Exit;
use crate::ledger::{CopyFrom, CopyTo, Moved, Store, View, must_not_be_lost};
use crate::price::Rules;
use crate::ui::{Ui, counted};

pub(super) fn copy(ui: &Ui, args: &CopyArgs) -> Result<Exit, Failure> {
    if args.batch.mock.is_some() {
        let text = "a rehearsal opens no shared ledger";
        return Err(Failure::new(Exit::Usage, text).hint("leave away --mock"));
    }
    let began = Instant::now();
    let copied = match is_database(&args.to) {
        true => to_database(ui, args)?,
        false => to_folder(ui, args)?,
    };
    copied.tell(ui, began);
    Ok(Exit::Done)
}

/// What was done, for people and programs.
struct Copied {
    moved: Moved,
    from: String,
    to: String,
    batch: String,
    next: String,
}

impl Copied {
    fn tell(&self, ui: &Ui, began: Instant) {
        let Self { moved, from, to, batch, next } = self;
        let seconds = began.elapsed().as_secs_f64();
        let text = match moved.pairs {
            Some(pairs) => {
                let pairs = counted(pairs as u64, "pair");
                format!(
                    "{pairs} copied and compared, in {seconds:.1} s: the batch `{batch}` is in {to} now"
                )
            }
            None => format!("the batch `{batch}` is in {to}: an earlier copy brought it there"),
        };
        let value = json!({
            "batch": batch,
            "from": from,
            "to": to,
            "pairs": moved.pairs,
            "seconds": seconds,
        });
        ui.result(&text, &value);
        ui.hint(&format!("{from} can pay for nothing by itself any more. Go on with: {next}"));
    }
}

/// The batch of a run folder.
fn to_database(ui: &Ui, args: &CopyArgs) -> Result<Copied, Failure> {
    // Wherever it was to go on: what is copied is what the folder has.
    let own = SharedArgs { own: true, ..args.batch.shared.clone() };
    let site = Site::of(&BatchArgs { shared: own, ..args.batch.clone() });
    let name = Said::of(&args.batch).name(&args.batch, &site.name());
    let shared = Shared::named(args.to.clone(), name);
    let view = site.existing()?;
    let endpoint = view.endpoint()?;
    if endpoint == REHEARSAL {
        let folder = site.folder.display();
        let text = format!("{folder}: it belongs to a rehearsal, whose tasks exist nowhere");
        return Err(Failure::new(Exit::Usage, text));
    }
    belongs::check_manifest(ui, &site, &view)?;
    drop(view);
    let (settings, rules) = (shared.settings()?, rules(&args.batch)?);
    site.check_disk()?;
    let mut store = opened::open_own(ui, &site, &endpoint)?;
    ui.note(&format!("copying the batch `{}` to {settings}", shared.name));
    let to = CopyTo { settings: &settings, name: &shared.name, rules };
    let moved = store.copy_to(&to);
    let closed = store.close();
    let (moved, to) = (moved?, settings.to_string());
    closed?;
    let next = format!("{} --ledger {}", site.command("run"), shell_word(to.as_ref()));
    let next = match shared.name == site.name() {
        true => next,
        false => format!("{next} --batch-name {}", shell_word(shared.name.as_ref())),
    };
    let from = site.folder.display().to_string();
    Ok(Copied { moved, from, to, batch: shared.name, next })
}

/// What the manifest says of money: what was spent is reckoned by it.
fn rules(args: &BatchArgs) -> Result<Rules, Failure> {
    let written = Written::open(&args.manifest.manifest)?;
    match written.head(&args.manifest) {
        Some(head) => Ok(head.rules()),
        None => Ok(written.outline(&args.manifest)?.manifest.rules()),
    }
}

/// The batch of a shared ledger.
fn to_folder(ui: &Ui, args: &CopyArgs) -> Result<Copied, Failure> {
    let out = Some(PathBuf::from(&args.to));
    let batch = BatchArgs { out, ..args.batch.clone() };
    let site = Site::of(&batch);
    let Some(shared) = site.shared.clone() else {
        let text = "which database is the batch in? Give --ledger URL";
        let hint =
            "to take a batch to a database, give its URL: --to postgres://callsheet@db/callsheet";
        return Err(Failure::new(Exit::Usage, text).hint(hint));
    };
    let settings = shared.settings()?;
    site.make()?;
    if View::open(&site.folder)?.is_none() {
        must_not_be_lost(&site.folder)?;
    }
    ui.note(&format!("copying the batch `{}` to {}", shared.name, site.folder.display()));
    let from = CopyFrom { settings: &settings, name: &shared.name, sure: site.sure };
    let (store, moved) = Store::copy_from(&site.folder, &from, opened::waiting(ui))?;
    store.close()?;
    let (to, from) = (site.folder.display().to_string(), settings.to_string());
    let next = site.command("run");
    Ok(Copied { moved, from, to, batch: shared.name, next })
}

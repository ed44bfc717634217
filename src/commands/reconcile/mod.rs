//! `reconcile`: finds the tasks of pairs in doubt in the account's list, or in an export of it.
//!
//! It proposes; a person, or `--yes`, adopts. It never has anything created again.

mod account;
mod export;
mod show;
mod sounds;

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use tokio::runtime::Runtime;

use self::account::Reading;
use super::batch::Site;
use super::failure::Failure;
use super::runtime::runtime;
use super::{belongs, doubts, key, patient, resolve, status};
use crate::cli::ReconcileArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::ledger::{Doubt, LedgerError, Rows, View, is_under_way};
use crate::pair::{Endpoint, LocalFile, PlainHttp, TaskId};
use crate::reconcile::{Findings, KnownTasks, Lost, match_up, orphans};
use crate::report;
use crate::ui::{Ui, counted};

/// What the search works with.
struct Search<'a> {
    ui: &'a Ui,
    args: &'a ReconcileArgs,
    site: &'a Site,
    client: Client,
    runtime: Runtime,
}

pub(super) fn reconcile(ui: &Ui, args: &ReconcileArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    let view = site.existing()?;
    belongs::check_manifest(ui, &site, &view)?;
    let doubts = view.doubts()?;
    if doubts.is_empty() {
        ui.result("no pair is in doubt", &show::nothing());
        return Ok(Exit::Done);
    }
    warn_of_run(ui, args, &site);
    let lost: Vec<Lost> = doubts.iter().map(lost).collect();
    let search =
        Search { ui, args, site: &site, client: client(args, &view)?, runtime: runtime()? };
    let reading = search.read(&lost)?;
    let orphans = orphans(reading.tasks.clone(), &known(&site, &view)?, &lost, patience(args));
    let mut findings = match_up(&lost, &orphans);
    if let Some((lost, orphans)) = search.listen(&findings, &lost, &orphans) {
        findings = findings.and(match_up(&lost, &orphans));
    }
    drop(view);
    search.conclude(&findings, &reading)
}

/// Says before a search of minutes that what it finds cannot be recorded after it.
fn warn_of_run(ui: &Ui, args: &ReconcileArgs, site: &Site) {
    if args.patience.wait.is_none() && is_under_way(&site.folder) {
        ui.warn(
            "a run is under way, and the ledger is its until it ends: what is found now is shown, \
             and can be adopted with --wait 1h, or after that run",
        );
    }
}

/// How long after its intent a create may still make a task.
fn patience(args: &ReconcileArgs) -> SignedDuration {
    SignedDuration::try_from(args.request_timeout).unwrap_or(SignedDuration::MAX)
}

/// Asks the endpoint that the ledger belongs to.
fn client(args: &ReconcileArgs, view: &View) -> Result<Client, Failure> {
    let owner = view.endpoint()?;
    let failed = |error: String| Failure::new(Exit::Fault, error);
    let endpoint = Endpoint::parse(&owner, PlainHttp::Anywhere);
    let endpoint = endpoint.map_err(|error| failed(format!("{owner}: {error}")))?;
    let key = key::read(&args.key)?;
    Client::new(&endpoint, key, &resolve::SETTINGS).map_err(|error| failed(error.to_string()))
}

fn lost(doubt: &Doubt) -> Lost {
    let field = |body: &str, name: &str| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        body[name].as_str().unwrap_or_default().to_owned()
    };
    let sent = |name| field(&doubt.body, name);
    Lost {
        id: doubt.row.id.clone(),
        sent_at: doubt.sent_at,
        image: sent("image_url"),
        audio: sent("audio_url"),
        model: sent("model"),
        file: LocalFile::of_listed(&field(&doubt.listed, "audio_url")),
        requests: doubts::request_ids(doubt),
        sound: None,
    }
}

/// The tasks of this batch and of the batches whose run folders lie beside it.
fn known(site: &Site, view: &View) -> Result<KnownTasks, Failure> {
    let mut known = KnownTasks::new();
    for (_, neighbour) in site.neighbours() {
        known.extend(neighbour.task_ids()?.into_iter().map(|task| (task, None)));
    }
    known.extend(view.task_ids()?.into_iter().map(|task| (task, None)));
    view.each_row::<LedgerError>(Rows::Settled, |row| {
        if let Some(task) = row.task_id.as_deref().and_then(|task| TaskId::parse(task).ok()) {
            known.insert(task, row.created_at);
        }
        Ok(())
    })?;
    Ok(known)
}

impl Search<'_> {
    /// The account's tasks: from the export that was given, or from the account itself.
    fn read(&self, lost: &[Lost]) -> Result<Reading, Failure> {
        match &self.args.from {
            Some(file) => export::read(file),
            None => self.runtime.block_on(account::read(self, lost)),
        }
    }

    /// Shows what was found and, if that is wanted, adopts it.
    fn conclude(&self, findings: &Findings, reading: &Reading) -> Result<Exit, Failure> {
        let text = show::describe(self.ui, self.site, findings, reading);
        self.ui.message(&text);
        let adopted = if self.wanted(findings) { self.adopt(findings)? } else { 0 };
        let view = self.site.existing()?;
        report::write(&self.site.folder, &view, Rows::All)?;
        let standing = status::Standing::read(&view)?;
        let line = match adopted {
            0 => format!("nothing was adopted; now {}", standing.line()),
            count => format!("{} adopted; now {}", counted(count, "task"), standing.line()),
        };
        let value = show::json(findings, reading, adopted, &standing.json(self.site));
        self.ui.result(&line, &value);
        if adopted > 0 {
            self.ui.hint(&format!("to wait for them: {}", self.site.command("run")));
        }
        let left = standing.exit(crate::cli::Until::Created) == Exit::InDoubt;
        Ok(if left { Exit::InDoubt } else { Exit::Done })
    }

    /// Whether the proposals are to be adopted.
    fn wanted(&self, findings: &Findings) -> bool {
        if self.args.yes || findings.proposals.is_empty() {
            return self.args.yes && !findings.proposals.is_empty();
        }
        let tasks = counted(findings.proposals.len() as u64, "proposal");
        match self.ui.ask(&format!("Adopt {tasks}? [y/N] ")) {
            Some(wanted) => wanted,
            None => {
                self.ui.hint("nobody is there to confirm: give --yes to adopt what is proposed");
                false
            }
        }
    }

    fn adopt(&self, findings: &Findings) -> Result<u64, Failure> {
        let owner = self.site.existing()?.endpoint()?;
        let wait = self.args.patience.wait;
        let mut store = patient::open(self.ui, self.site, &owner, wait)?;
        let tasks: Vec<_> =
            findings.proposals.iter().map(|found| (found.id.clone(), found.task.clone())).collect();
        store.adopt(&tasks)?;
        store.close()?;
        Ok(tasks.len() as u64)
    }
}

impl Site {
    /// The run folders beside this one and beside the manifest, and their ledgers. Those that cannot
    /// be read are passed over.
    pub(super) fn neighbours(&self) -> Vec<(PathBuf, View)> {
        let mut known: HashSet<_> = std::fs::canonicalize(&self.folder).into_iter().collect();
        let places = [&self.folder, &self.manifest].map(|path| crate::files::folder_of(path));
        let entries = places.into_iter().flat_map(std::fs::read_dir).flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        let others =
            folders.filter(|path| std::fs::canonicalize(path).is_ok_and(|path| known.insert(path)));
        let opened = others.map(|folder| (View::open(&folder).ok().flatten(), folder));
        opened.filter_map(|(view, folder)| Some((folder, view?))).collect()
    }
}

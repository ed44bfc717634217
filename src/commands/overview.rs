//! `report.html` of a batch: what its page says besides the pairs, and when it is written.

use std::fs;
use std::path::{Component, Path};

use url::Url;

use super::batch::Site;
use super::doubts;
use super::failure::Failure;
use super::status::Standing;
use crate::files::folder_of;
use crate::ledger::View;
use crate::page::{self, Aim, Facts, Live, Step};
use crate::report::ReportError;
use crate::state::State;
use crate::ui::{Tongue, Ui};
use crate::words::Language;

/// Writes the page anew.
pub(super) fn write(
    tongue: Tongue,
    site: &Site,
    view: &View,
    standing: &Standing,
) -> Result<String, ReportError> {
    let written =
        with_facts(tongue, site, standing, |facts| page::write(&site.folder, view, facts));
    written.map(|path| path.display().to_string())
}

/// Has the page as the ledger is, at the end of a run. A batch is none the worse for a page that cannot
/// be written.
pub(super) fn settle(ui: &Ui, site: &Site, view: &View, standing: &Standing) -> Option<String> {
    match with_facts(ui.tongue(), site, standing, |facts| page::settle(&site.folder, view, facts)) {
        Ok(path) => Some(path.display().to_string()),
        Err(error) => {
            ui.warn(&format!("{} could not be written: {error}", page::FILE));
            None
        }
    }
}

fn with_facts<T>(
    tongue: Tongue,
    site: &Site,
    standing: &Standing,
    then: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let own = |text: String| tongue.say(&text).into_owned();
    let notes = standing.describe_late().chain(standing.resends.describe_others());
    let notes: Vec<_> = notes.map(own).collect();
    let doubts: Vec<_> = standing.doubts.iter().map(doubts::describe).map(own).collect();
    then(&Facts {
        name: &site.name(),
        endpoint: &standing.owner,
        counts: &standing.counts,
        unlisted: standing.unlisted,
        bills: &standing.bills,
        remarked: &standing.remarked,
        doubts: &doubts,
        notes: &notes,
        steps: &steps(site, standing),
        media: &media(site),
        language: (tongue.language() == Language::Chinese).then_some("zh"),
    })
}

/// What can be done now, as commands.
pub(super) fn steps(site: &Site, standing: &Standing) -> Vec<Step> {
    let run = site.command("run");
    let left = [State::Planned, State::Sending, State::Created, State::Completed];
    let any = |state| standing.count(state) > 0;
    let mut steps = Vec::new();
    let mut add = |aim, command| steps.push(Step { aim, command });
    if left.into_iter().any(any) {
        add(Aim::GoOn, run.clone());
    }
    if any(State::Failed) {
        add(Aim::RetryFailed, format!("{run} --retry-failed"));
    }
    if any(State::Rejected) {
        add(Aim::RetryRejected, format!("{run} --retry-rejected"));
    }
    if let Some(first) = standing.doubts.first() {
        let resolve = site.command("resolve");
        let id = &first.row.id;
        if standing.doubts.iter().any(|doubt| doubt.proposed.is_some()) {
            add(Aim::AdoptProposed, format!("{resolve} --all --adopt-proposed"));
        }
        if !site.rehearsal {
            add(Aim::Reconcile, site.command("reconcile"));
        }
        add(Aim::Table, format!("{} --doubts doubts.csv", site.command("status")));
        add(Aim::Adopt, format!("{resolve} {id} --adopt TASK_ID"));
        add(Aim::Resend, format!("{resolve} {id} --resend"));
        add(Aim::Abandon, format!("{resolve} {id} --abandon"));
    }
    // Decisions lie in the run folder, and a database knows nothing of them.
    if any(State::Saved) && site.shared.is_none() {
        add(Aim::Review, site.command("review"));
    }
    add(Aim::Look, site.command("status"));
    steps
}

/// The page of a batch, live.
pub(super) fn served(
    tongue: Tongue,
    site: &Site,
    view: &View,
    live: &Live<'_>,
) -> Result<Vec<u8>, Failure> {
    let standing = Standing::read(view)?;
    Ok(with_facts(tongue, site, &standing, |facts| {
        // Whoever looks at it is there already.
        let steps: Vec<_> =
            facts.steps.iter().filter(|step| step.aim != Aim::Review).cloned().collect();
        page::serve(view, &Facts { steps: &steps, ..*facts }, live)
    })?)
}

/// The folder that the manifest names files from, as a link from the run folder: up from there where
/// that leads to it, so that both can be moved together.
pub(super) fn media(site: &Site) -> String {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some(named) = real(folder_of(&site.manifest)) else { return String::new() };
    match real(&site.folder).as_deref().and_then(|folder| folder.strip_prefix(&named).ok()) {
        Some(below) => below.components().map(|_: Component<'_>| "../").collect(),
        None => Url::from_directory_path(&named).map(String::from).unwrap_or_default(),
    }
}

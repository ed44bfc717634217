//! A person's command for each video that was saved, started beside the run: whatever becomes of it,
//! the run goes on, and none is started twice for a video that was saved once.
//!
//! What was saved is read from the ledger's events, so a command never hears of a video that a power
//! cut could take back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, absolute};
use std::sync::Mutex;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

use super::child::{self, Talk};
use super::lock;
use super::words::{Words, WordsError};
use crate::cli::HookArgs;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::ledger::{LedgerError, SavedFile, View};
use crate::ui::{Progress, Ui, counted};

/// How often the ledger is asked what was saved.
const ASKED: Duration = Duration::from_millis(200);
/// How long commands may go on after the run before that is told.
const UNTOLD: Duration = Duration::from_secs(1);
/// How many commands that failed are told of one by one, and how many ids are named.
const SHOWN: usize = 10;

/// The command of `--exec`, and what became of it.
#[derive(Debug)]
pub(super) struct Hooks {
    words: Option<Words>,
    at_once: usize,
    within: Duration,
    /// What the run saves comes after this event.
    after: u64,
    came: RefCell<Came>,
}

/// What became of the commands so far.
#[derive(Debug, Default)]
struct Came {
    started: u64,
    failed: Vec<String>,
    /// For whom none was started, or ended, yet.
    open: VecDeque<String>,
}

/// A command as a person wrote it.
pub(super) fn words(option: &str, text: Option<&String>) -> Result<Option<Words>, Failure> {
    let failed = |error: WordsError| {
        Failure::new(Exit::Usage, format!("{option}: {error}"))
            .hint("write the command and its arguments as in a shell, all of it in quotes")
    };
    text.map(|text| Words::parse(text)).transpose().map_err(failed)
}

impl Hooks {
    /// A command for what is saved from now on.
    pub(super) fn new(words: Option<Words>, args: &HookArgs, view: &View) -> Result<Self, Failure> {
        Ok(Self {
            words,
            at_once: args.exec_jobs.into(),
            within: args.hook_timeout,
            after: view.last_event()?,
            came: RefCell::default(),
        })
    }

    /// Starts a command for each video that is saved, until the stages have ended and all commands
    /// have.
    pub(super) async fn run(
        &self,
        (view, folder): (&View, &Path),
        mut ended: Receiver<bool>,
        progress: &Mutex<Progress>,
    ) {
        let Some(words) = &self.words else { return };
        let (mut waiting, mut going) = (VecDeque::new(), FuturesUnordered::new());
        let (mut after, mut is_told, mut is_unread) = (self.after, false, false);
        loop {
            // In this order: nothing is saved once they have ended.
            let is_over = *ended.borrow();
            match view.saved_after(after) {
                Ok(saved) => self.take_up(saved, (&mut waiting, &mut after)),
                Err(error) if !is_unread => {
                    tell_unread(progress, &error);
                    is_unread = true;
                }
                Err(_) => {}
            }
            while going.len() < self.at_once
                && let Some(saved) = waiting.pop_front()
            {
                going.push(self.one(words, (saved, folder)));
            }
            if is_over && going.is_empty() {
                return;
            }
            tokio::select! {
                Some(came) = going.next() => self.came(came, progress),
                () = sleep(ASKED), if !is_over => {}
                () = sleep(UNTOLD), if is_over && !is_told => {
                    let commands = counted((going.len() + waiting.len()) as u64, "command");
                    lock(progress).above(|ui| ui.note(&format!("waiting for {commands} of --exec")));
                    is_told = true;
                }
                _ = ended.wait_for(|ended| *ended), if !is_over => {}
            }
        }
    }

    fn take_up(
        &self,
        saved: Vec<SavedFile>,
        (waiting, after): (&mut VecDeque<SavedFile>, &mut u64),
    ) {
        let mut came = self.came.borrow_mut();
        for one in saved {
            *after = one.number;
            came.open.push_back(one.id.clone());
            waiting.push_back(one);
        }
    }

    async fn one(
        &self,
        words: &Words,
        (saved, folder): (SavedFile, &Path),
    ) -> (String, Result<(), String>) {
        let SavedFile { id, path, .. } = saved;
        let path = folder.join(path);
        let path = absolute(&path).unwrap_or(path);
        tracing::info!(%id, program = words.program(), "--exec");
        self.came.borrow_mut().started += 1;
        let came = child::run(words.about(&path, &id), Talk::Silent, self.within).await;
        (id, came)
    }

    fn came(&self, (id, came): (String, Result<(), String>), progress: &Mutex<Progress>) {
        let mut all = self.came.borrow_mut();
        all.open.retain(|open| *open != id);
        let Err(why) = came else { return };
        if all.failed.len() < SHOWN {
            lock(progress).above(|ui| ui.warn(&format!("{id}: --exec failed: {why}")));
        }
        all.failed.push(id);
    }

    /// Says how many commands failed, and for which videos none was run to its end.
    pub(super) fn conclude(&self, ui: &Ui) {
        let came = self.came.borrow();
        if !came.failed.is_empty() {
            let (failed, all) = (came.failed.len(), counted(came.started, "command"));
            let names = names(came.failed.iter());
            ui.warn(&format!("{failed} of {all} of --exec failed, for {names}"));
        }
        if !came.open.is_empty() {
            let names = names(came.open.iter());
            ui.warn(&format!("--exec was cut off, or not started, for {names}"));
        }
    }
}

fn tell_unread(progress: &Mutex<Progress>, error: &LedgerError) {
    lock(progress).above(|ui| ui.warn(&format!("--exec is not told what is saved: {error}")));
}

/// `a, b, c and 7 more`
fn names<'i>(ids: impl ExactSizeIterator<Item = &'i String>) -> String {
    let more = ids.len().saturating_sub(SHOWN);
    let shown = ids.take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

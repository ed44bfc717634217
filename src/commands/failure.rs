//! What ends a command: a message, what to do, and an exit code.

use super::batch::REHEARSAL;
use crate::exit::Exit;
use crate::ledger::{LedgerError, SharedFault};
use crate::manifest::Problems;
use crate::report::ReportError;
use crate::ui::counted;
use crate::view::printable;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// What is wrong with the manifest.
    pub(super) problems: Option<Box<Problems>>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: harmless(&message.into()), hint: None, problems: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(harmless(&hint.into())), ..self }
    }
}

/// The words are ours, but the names of files in them are not.
fn harmless(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let message = counted(problems.len() as u64, "problem") + "; nothing was sent";
        Self { exit: Exit::Usage, message, hint: None, problems: Some(Box::new(problems)) }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let (exit, hint) = match &error {
            LedgerError::InUse { .. } => {
                (Exit::InUse, "`callsheet status` shows how far that run is; wait for it to end")
            }
            LedgerError::PushedAside { .. } => (
                Exit::InUse,
                "this run has ended: what it had sent is recorded, and that run goes on. Is the run \
                 folder on a disk without locks?",
            ),
            LedgerError::Moved { .. } => (
                Exit::Fault,
                "what was sent is recorded in the folder that was there: go on with --out and its new \
                 place. A new folder knows of nothing that was paid",
            ),
            LedgerError::Busy { .. } => (
                Exit::InUse,
                "close the transaction there (COMMIT, or ROLLBACK), then give the same command again",
            ),
            LedgerError::OtherEndpoint { .. } => (Exit::Usage, ""),
            LedgerError::Unknown { .. } => {
                (Exit::Usage, "`callsheet status` names the pairs in doubt")
            }
            LedgerError::Forbidden { .. } => {
                (Exit::Usage, "`callsheet status` shows where the pairs stand; nothing was changed")
            }
            LedgerError::Taken { .. } => {
                (Exit::Usage, "a task belongs to one pair; nothing was changed")
            }
            LedgerError::StillSending { .. } => (
                Exit::Usage,
                "a task may still be made for it: look for one in three minutes; nothing was changed",
            ),
            LedgerError::NotAffordable { .. } => {
                (Exit::Budget, "raise the limit in the manifest, then give the same command again")
            }
            LedgerError::Elsewhere { .. } | LedgerError::HeldBack { .. } => {
                (Exit::Usage, "give the same command again: the database knows where it stands")
            }
            LedgerError::Unfinished { .. } => {
                (Exit::Usage, "give `callsheet ledger copy` again as it was given: it goes on")
            }
            LedgerError::WentBack | LedgerError::Shared { .. } => shared(&error),
            LedgerError::Newer { .. } => (Exit::Fault, "use the newer callsheet"),
            LedgerError::Behind { .. } | LedgerError::Alone { .. } => (
                Exit::Fault,
                "an older ledger knows nothing of what was sent since, and would pay for it again. \
                 Bring back the whole run folder as it was last used; if it is lost, \
                 `callsheet resolve MANIFEST --ledger-restored` goes on with this one and takes up \
                 what the events say was sent since",
            ),
            LedgerError::Damaged { .. } => (
                Exit::Fault,
                "it was left as it is. Bring back the whole run folder (ledger.sqlite, \
                 ledger.sqlite-wal, events.jsonl) from where it was last used. If it is lost, move \
                 ledger.sqlite and ledger.sqlite-wal away and leave events.jsonl, which lists what was \
                 sent: `callsheet resolve MANIFEST --ledger-restored` makes a ledger of it",
            ),
            LedgerError::Foreign { .. } => (
                Exit::Fault,
                "it was left as it is. Move it away, or choose another folder with --out",
            ),
            LedgerError::Io { .. } => {
                (Exit::Fault, "is the disk full, or the folder not yours to write?")
            }
        };
        let hint = other_endpoint(&error).unwrap_or_else(|| hint.to_owned());
        Self::new(exit, error.to_string()).hint(hint)
    }
}

/// Of a ledger that many share.
fn shared(error: &LedgerError) -> (Exit, &'static str) {
    let LedgerError::Shared { fault, .. } = error else {
        return (
            Exit::Fault,
            "what it lost may have been paid for, so nobody creates in this batch any more. Bring back \
             the newer database; or give the same command once in each run folder, which hands in what it \
             knows, and then `callsheet resolve MANIFEST --ledger … --database-restored`",
        );
    };
    match fault {
        SharedFault::Batch => (
            Exit::Usage,
            "list what the batch has, or give this one a name of its own with --batch-name",
        ),
        SharedFault::Strange => (
            Exit::Usage,
            "it may be somebody else's of the same name: give this one a name of its own with \
             --batch-name; or insist with --join",
        ),
        SharedFault::Rights => (
            Exit::Usage,
            "let the role that owns the schema `callsheet` give the same command once; or give this one the \
             right to create there (in the database, as long as there is no such schema)",
        ),
        SharedFault::Others => (
            Exit::InUse,
            "`callsheet status` shows how far they are; give the same command again later",
        ),
        SharedFault::Place => {
            (Exit::Usage, "go on where the batch is, or bring it back with `callsheet ledger copy`")
        }
        SharedFault::Silent => (
            Exit::Usage,
            "run in that worker's folder once more; or say with --sure that it is gone for good: what it \
             had under way is in doubt then",
        ),
        SharedFault::Copy => (Exit::Usage, "nothing was copied: the batch is where it was"),
        SharedFault::Database => (
            Exit::Fault,
            "nothing is sent without it. What was sent is recorded in the run folder, and told to the \
             database by the same command there",
        ),
    }
}

/// Another run folder would know nothing of what was paid.
fn other_endpoint(error: &LedgerError) -> Option<String> {
    let LedgerError::OtherEndpoint { theirs, ours, since, .. } = error else { return None };
    if theirs == REHEARSAL {
        return Some(
            "a rehearsal's tasks exist nowhere: choose another folder with --out".to_owned(),
        );
    }
    Some(match since {
        Some(since) => format!(
            "it moved there at {since:.0}: write `endpoint: {theirs}` into the manifest, or give \
             --endpoint {theirs}"
        ),
        None => format!(
            "use that endpoint. If {ours} is the same service under a new name, take the batch along: \
             callsheet move MANIFEST --endpoint {ours}"
        ),
    })
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Ledger(error) => error.into(),
            ReportError::Io { .. } => Self::new(Exit::Fault, error.to_string())
                .hint("the ledger has it all: `callsheet report` writes it again"),
        }
    }
}

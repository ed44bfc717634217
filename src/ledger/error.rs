//! Why the ledger refuses.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::price::Refusal;
use crate::state::Forbidden;

/// Why the ledger cannot be opened, read or written. Cheap to clone: one failed commit answers all
/// who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another run holds it.
    #[error("{}: in use by {holder}", folder.display())]
    InUse {
        /// The run folder.
        folder: PathBuf,
        /// Process and start, as it wrote them itself.
        holder: String,
    },
    /// Another run took the ledger while this one was at work.
    #[error("{}: another run has taken over the ledger ({by})", folder.display())]
    PushedAside {
        /// The run folder.
        folder: PathBuf,
        /// Process and host of the other one, as far as they are known.
        by: String,
    },
    /// The ledger is no longer where it was when it was opened.
    #[error("{}: it was moved or replaced while a run was under way", path.display())]
    Moved {
        /// The run folder or the ledger.
        path: PathBuf,
    },
    /// Another program has a transaction open on the file.
    #[error("{}: locked by another program that has it open", path.display())]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// Its tasks live at another endpoint.
    #[error("{}: this ledger belongs to {theirs}, not to {ours}", path.display())]
    OtherEndpoint {
        /// The ledger.
        path: PathBuf,
        /// The endpoint it was made for.
        theirs: String,
        /// The endpoint of this run.
        ours: String,
        /// When it moved from there, if it did.
        since: Option<Timestamp>,
    },
    /// Written by a newer callsheet.
    #[error("{}: ledger format {found}; this callsheet knows formats up to {known}", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The newest format known here.
        known: usize,
    },
    /// The file is no ledger, or a broken one. It is left as it is.
    #[error("{}: not a usable ledger: {reason}", path.display())]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is another program's database. It is left as it is.
    #[error("{}: not a usable ledger: it was not made by callsheet", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was copied from a run under way, and what the copy lacks is nowhere to be seen.
    #[error(
        "{}: it was copied from a run under way, without ledger.sqlite-wal and events.jsonl",
        path.display()
    )]
    Alone {
        /// The ledger.
        path: PathBuf,
    },
    /// The last events are missing: the file is older than what was done with it.
    #[error(
        "{}: the ledger ends at event {ledger}, but {events} were recorded: the newest ones are lost",
        path.display()
    )]
    Behind {
        /// The ledger.
        path: PathBuf,
        /// The last event in it.
        ledger: u64,
        /// The last event in `events.jsonl`.
        events: u64,
    },
    /// The file system refused.
    #[error("{}: {reason}", path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// An event that the state table forbids; nothing was written.
    #[error("pair {id}: {forbidden}")]
    Forbidden {
        /// The pair.
        id: String,
        /// The table's answer.
        forbidden: Forbidden,
    },
    /// More than the rules let be spent; nothing was written.
    #[error("pair {id} is not sent: {refusal}")]
    NotAffordable {
        /// The pair.
        id: String,
        /// Why.
        refusal: Refusal,
    },
    /// A task that another pair has or had; nothing was written.
    #[error("task {task} belongs to {owner}")]
    Taken {
        /// The task.
        task: String,
        /// The pair.
        owner: String,
    },
    /// The create of a pair in doubt may still be under way; nothing was written.
    #[error("pair {id}: its create may still be under way")]
    StillSending {
        /// The pair.
        id: String,
    },
    /// Another worker of a shared ledger has the pair; nothing was sent.
    #[error("pair {id}: another worker has it")]
    Elsewhere {
        /// The pair.
        id: String,
    },
    /// Those who share the ledger hold creates back; nothing was sent.
    #[error("pair {id}: creates are held back for all")]
    HeldBack {
        /// The pair.
        id: String,
    },
    /// A copy that is not finished; what it is a copy of may still pay.
    #[error("{}: a copy of the batch from {from} that is not finished", path.display())]
    Unfinished {
        /// The ledger.
        path: PathBuf,
        /// The database.
        from: String,
    },
    /// The database of a shared ledger knows less than it said; nothing was changed here.
    #[error("the database of the shared ledger went back in time: it lacks what it was told since")]
    WentBack,
    /// The database of a shared ledger cannot be used, or not any more.
    #[error("the shared ledger: {reason}")]
    Shared {
        /// Why.
        reason: String,
        /// Who has to do something about it.
        fault: SharedFault,
    },
    /// No pair of that id.
    #[error("no pair {id} in this ledger")]
    Unknown {
        /// The id that was asked for.
        id: String,
    },
}

/// What is at fault where a shared ledger cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedFault {
    /// The database, or the way to it.
    Database,
    /// What was asked for: the batch there is another one.
    Batch,
    /// The same, and nothing of it is asked for: it may be somebody else's.
    Strange,
    /// This role may not make what is lacking there.
    Rights,
    /// Others are at work on it.
    Others,
    /// The batch is somewhere else.
    Place,
    /// A worker that ended without a word.
    Silent,
    /// What was to be copied cannot be: it is where it was.
    Copy,
}

impl LedgerError {
    /// Whether only this one record cannot be made, and the ledger goes on.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Forbidden { .. } | Self::NotAffordable { .. })
            || matches!(self, Self::Elsewhere { .. } | Self::HeldBack { .. })
            || self.is_aside()
    }

    /// Whether the ledger is no longer this run's to write: it ends, and leaves everything else to
    /// whoever has it now.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        matches!(self, Self::PushedAside { .. } | Self::Moved { .. })
    }

    pub(super) fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { path: path.to_owned(), reason: source.into().to_string() }
    }

    /// An error of SQLite's: a damaged file is told apart from a system that refuses.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, reason },
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy { path },
            _ => Self::Io { path, reason },
        }
    }
}

//! What a shared ledger fails with.

use super::settings::SettingsError;

/// Why something was not done in a shared ledger.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The settings lead nowhere.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A certificate that cannot be read.
    #[error("the certificates in `sslrootcert` cannot be used: {0}")]
    Roots(String),
    /// Nobody there, or not let in.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// A server that may lose what it acknowledged.
    #[error("this database may lose what it says is written: {0}")]
    Unsafe(&'static str),
    /// Made by a newer release.
    #[error("the database has format {found}, and this release knows {known}")]
    Newer {
        /// Its format.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The server said no, and nothing was written.
    #[error("the database refused: {message}")]
    Refused {
        /// Its five letters.
        code: String,
        /// The constraint that did not allow it, if one did.
        constraint: Option<String>,
        /// In words.
        message: String,
    },
    /// The role may not make the tables, or the functions of this release.
    #[error("this role may not make what this release needs there: {0}")]
    Rights(String),
    /// Nobody knows whether it was written: [`Worker::recover`](super::Worker::recover) finds out.
    #[error("the database's answer was lost: {0}")]
    Unsure(String),
    /// The budget allows no further create.
    #[error("the budget is reached")]
    BudgetReached,
    /// No create is allowed in this batch.
    #[error("the batch was stopped: {0}")]
    Stopped(String),
    /// The batch is about other pairs, or for another endpoint.
    #[error("the batch `{name}` is there with {what}")]
    OtherBatch {
        /// Its name.
        name: String,
        /// What is different.
        what: &'static str,
    },
    /// The batch has none of the requests that are listed.
    #[error("the batch `{0}` is there, and has none of these requests")]
    Strange(String),
    /// Somebody is at work on other pairs of this batch.
    #[error(
        "the batch `{name}` is being worked on with another list of pairs, or another budget ({who})"
    )]
    OtherList {
        /// Its name.
        name: String,
        /// Who: process and host.
        who: String,
    },
    /// The ledger of the batch is not in this database.
    #[error("the batch `{name}` is not here: {why}")]
    Elsewhere {
        /// Its name.
        name: String,
        /// Where it is.
        why: String,
    },
    /// Somebody is at work on it.
    #[error("the batch `{name}` is being worked on ({who})")]
    Busy {
        /// Its name.
        name: String,
        /// Who: process and host.
        who: String,
    },
    /// A worker may know of the batch what the database does not.
    #[error("the batch `{name}`: {who} ended without a word, and may know what nobody else does")]
    Silent {
        /// The batch's name.
        name: String,
        /// Who: process and host.
        who: String,
    },
    /// What was copied is not what was read.
    #[error("the copy is not the same: {0}")]
    NotTheSame(String),
    /// Somebody spends a shared budget who was told another sum.
    #[error("the shared budget `{name}` is being spent with another sum ({who})")]
    OtherBudget {
        /// Its name.
        name: String,
        /// Who: process and host.
        who: String,
    },
    /// The ledger in the run folder failed.
    #[error("{0}")]
    Local(String),
    /// No such batch.
    #[error("there is no batch `{0}`")]
    NoBatch(String),
    /// An older database is in its place.
    #[error("the database went back in time: what it lost may have been paid for")]
    WentBack,
    /// This worker may claim nothing any more.
    #[error("this worker's lease has ended, or another has taken its place")]
    Over,
    /// A statement did what it must not.
    #[error("the database did not keep to its word: {0}")]
    Broken(&'static str),
}

impl SharedError {
    /// Whether the same statement may be given again: nothing was written, and it was nobody's fault.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "40P01" || code == "40001")
    }

    /// Whether that constraint did not allow it.
    #[must_use]
    pub fn is_about(&self, name: &str) -> bool {
        matches!(self, Self::Refused { constraint: Some(constraint), .. } if constraint == name)
    }
}

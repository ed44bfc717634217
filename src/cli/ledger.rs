//! Ledgers that many machines share, as places where batches are.

use clap::{Args, Subcommand};

use super::BatchArgs;

/// What to do with ledgers.
#[derive(Debug, Clone, Args)]
pub struct LedgerArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: LedgerVerb,
}

/// What to do with ledgers.
#[derive(Debug, Clone, Subcommand)]
pub enum LedgerVerb {
    /// Say which batches are in a database
    ///
    /// Say which batches are in a database: where they stand, what is spent, who is at work
    List(ListArgs),
    /// Take a batch from its run folder to a database, or back
    ///
    /// Take a batch from its run folder to a database, or from there to a run folder; every pair is
    /// compared, and only one of the two can pay, also if this is cut off: the same command goes on then
    Copy(CopyArgs),
}

/// Which database.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The database: a PostgreSQL URL without a password
    #[arg(value_name = "URL", env = "CALLSHEET_LEDGER", hide_env_values = true)]
    pub url: String,
}

/// What to copy, and where to.
#[derive(Debug, Clone, Args)]
pub struct CopyArgs {
    /// The batch. Its run folder is where it comes from, or with --to DIR its shared ledger.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Where to: a PostgreSQL URL without a password, or a run folder
    #[arg(long, value_name = "URL|DIR")]
    pub to: String,
}

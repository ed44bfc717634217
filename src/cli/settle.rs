//! How a person settles what the program cannot: tasks made elsewhere, and pairs in doubt.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{BatchArgs, KeyArgs};

/// Which tasks are taken over.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// A CSV file with the columns `id` and `task_id`; others are passed over
    #[arg(value_name = "CSV", value_hint = ValueHint::FilePath)]
    pub tasks: PathBuf,
}

/// Which pairs are settled, and how.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// The pairs, in doubt unless the verdict says otherwise
    #[arg(value_name = "ID", required_unless_present_any = ["all", "from"])]
    pub ids: Vec<String>,
    /// All pairs in doubt
    #[arg(long, conflicts_with_all = ["ids", "from", "adopt"])]
    pub all: bool,
    /// Read the ids from a file, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ids", "adopt"])]
    pub from: Option<PathBuf>,
    /// What is to become of them.
    #[command(flatten)]
    pub verdict: VerdictArgs,
    /// Adopt tasks without asking the server for them
    #[arg(long, conflicts_with_all = ["resend", "abandon"])]
    pub unchecked: bool,
    /// The API key, to ask the server for tasks.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// A verdict on pairs in doubt; exactly one.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct VerdictArgs {
    /// The task was found at the server: this is its id. Takes one pair
    #[arg(long, value_name = "TASK_ID")]
    pub adopt: Option<String>,
    /// Adopt the tasks that the answers seem to name, as far as the server knows them
    #[arg(long)]
    pub adopt_proposed: bool,
    /// Create it again at the next run, even if that pays twice; a rejected pair, which cost nothing,
    /// too
    #[arg(long)]
    pub resend: bool,
    /// Write it off: never create it again
    #[arg(long)]
    pub abandon: bool,
}

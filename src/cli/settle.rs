//! How a person settles what the program cannot: tasks made elsewhere, and pairs in doubt.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::{BatchArgs, KeyArgs, complete};
use crate::pace;
use crate::state::State;

/// What to do while a run has the ledger.
#[derive(Debug, Clone, Args)]
pub struct PatienceArgs {
    /// Wait so long for a run that is under way to end, instead of giving up at once
    #[arg(long, value_name = "DUR", value_parser = pace::duration)]
    pub wait: Option<Duration>,
}

/// Which tasks are taken over.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// A table with the columns `id` and `task_id`, such as a `tasks.csv`; others are passed over, and
    /// so are rows without a task
    #[arg(value_name = "TABLE", value_hint = ValueHint::FilePath)]
    pub tasks: PathBuf,
    /// Take the tasks over without asking the server for them
    #[arg(long)]
    pub unchecked: bool,
    /// Leave out rows with which something is wrong, instead of taking over nothing
    #[arg(long)]
    pub skip_bad: bool,
    /// The run that may be under way.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The API key, to ask the server for tasks.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Which pairs are settled, and how.
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// The pairs, in doubt unless the verdict says otherwise
    #[arg(
        value_name = "ID",
        add = complete::ids(&[State::InDoubt]),
        required_unless_present_any = ["all", "from", "ledger_restored", "database_restored"],
        requires = "VerdictArgs"
    )]
    pub ids: Vec<String>,
    /// All pairs in doubt
    #[arg(long, conflicts_with_all = ["ids", "from", "adopt"], requires = "VerdictArgs")]
    pub all: bool,
    /// Settle what a table says, as `status --doubts` writes it: each row with a task id is adopted, and
    /// each with an action does what that says. Or a list of ids; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["ids", "adopt"]
    )]
    pub from: Option<PathBuf>,
    /// With --from: check all of it and say what would be settled
    #[arg(long, requires = "from")]
    pub dry_run: bool,
    /// The run that may be under way.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// What is to become of them.
    #[command(flatten)]
    pub verdict: VerdictArgs,
    /// With --database-restored: let creates begin again without asking
    #[arg(long, short, requires = "database_restored")]
    pub yes: bool,
    /// Adopt tasks without asking the server for them
    #[arg(long, conflicts_with_all = ["resend", "abandon"])]
    pub unchecked: bool,
    /// The API key, to ask the server for tasks.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Where the tasks of pairs in doubt are looked for.
#[derive(Debug, Clone, Args)]
pub struct ReconcileArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// An export of the account's tasks instead of its list: JSON, or any kind of table
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: Option<PathBuf>,
    /// Whose the dashboard's token in CALLSHEET_ACCESS_TOKEN is, by the number that it shows
    #[arg(long, value_name = "N", env = "CALLSHEET_USER_ID")]
    pub user_id: Option<u64>,
    /// How long a create may have taken, as `run` was told
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_REQUEST_TIMEOUT",
        default_value = "120s",
        value_parser = pace::duration
    )]
    pub request_timeout: Duration,
    /// How long to wait before the list is read again; it is believed only if it stays the same
    #[arg(long, value_name = "DUR", default_value = "60s", value_parser = pace::duration)]
    pub again_after: Duration,
    /// How long to wait for the videos of tasks that may be theirs
    #[arg(long, value_name = "DUR", default_value = "10m", value_parser = pace::duration)]
    pub wait_for: Duration,
    /// How often to ask for such a task
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = pace::interval)]
    pub poll_interval: Duration,
    /// Adopt what is proposed without asking; never creates anything again
    #[arg(long, short)]
    pub yes: bool,
    /// The run that may be under way.
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The API key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Where a batch goes.
#[derive(Debug, Clone, Args)]
pub struct MoveArgs {
    /// The batch, and with --endpoint its service's new address.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Move it even if the new address knows none of its tasks, without asking: if it is another
    /// service, their videos are lost
    #[arg(long)]
    pub unseen: bool,
    /// The API key, to ask the new address for tasks.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// A verdict on pairs in doubt: exactly one, or what a table says of each.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
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
    /// Go on with a ledger that was put back to an older one, or lost: what the events say was sent
    /// since is taken up, and they are kept aside
    #[arg(long, conflicts_with_all = ["ids", "all", "from"])]
    pub ledger_restored: bool,
    /// The database of a shared ledger was put back to an older one: hand in what this run folder knows of
    /// creates since, say what no folder handed in, and once that is confirmed let creates begin again
    #[arg(long, requires = "ledger", conflicts_with_all = ["ids", "all", "from"])]
    pub database_restored: bool,
}

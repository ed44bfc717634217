//! The command line, as clap reads it.

mod choose;
mod hooks;
mod ledger;
mod redo;
mod run;
mod settle;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use self::choose::ChooseArgs;
pub use self::hooks::HookArgs;
pub use self::ledger::{CopyArgs, LedgerArgs, LedgerVerb, ListArgs};
pub use self::redo::RedoArgs;
pub use self::run::{KeyArgs, MetricsArgs, RunArgs, Shown, Until, VideoArgs, WaitArgs};
pub use self::settle::{
    AdoptArgs, MoveArgs, PatienceArgs, ReconcileArgs, ResolveArgs, VerdictArgs,
};
use crate::exit::Exit;
use crate::pace;
use crate::state::State;
use crate::words::Language;

/// Turns a manifest of portrait and speech pairs into talking-head videos, without paying twice
/// for one or losing one.
#[derive(Debug, Parser)]
#[command(
    name = "callsheet",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = after_help()
)]
pub struct Cli {
    /// What goes with every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

fn after_help() -> String {
    format!(
        "Exit codes:\n{}\n\nThe API key comes from CALLSHEET_API_KEY or --api-key-file, never \
         from an argument.\nTry it without a key or cost: callsheet run MANIFEST --mock",
        Exit::table()
    )
}

/// What goes with every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print JSON on standard output; people's text goes to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what was asked for, and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: -v each create and video, -vv also every pause and poll; no bar is drawn then
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Color,
    /// The language of messages, help and report: en or zh [default: that of the locale]
    #[arg(
        long,
        global = true,
        value_name = "LANG",
        overrides_with = "lang",
        env = "CALLSHEET_LANG",
        hide_env_values = true,
        value_parser = Language::from_name
    )]
    pub lang: Option<Language>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first manifest from a folder: pairs portraits and recordings by their names
    Init(InitArgs),
    /// Read and check a manifest; says all that is wrong with it at once
    Check(CheckArgs),
    /// Say what a run would do now
    Plan(PlanArgs),
    /// Create the videos of a manifest; the same command again continues
    Run(Box<RunArgs>),
    /// Say where a batch stands, also while a run is under way
    Status(StatusArgs),
    /// Say what happened, pair by pair, also while a run is under way
    Events(EventsArgs),
    /// Take over tasks that were made elsewhere, for pairs that have none
    Adopt(AdoptArgs),
    /// Settle pairs in doubt: adopt their task, create them again, or write them off
    Resolve(ResolveArgs),
    /// Find the tasks of pairs in doubt in the account's list, or in an export of it
    Reconcile(ReconcileArgs),
    /// Make another take of finished pairs, on purpose: the next run creates and pays for it
    Redo(RedoArgs),
    /// Take a batch along to the new address of its service, which has to know its tasks
    Move(MoveArgs),
    /// List the batches in a ledger that many machines share, or copy a batch there and back
    Ledger(LedgerArgs),
    /// Write tasks.csv, events.jsonl and report.html again from the ledger, or print a summary
    Report(ReportArgs),
    /// Look at the videos in a browser and decide: approve them, have them made again, decline them
    Review(ReviewArgs),
    /// Serve the fake API on its own
    Mock(callsheet_mock::program::Args),
    /// Print the JSON Schema of the manifest
    Schema,
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// A manifest.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// The manifest, a YAML file; or a table of pairs: CSV, TSV, JSON Lines, .xlsx or .ods
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    /// Accept plain http to other machines: what is sent can be read and changed on the way
    #[arg(long)]
    pub allow_http: bool,
}

/// A manifest with its run folder.
#[derive(Debug, Clone, Args)]
pub struct BatchArgs {
    /// The manifest.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The run folder [default: MANIFEST with the ending .run]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Where the API is [default: the manifest's, or api.foxapi.cc]
    #[arg(long, value_name = "URL", env = "CALLSHEET_ENDPOINT")]
    pub endpoint: Option<String>,
    /// Rehearse against the bundled fake instead of the endpoint: calm, busy, lossy, broke,
    /// hostile, or a scenario file. Has a run folder of its own, ending in .mock.run
    #[arg(
        long,
        value_name = "SCENARIO",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "calm"
    )]
    pub mock: Option<String>,
    /// Keep the run folder on a network's disk all the same: there a ledger may lose what was paid
    #[arg(
        long,
        env = "CALLSHEET_ALLOW_NETWORK_DISK",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub allow_network_disk: bool,
    /// The ledger of many machines.
    #[command(flatten)]
    pub shared: SharedArgs,
}

/// A ledger that many machines share.
#[derive(Debug, Clone, Args)]
pub struct SharedArgs {
    /// Share the ledger with all who give the same: a PostgreSQL URL, without a password, such as
    /// postgres://callsheet@db/callsheet
    #[arg(long, value_name = "URL", env = "CALLSHEET_LEDGER", hide_env_values = true)]
    pub ledger: Option<String>,
    /// What the batch is called in a shared ledger [default: the manifest's name]
    #[arg(long, value_name = "NAME", env = "CALLSHEET_BATCH_NAME")]
    pub batch_name: Option<String>,
    /// In a shared ledger: workers that ended without a word are gone for good. One that is only
    /// asleep may still send what is sent again now, and then it is paid twice
    #[arg(long)]
    pub sure: bool,
    /// Whatever is said of a shared ledger, the run folder's own is meant.
    #[arg(skip)]
    pub own: bool,
}

/// How closely a manifest is checked.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Also fetch every picture and recording once, and say what is wrong with them: not public,
    /// not what the API takes, cut, too large, too long, without a face, silent, about to expire
    #[arg(long)]
    pub probe: bool,
    /// Look for no faces; it takes a tenth of a second for each picture
    #[arg(long, requires = "probe")]
    pub no_faces: bool,
    /// How long a picture or recording may stand still on its way; one that only drips is given up
    /// after four times as long
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_STALL_TIMEOUT",
        default_value = "30s",
        value_parser = pace::duration
    )]
    pub stall_timeout: Duration,
}

/// What is planned.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Which pairs.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// The key: with it, what the account has left is shown, where the service tells.
    #[command(flatten)]
    pub key: KeyArgs,
    /// Save the plan; `run --plan FILE` does just that, or refuses if something has changed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub save: Option<PathBuf>,
}

/// What to write of a batch.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Leave report.html as it is
    #[arg(long)]
    pub no_report: bool,
    /// Write no file, and print instead: a summary in Markdown (md), everything as JSON (json), or
    /// JUnit's XML for CI systems, a case for each pair (junit)
    #[arg(long, value_name = "FORM", hide_possible_values = true, conflicts_with = "no_report")]
    pub format: Option<ReportFormat>,
}

/// Where videos are looked at.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Serve the page here [default: any free port of this machine, for this machine alone]. What goes
    /// to other machines can be read on the way
    #[arg(long, value_name = "ADDR", env = "CALLSHEET_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Who decides, as the ledger keeps it [default: the name you are logged in with]
    #[arg(long = "as", value_name = "NAME")]
    pub reviewer: Option<String>,
    /// Serve nothing, and write what was decided to a new file: .csv has the last word on each video,
    /// .json all that was said
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "listen")]
    pub export: Option<PathBuf>,
}

/// A summary of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a chat or a pull request.
    Md,
    /// For programs.
    Json,
    /// For CI systems.
    Junit,
}

/// What to say of a batch.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Go on until nothing is left to do: drawn anew on a terminal, elsewhere a line (with --json an
    /// object) for each change
    #[arg(long)]
    pub watch: bool,
    /// Write the pairs in doubt to a new CSV file, to be filled in for `resolve --from`: for each a
    /// task id, or an action of adopt, resend and abandon; `-` is standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "watch")]
    pub doubts: Option<PathBuf>,
    /// List the pairs in these states, such as rejected,failed, with the reasons; with --json an object
    /// a line
    #[arg(
        long,
        value_name = "STATE,…",
        value_delimiter = ',',
        value_parser = state,
        conflicts_with_all = ["watch", "doubts"]
    )]
    pub state: Vec<State>,
    /// List who worked on the batch: when, for how long, and where
    #[arg(long, conflicts_with_all = ["watch", "doubts", "state"])]
    pub history: bool,
}

fn state(name: &str) -> Result<State, String> {
    State::from_name(name.trim()).ok_or_else(|| {
        let names = State::ALL.map(State::name).join(", ");
        format!("a state is one of {names}")
    })
}

/// What happened.
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Of one pair alone
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Begin with the last so many [default: all; 10 with --follow]
    #[arg(long, value_name = "N")]
    pub last: Option<u64>,
}

/// What a first manifest is made of.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// A folder with portraits and recordings; folders in it too, unless hidden
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Where to write the manifest, in that folder or above it [default: callsheet.yaml in DIR]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

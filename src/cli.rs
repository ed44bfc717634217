//! The command line, as clap reads it.

mod choose;
mod complete;
mod doctor;
mod guide;
mod hooks;
mod ledger;
mod redo;
mod run;
mod settle;
mod slips;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use self::choose::ChooseArgs;
pub use self::complete::ASKED;
pub use self::doctor::DoctorArgs;
pub use self::guide::{command, options};
pub use self::hooks::HookArgs;
pub use self::ledger::{CopyArgs, LedgerArgs, LedgerVerb, ListArgs};
pub use self::redo::RedoArgs;
pub use self::run::{KeyArgs, MetricsArgs, RunArgs, Shown, Until, VideoArgs, WaitArgs};
pub use self::settle::{
    AdoptArgs, MoveArgs, PatienceArgs, ReconcileArgs, ResolveArgs, VerdictArgs,
};
pub use self::slips::{meant, slip};
use crate::pace;
use crate::state::State;
use crate::words::Language;

/// No help text is wider, in columns.
const WIDTH: usize = 100;

/// Turns portraits and recordings into talking-head videos, each paid for once
#[derive(Debug, Parser)]
#[command(
    name = "callsheet",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = WIDTH
)]
pub struct Cli {
    /// What goes with every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What goes with every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print JSON on stdout; messages go to stderr
    #[arg(long, global = true, display_order = 901, hide_short_help = true, hide_long_help = true)]
    pub json: bool,
    /// Print only results and errors
    #[arg(
        long,
        short,
        global = true,
        display_order = 902,
        hide_short_help = true,
        hide_long_help = true,
        conflicts_with = "verbose"
    )]
    pub quiet: bool,
    /// Say more: -v each create and video, -vv also every pause and poll; no bar is drawn then
    #[arg(
        long,
        short,
        global = true,
        display_order = 903,
        hide_short_help = true,
        hide_long_help = true,
        action = ArgAction::Count
    )]
    pub verbose: u8,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        display_order = 904,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_short_help = true,
        hide_long_help = true
    )]
    pub color: Color,
    /// Trust the authorities whose certificates are in this file (PEM) as well as the system's: a
    /// company's proxy, a server in the house. For the API, media and buckets alike
    #[arg(
        long,
        global = true,
        display_order = 905,
        value_name = "FILE",
        env = "CALLSHEET_CA",
        hide_short_help = true,
        hide_long_help = true,
        value_hint = ValueHint::FilePath
    )]
    pub ca: Option<PathBuf>,
    /// The language of messages, help and report: en or zh [default: that of the locale]
    #[arg(
        long,
        global = true,
        display_order = 906,
        value_name = "LANG",
        overrides_with = "lang",
        env = "CALLSHEET_LANG",
        hide_env_values = true,
        hide_short_help = true,
        hide_long_help = true,
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
    /// Write a first manifest from a folder of portraits and recordings
    Init(InitArgs),
    /// Check a manifest; says all that is wrong with it at once
    Check(CheckArgs),
    /// Say what a run would do now
    Plan(PlanArgs),
    /// Create the videos of a manifest; the same command again continues
    Run(Box<RunArgs>),
    /// Say where a batch stands, also while a run is under way
    Status(StatusArgs),
    /// Say what happened, pair by pair, also while a run is under way
    Events(EventsArgs),
    /// Take over tasks that were made elsewhere
    Adopt(AdoptArgs),
    /// Settle pairs in doubt: adopt their task, send again, or write off
    Resolve(ResolveArgs),
    /// Find the tasks of pairs in doubt in the account's list
    Reconcile(ReconcileArgs),
    /// Make another take of finished pairs; the next run pays for it
    Redo(RedoArgs),
    /// Take a batch along to the new address of its service
    Move(MoveArgs),
    /// List the batches in a shared ledger, or copy one there and back
    Ledger(LedgerArgs),
    /// Write tasks.csv and report.html again, or print a summary
    Report(ReportArgs),
    /// Look at the videos in a browser, and decide which are good
    Review(ReviewArgs),
    /// Say what works here and what to do about the rest; pays nothing
    Doctor(DoctorArgs),
    /// Serve the fake API on its own
    Mock(callsheet_mock::program::Args),
    /// Print the JSON Schema of the manifest
    Schema,
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print a manual page, or write all of them
    Man(ManArgs),
    /// Say more about a command, or about options
    Help {
        /// A command, such as run or ledger copy; or options
        #[arg(value_name = "COMMAND")]
        about: Vec<String>,
    },
}

/// Which manual pages.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The page of a command, such as run or ledger copy [default: that of callsheet]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub about: Vec<String>,
    /// Write all pages into this folder, each command's in a file of its own
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// A manifest.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// The manifest, a YAML file; or a table of pairs: CSV, TSV, JSON Lines, .xlsx or .ods
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath, add = complete::manifests())]
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
    /// Rehearse against the bundled fake, and not the endpoint: calm, busy, lossy, broke,
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
    /// Write what was decided to a new file, and serve nothing: .csv has the last word on each video,
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
        add = complete::states(),
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
    #[arg(long, value_name = "ID", add = complete::ids(&[]))]
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
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}

//! The command line, as clap reads it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::pace::{self, Rate};

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
    /// Say more: -v each create, -vv also every pause; no bar is drawn then
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
    /// Read and check a manifest; says all that is wrong with it at once
    Check(ManifestArgs),
    /// Say what a run would do now
    Plan(BatchArgs),
    /// Create the videos of a manifest; the same command again continues
    Run(RunArgs),
    /// Say where a batch stands, also while a run is under way
    Status(BatchArgs),
    /// Write tasks.csv again from the ledger
    Report(BatchArgs),
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
    /// The manifest, a YAML file
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
    /// Where the API is [default: the manifest's, or https://api.foxapi.cc]
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
}

/// What a run needs.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// How far to go
    #[arg(long, value_name = "STATE")]
    pub until: Option<Until>,
    /// Take up at most this many pairs
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Creates under way at once [default: the manifest's, or 4]
    #[arg(
        long,
        value_name = "N",
        env = "CALLSHEET_CONCURRENCY",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub concurrency: Option<u16>,
    /// Creates started in a time, such as 60/min, 2/s or 500/h [default: no limit]
    #[arg(long, value_name = "R", env = "CALLSHEET_RATE")]
    pub rate: Option<Rate>,
    /// How long a create may take until its answer is whole
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_REQUEST_TIMEOUT",
        default_value = "120s",
        value_parser = pace::duration
    )]
    pub request_timeout: Duration,
    /// For how long to try again when it is proven that nothing was made (429, no connection)
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_RETRY_FOR",
        default_value = "15m",
        value_parser = pace::duration
    )]
    pub retry_for: Duration,
    /// A file that holds the API key [default: the environment's CALLSHEET_API_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub api_key_file: Option<PathBuf>,
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// Every pair has its task id
    Created,
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

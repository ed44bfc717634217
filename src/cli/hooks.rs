//! What is started and told when something has happened in a run.

use std::time::Duration;

use clap::Args;

use crate::pace;

/// Commands that a run starts, and whom it tells of its end.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Commands and notices")]
pub struct HookArgs {
    /// Start a command for each video once it is saved, with {path} and {id} for its file and its
    /// pair; its words are told apart as a shell does, and no shell is started. One that fails is
    /// told of, and harms nothing
    #[arg(long, value_name = "CMD")]
    pub exec: Option<String>,
    /// How many such commands go on at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub exec_jobs: u16,
    /// Start a command when the run has ended, whatever came of it but a second signal, with the
    /// summary as JSON on its standard input
    #[arg(long, value_name = "CMD")]
    pub on_end: Option<String>,
    /// How long such a command may take before it is killed
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_HOOK_TIMEOUT",
        default_value = "10m",
        value_parser = pace::duration
    )]
    pub hook_timeout: Duration,
    /// Post the same JSON to an address when the run has ended
    #[arg(long, value_name = "URL", env = "CALLSHEET_NOTIFY", hide_env_values = true)]
    pub notify: Option<String>,
}

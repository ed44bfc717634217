//! Which pairs are made again on purpose.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{BatchArgs, PatienceArgs, complete};
use crate::state::State;

/// Which pairs get another take.
#[derive(Debug, Clone, Args)]
pub struct RedoArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// The pairs: an id, a pattern such as 'anna-*', tag:spring, or @FILE with one of them a line;
    /// several, also with commas
    #[arg(
        value_name = "ID",
        required_unless_present = "reviewed",
        add = complete::ids(&[State::Saved, State::Failed, State::Abandoned])
    )]
    pub ids: Vec<String>,
    /// Those that people marked in `callsheet review`, each with the prompt and the note they gave
    #[arg(long, conflicts_with_all = ["ids", "prompt"])]
    pub reviewed: bool,
    /// Send this prompt for the new take [default: what the manifest says]
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// The reason, for whoever looks back
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Go on without asking: each take is paid for as a new pair
    #[arg(
        long,
        short,
        env = "CALLSHEET_YES",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub yes: bool,
    /// The run that may be under way.
    #[command(flatten)]
    pub patience: PatienceArgs,
}

//! The options of a run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum, ValueHint};

use super::{BatchArgs, ChooseArgs, HookArgs};
use crate::exit::Exit;
use crate::host::Host;
use crate::pace::{self, Rate};
use crate::pair::VideoName;

/// What a run needs.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The batch.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// In a shared ledger: after so long without a word from this run, others take it for dead
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_LEASE",
        default_value = "30s",
        value_parser = pace::duration
    )]
    pub lease: Duration,
    /// In a shared ledger: join the batch of this name although it has none of this manifest's requests
    #[arg(long, requires = "ledger")]
    pub join: bool,
    /// The shared ledger of this run, taken out of the batch's: what the run reads is its own part.
    #[arg(skip)]
    pub ledger: Option<String>,
    /// The program that this run is a part of.
    #[arg(skip)]
    pub host: Option<Host>,
    /// How far to go
    #[arg(long, value_name = "STATE", default_value = "saved", hide_default_value = true)]
    pub until: Until,
    /// Which pairs.
    #[command(flatten)]
    pub choose: ChooseArgs,
    /// First make only so many pairs, spread over the list, to the end; then say what the rest takes
    /// and costs by that, and ask. With nobody there to be asked, end there
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with_all = ["plan", "limit", "no_create", "retry_failed", "retry_rejected"]
    )]
    pub pilot: Option<u16>,
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
    /// Stop creating when this many creates of this run are in doubt [default: the manifest's, or
    /// the concurrency, 20 and 2 % of the accepted creates]
    #[arg(
        long,
        value_name = "N",
        env = "CALLSHEET_MAX_DOUBTS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_doubts: Option<u32>,
    /// Go on even if ten pairs in a row are refused alike
    #[arg(long)]
    pub keep_going: bool,
    /// Create and pay for failed pairs again, each a new task: those named, or all whose error may be
    /// gone
    #[arg(
        long,
        value_name = "ID,…",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = ""
    )]
    pub retry_failed: Option<Vec<String>>,
    /// Send rejected pairs again, for which nothing was billed: those named, or all
    #[arg(
        long,
        value_name = "ID,…",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = ""
    )]
    pub retry_rejected: Option<Vec<String>>,
    /// How often a pair may be created, with what --retry-failed and --retry-rejected add
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub tries: u32,
    /// Pay again for pairs that were paid for in another run folder beside this one; and, with
    /// --retry-failed, for tasks that the server does not know, and may know again
    #[arg(long)]
    pub pay_again: bool,
    /// Leave pairs planned that were paid for in another run folder, and go on with the others
    #[arg(long, conflicts_with = "pay_again")]
    pub leave_out_paid: bool,
    /// Create nothing: only wait for tasks and fetch videos; can never pay
    #[arg(long, conflicts_with_all = ["retry_failed", "retry_rejected", "plan", "only", "except", "limit", "pay_again", "leave_out_paid"])]
    pub no_create: bool,
    /// The API key is another one than before, and the same account's
    #[arg(long)]
    pub other_key: bool,
    /// Look at the media of each pair just before its create; one that cannot be used is rejected,
    /// and nothing is sent for it
    #[arg(
        long,
        env = "CALLSHEET_PROBE",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub probe: bool,
    /// Do what a saved plan says, or nothing if the manifest, media, price or ledger have changed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["only", "except", "limit", "retry_failed", "retry_rejected"])]
    pub plan: Option<PathBuf>,
    /// Pass over exit codes of 3, 4, 5 and 8, such as 3,5: the next one that applies is returned, or
    /// 0. Never after an outage
    #[arg(
        long,
        value_name = "CODES",
        env = "CALLSHEET_EXIT_ZERO_ON",
        value_delimiter = ',',
        value_parser = Exit::passable
    )]
    pub exit_zero_on: Vec<Exit>,
    /// Send as much as there is to send, without asking
    #[arg(
        long,
        short,
        env = "CALLSHEET_YES",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub yes: bool,
    /// Write no report.html at the end
    #[arg(
        long,
        env = "CALLSHEET_NO_REPORT",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    pub no_report: bool,
    /// How to show what goes on, on standard error [default: bar on a terminal, plain elsewhere]
    #[arg(long, value_name = "HOW", env = "CALLSHEET_PROGRESS")]
    pub progress: Option<Shown>,
    /// How to wait for tasks.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// What to do with videos.
    #[command(flatten)]
    pub video: VideoArgs,
    /// What monitoring is told.
    #[command(flatten)]
    pub metrics: MetricsArgs,
    /// What is started and told.
    #[command(flatten)]
    pub hooks: HookArgs,
    /// The API key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// What monitoring is told of a run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Monitoring")]
pub struct MetricsArgs {
    /// Serve /metrics (Prometheus' text) and /healthz there while the run goes on, such as
    /// 127.0.0.1:9464
    #[arg(long, value_name = "ADDR", env = "CALLSHEET_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Write the same text to a file every 5 s and at the end, for a collector of text files
    #[arg(
        long,
        value_name = "FILE",
        env = "CALLSHEET_METRICS_FILE",
        value_hint = ValueHint::FilePath
    )]
    pub metrics_file: Option<PathBuf>,
}

/// How a run waits for its tasks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Waiting")]
pub struct WaitArgs {
    /// How often to ask for a task; less often the longer it takes [default: 10s]
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_POLL_INTERVAL",
        value_parser = pace::interval
    )]
    pub poll_interval: Option<Duration>,
    /// How many such questions may start in a time, for all tasks together
    #[arg(long, value_name = "R", env = "CALLSHEET_POLL_RATE", default_value = "20/s")]
    pub poll_rate: Rate,
    /// How long a task may have no news before it is not waited for any longer
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_STALE_AFTER",
        default_value = "6h",
        value_parser = pace::duration
    )]
    pub stale_after: Duration,
    /// Waits for lost tasks and links so many times shorter than usual; for tests
    #[arg(long, value_name = "N", hide = true, default_value_t = 1)]
    pub hurry: u32,
    /// When to end the run, done or not; the same command continues
    #[arg(long, value_name = "DUR", env = "CALLSHEET_WAIT_FOR", value_parser = pace::duration)]
    pub wait_for: Option<Duration>,
}

/// Where videos go and how they are fetched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Videos")]
pub struct VideoArgs {
    /// Where videos go: a folder, or s3://BUCKET/FOLDER [default: the manifest's bucket, or `videos`
    /// in the run folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub videos: Option<PathBuf>,
    /// How their files are called, with {id} or {ascii_id}, {task_id} or both
    #[arg(long, value_name = "NAME", default_value_t)]
    pub video_name: VideoName,
    /// Downloads under way at once
    #[arg(
        long,
        value_name = "N",
        env = "CALLSHEET_DOWNLOADS",
        default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub downloads: u16,
    /// The largest video that is taken, in MB
    #[arg(
        long,
        value_name = "MB",
        env = "CALLSHEET_MAX_VIDEO",
        default_value_t = 2000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub max_video: u64,
    /// How long a download may stand still before it is taken up anew
    #[arg(
        long,
        value_name = "DUR",
        env = "CALLSHEET_STALL_TIMEOUT",
        default_value = "30s",
        value_parser = pace::duration
    )]
    pub stall_timeout: Duration,
}

/// Where the API key is.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// A file that holds the API key [default: the environment's CALLSHEET_API_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub api_key_file: Option<PathBuf>,
}

/// How the progress of a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shown {
    /// Drawn in its place
    Bar,
    /// A line every 30 s, and when creates have to wait or go on; no control codes
    Plain,
    /// Warnings and errors only
    None,
    /// JSON for programs, an object in each line, also for what is said; every second
    Json,
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// Every pair has its task id
    Created,
    /// Every pair has its video in its place; what a run does unless told otherwise
    Saved,
}

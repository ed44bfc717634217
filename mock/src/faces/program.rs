//! The fake as a command: `callsheet-mock`, and `callsheet mock` which embeds it.
//!
//! It prints its URL, then a line per request, and at the end a summary. The first Ctrl-C or
//! SIGTERM lets answers under way finish; a second one does not wait.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::sync::mpsc;

use crate::faces::api::{MockApi, Options};
pub use crate::faces::fail::ServeError;
use crate::faces::lines::{MOST_LINES, Printer, write_port};
use crate::faces::ready;
use crate::faces::signals::Signals;
use crate::faces::{between, drift, record};
use crate::gate::reach::Reach;
use crate::rules::scenario::{Account, KEY, Scenario};
use crate::state::book::Book;

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 4715)]
    pub port: u16,
    /// Write the port to this file once it is listened on
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// What kind of day to have: calm, busy, lossy, broke, hostile, or a YAML file
    #[arg(long, value_name = "NAME|FILE", default_value = "calm")]
    pub scenario: String,
    /// Accept this key instead of the scenario's; may be repeated, each an account of its own
    #[arg(long, value_name = "KEY", hide_env_values = true, value_parser = key)]
    pub key: Vec<String>,
    /// Accept every key, and give each a world of its own: book, clock, scenario, balance, journal
    #[arg(long, conflicts_with = "key")]
    pub any_key: bool,
    /// Go there too to look at media or to call back, not only to this machine; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    pub reach: Vec<Reach>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Fail at the end if any request broke the contract
    #[arg(long)]
    pub strict: bool,
    /// Append every accepted create to this file, as JSON lines, before it is answered
    #[arg(long, value_name = "FILE")]
    pub book: Option<PathBuf>,
    /// Address to listen on: 0.0.0.0 in a container, so that others reach it
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub listen: IpAddr,
}

#[derive(clap::Parser)]
#[command(
    name = "callsheet-mock",
    version,
    about = "A fake of the video generation API, with its bad days",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(flatten)]
    args: Args,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else the program does.
#[derive(clap::Subcommand)]
enum Other {
    /// Stand before another server, and do to its answers what a scenario says
    Between(between::Args),
    /// Stand before another server, and record what it says, without keys; creates only with --pay
    Record(record::Args),
    /// Look whether a live service, or recordings of one, keep the contract; makes and pays nothing
    Drift(drift::Args),
    /// Wait until a fake on this machine serves, and print its URL
    Ready(ready::Args),
}

/// The whole of the `callsheet-mock` program but its runtime. Exit code 2 is a mistake in the
/// scenario, 6 a service or a recording that differs from the contract, 1 anything else that went
/// wrong.
pub async fn main() -> ExitCode {
    let Cli { args, other } = Cli::parse();
    let served = match other {
        None => serve(&args, io::stdout()).await.map(drop),
        Some(Other::Between(args)) => between::serve(&args, io::stdout()).await,
        Some(Other::Record(args)) => record::serve(&args, io::stdout()).await,
        Some(Other::Drift(args)) => match drift::look(&args, io::stdout()).await {
            Ok(0) => Ok(()),
            Ok(_) => return ExitCode::from(6),
            Err(error) => Err(error),
        },
        Some(Other::Ready(args)) => ready::wait(&args, io::stdout()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told if this fails.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(if matches!(error, ServeError::Scenario(_)) { 2 } else { 1 })
        }
    }
}

/// Serves until Ctrl-C or SIGTERM, writing to `out` as the program does. Returns the final book.
///
/// # Errors
/// If the scenario is none, the port is taken, or a file or `out` cannot be written.
pub async fn serve(args: &Args, mut out: impl Write) -> Result<Book, ServeError> {
    let mut scenario = Scenario::open(&args.scenario)?;
    if !args.key.is_empty() {
        scenario.keys = args.key.iter().map(Account::new).collect();
    }
    let key = match &scenario.keys {
        _ if args.any_key => ", any key".to_owned(),
        keys if keys.iter().any(|account| account.key == KEY) => format!(", key {KEY}"),
        _ => String::new(),
    };
    let mut signals = Signals::listen()?;
    let (observer, mut exchanges) = mpsc::channel(MOST_LINES);
    let bind = SocketAddr::from((args.listen, args.port));
    let options = Options {
        bind,
        book_file: args.book.clone(),
        observer: Some(observer),
        any_key: args.any_key,
        reach: args.reach.clone(),
        strict: false,
    };
    let api = MockApi::start_with(scenario, options).await?;
    if let Some(path) = &args.port_file {
        write_port(path, api.url())
            .map_err(|source| ServeError::PortFile { path: path.clone(), source })?;
    }
    let mut printer = Printer { json: args.json, out: Some(&mut out) };
    printer.listening(api.url(), &args.scenario, &key)?;

    loop {
        tokio::select! {
            Some(exchange) = exchanges.recv() => printer.exchange(&exchange)?,
            () = signals.next() => break,
        }
    }
    let worlds = api.worlds();
    tokio::select! {
        _ = api.shutdown() => {}
        () = signals.next() => {}
    }
    // What was answered last counts like the rest.
    let (book, tally, breaches) = (worlds.book(), worlds.tally(), worlds.breaches());
    let missed = worlds.unobserved();
    drop(worlds);
    while let Some(exchange) = exchanges.recv().await {
        printer.exchange(&exchange)?;
    }
    printer.summary(tally, missed)?;
    if args.strict && !breaches.is_empty() {
        return Err(ServeError::Strict(breaches));
    }
    Ok(book)
}

/// A key as a header can carry it, which is what a scenario takes too.
fn key(text: &str) -> Result<String, &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        Ok(text.to_owned())
    } else {
        Err("a key is one or more ASCII letters, digits or signs")
    }
}

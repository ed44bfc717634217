//! The fake as a command: `callsheet-mock`, and `callsheet mock` which embeds it.
//!
//! It prints its URL, then a line per request, and at the end a summary. The first Ctrl-C or
//! SIGTERM lets answers under way finish; a second one does not wait.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::faces::api::{MockApi, Options, StartError};
use crate::rules::scenario::{Account, KEY, Scenario, ScenarioError};
use crate::state::book::{Book, Tally};
use crate::state::desk::Breach;
use crate::state::journal::Exchange;

/// How many lines wait at most for somebody who reads slowly; further ones are left out.
const MOST_LINES: usize = 10_000;

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Port to listen on, on 127.0.0.1; 0 takes any free one
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
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Fail at the end if any request broke the contract
    #[arg(long)]
    pub strict: bool,
    /// Append every accepted create to this file, as JSON lines, before it is answered
    #[arg(long, value_name = "FILE")]
    pub book: Option<PathBuf>,
}

#[derive(clap::Parser)]
#[command(
    name = "callsheet-mock",
    version,
    about = "A fake of the video generation API, with its bad days"
)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// Why the command fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The fake cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file for the port cannot be written.
    #[error("cannot write the port to {}: {source}", path.display())]
    PortFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Requests broke the contract, and that was not to be.
    #[error("requests broke the contract:\n{}", lines(.0))]
    Strict(Vec<Breach>),
    /// The output cannot be written, or signals cannot be heard.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn lines(breaches: &[Breach]) -> String {
    let told: Vec<_> = breaches.iter().map(|breach| printable(&breach.to_string())).collect();
    told.join("\n")
}

/// The whole of the `callsheet-mock` program but its runtime. Exit code 2 is a mistake in the
/// scenario, 1 anything else that went wrong.
pub async fn main() -> ExitCode {
    let Cli { args } = Cli::parse();
    match serve(&args, io::stdout()).await {
        Ok(_) => ExitCode::SUCCESS,
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
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let options = Options {
        bind,
        book_file: args.book.clone(),
        observer: Some(observer),
        any_key: args.any_key,
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

/// Writes the port whole or not at all: whoever waits for the file may read it at once.
fn write_port(path: &Path, url: &str) -> io::Result<()> {
    let port = url.rsplit(':').next().unwrap_or_default();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, format!("{port}\n"))?;
    fs::rename(&beside, path)
}

/// Ctrl-C, and SIGTERM where there is one.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
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

/// Lines for people, or for programs; for nobody once the reader has gone, as `head` does.
struct Printer<'a, W: Write> {
    json: bool,
    out: Option<&'a mut W>,
}

impl<W: Write> Printer<'_, W> {
    fn listening(&mut self, url: &str, scenario: &str, key: &str) -> io::Result<()> {
        if self.json {
            return self.line(json!({"event": "listening", "url": url, "scenario": scenario}));
        }
        let scenario = printable(scenario);
        self.line(format_args!("listening on {url} (scenario {scenario}{key})"))
    }

    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let answered = exchange.answer.unwrap_or_default();
        let path = exchange.target.split('?').next().unwrap_or_default();
        let (what, fault) = (what(exchange), answered.fault.map(|fault| fault.name()));
        if self.json {
            return self.line(json!({
                "event": "exchange", "number": exchange.number, "method": exchange.method,
                "path": path, "what": what, "status": answered.status, "fault": fault,
                "delivered": answered.delivered, "millis": answered.millis,
            }));
        }
        let status = answered.status.map_or_else(|| "---".to_owned(), |code| code.to_string());
        let mut line = format!("{status} {} {path}", exchange.method);
        for part in [what.as_deref(), fault].into_iter().flatten() {
            line.push_str("  ");
            line.push_str(part);
        }
        self.line(format_args!("{}  {} ms", printable(&line), answered.millis))
    }

    fn summary(&mut self, tally: Tally, missed: u64) -> io::Result<()> {
        let Tally { read, accepted, lost, twice } = tally;
        if self.json {
            return self.line(json!({"event": "summary", "creates_read": read,
                "accepted": accepted, "undelivered": lost, "requests_accepted_twice": twice,
                "lines_left_out": missed}));
        }
        if missed > 0 {
            self.line(format_args!("{missed} lines left out: they were read too slowly"))?;
        }
        self.line(format_args!(
            "{read} creates read, {accepted} accepted; of these {lost} whose task was not \
             delivered; {twice} requests accepted more than once"
        ))
    }

    fn line(&mut self, line: impl Display) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            // Clients go on being served.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(())
            }
            written => written,
        }
    }
}

/// The pair that a create is about: the names of its two files.
fn what(exchange: &Exchange) -> Option<String> {
    let body: Value = serde_json::from_str(&exchange.body).ok()?;
    let name = |field: &str| {
        let url = body.get(field)?.as_str()?.split(['?', '#']).next()?;
        url.rsplit('/').next().map(str::to_owned)
    };
    Some(format!("{} + {}", name("image_url")?, name("audio_url")?))
}

/// Text from outside without what a terminal would act on.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

//! `callsheet-mock record`: what another server says, kept without what is secret.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use url::Url;

use crate::faces::before::{Door, server, upstream};
use crate::faces::between::stand;
use crate::faces::fail::ServeError;
use crate::faces::lines::{MOST_LINES, Printer};
use crate::gate::between::{Between, Recorder};
use crate::rules::scenario::Scenario;
use crate::state::tape::{SCENARIO, Tape};

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The server whose answers are recorded, as https://HOST or http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = server)]
    upstream: Url,
    /// Where the recordings go: a folder that is empty or not there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Send on what may be paid for, creates above all; without it they are refused with 403
    #[arg(long)]
    pay: bool,
    /// Believe certificates of these authorities too, a file of PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

/// Passes on and records until Ctrl-C or SIGTERM.
pub(super) async fn serve(args: &Args, mut out: impl Write) -> Result<(), ServeError> {
    // A server on the web is known by its name alone.
    let upstream = upstream(&args.upstream, args.ca_file.as_deref())?.under_its_own_name();
    let recording = |source| ServeError::Recording { path: args.out.clone(), source };
    let tape = Tape::new(&args.out, args.upstream.as_str()).map_err(recording)?;
    let tape = Arc::new(Mutex::new(tape));
    let listener = args.door.listen().await?;
    let mut printer = Printer { json: args.door.json, out: Some(&mut out) };
    let pays = if args.pay { "" } else { "; creates are refused" };
    let before = format!(", before {upstream}{pays}");
    printer.listening(&listener.url, "recording", &before)?;

    let (observer, exchanges) = mpsc::channel(MOST_LINES);
    let recorder = Recorder { pay: args.pay, tape: Arc::clone(&tape) };
    let between = Between::new(upstream, Scenario::default(), observer).recorded(recorder);
    stand(between, listener, exchanges, &mut printer).await?;
    let ended = tape.lock().unwrap_or_else(PoisonError::into_inner).end();
    let (kept, left_out) = ended.map_err(recording)?;
    let scenario = args.out.join(SCENARIO);
    if args.door.json {
        let path = scenario.to_string_lossy();
        let end = serde_json::json!({"event": "summary", "kept": kept, "left_out": left_out,
            "scenario": path});
        return Ok(printer.line(end)?);
    }
    if left_out > 0 {
        printer
            .line(format_args!("{left_out} exchanges were not kept: there are 64 MB already"))?;
    }
    let how = format!("callsheet-mock --scenario {}", scenario.display());
    Ok(printer.line(format_args!("{kept} exchanges kept; `{how}` says them again"))?)
}

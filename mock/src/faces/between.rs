//! `callsheet-mock between`: the faults of a scenario before any server.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use url::Url;

use crate::faces::before::{Door, Listening, server, upstream};
use crate::faces::fail::ServeError;
use crate::faces::lines::{MOST_LINES, Printer};
use crate::faces::signals::Signals;
use crate::gate::between::{self, Between};
use crate::gate::door;
use crate::gate::orders::Order;
use crate::rules::scenario::Scenario;
use crate::state::journal::Exchange;

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The server whose answers are spoilt, as http://HOST:PORT or https://HOST
    #[arg(long, value_name = "URL", value_parser = server)]
    upstream: Url,
    /// What to do to its answers: the faults, scripts, latencies and seed of calm, busy, lossy,
    /// broke, hostile, or a YAML file
    #[arg(long, value_name = "NAME|FILE")]
    scenario: String,
    /// Believe certificates of these authorities too, a file of PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

/// Serves until Ctrl-C or SIGTERM. The first lets answers under way finish, a second does not wait.
pub(super) async fn serve(args: &Args, mut out: impl Write) -> Result<(), ServeError> {
    let scenario = Scenario::open(&args.scenario)?;
    let upstream = upstream(&args.upstream, args.ca_file.as_deref())?;
    let listener = args.door.listen().await?;
    let mut printer = Printer { json: args.door.json, out: Some(&mut out) };
    let before = format!(", before {upstream}");
    printer.listening(&listener.url, &args.scenario, &before)?;
    let (observer, exchanges) = mpsc::channel(MOST_LINES);
    stand(Between::new(upstream, scenario, observer), listener, exchanges, &mut printer).await
}

/// Stands before a server until told to end, and tells of every exchange.
pub(super) async fn stand<W: Write>(
    between: Between,
    listening: Listening,
    mut exchanges: mpsc::Receiver<Exchange>,
    printer: &mut Printer<'_, W>,
) -> Result<(), ServeError> {
    let Listening { listener, mut signals, .. } = listening;
    let (orders, received) = watch::channel(Order::Serve);
    let (between, of_each) = (Arc::new(between), received.clone());
    let each =
        move |stream, number| between::serve(stream, number, Arc::clone(&between), of_each.clone());
    let served = door::accept(listener, received, each);
    tokio::pin!(served);
    let mut told = 0;
    loop {
        tokio::select! {
            Some(exchange) = exchanges.recv() => printer.exchange(&exchange)?,
            () = Signals::next(&mut signals) => {
                // Nobody is left to hear it only if all has ended.
                let _ = orders.send(if told == 0 { Order::Drain } else { Order::Stop });
                told += 1;
            }
            () = &mut served => break,
        }
    }
    while let Ok(exchange) = exchanges.try_recv() {
        printer.exchange(&exchange)?;
    }
    Ok(())
}

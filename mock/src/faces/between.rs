//! `callsheet-mock between`: the faults of a scenario before any server.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use url::Url;

use crate::faces::api::StartError;
use crate::faces::fail::ServeError;
use crate::faces::lines::{MOST_LINES, Printer, write_port};
use crate::faces::signals::Signals;
use crate::gate::between::{self, Between};
use crate::gate::door;
use crate::gate::orders::Order;
use crate::gate::upstream::Upstream;
use crate::rules::scenario::Scenario;

/// What the command can be told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The server whose answers are spoilt, as http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = upstream)]
    upstream: Upstream,
    /// What to do to its answers: the faults, scripts, latencies and seed of calm, busy, lossy,
    /// broke, hostile, or a YAML file
    #[arg(long, value_name = "NAME|FILE")]
    scenario: String,
    /// Port to listen on, on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 4716)]
    port: u16,
    /// Write the port to this file once it is listened on
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A server that speaks HTTP without TLS, by nothing but its address.
fn upstream(text: &str) -> Result<Upstream, &'static str> {
    const WANTED: &str = "expected http://HOST:PORT; TLS and paths are not passed on to";
    let url = Url::parse(text).map_err(|_| WANTED)?;
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http", Some(host), Some(port)) if bare => Ok(Upstream(format!("{host}:{port}"))),
        _ => Err(WANTED),
    }
}

/// Serves until Ctrl-C or SIGTERM. The first lets answers under way finish, a second does not wait.
pub(super) async fn serve(args: &Args, mut out: impl Write) -> Result<(), ServeError> {
    let scenario = Scenario::open(&args.scenario)?;
    let mut signals = Signals::listen()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let bind = |source| StartError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let url = format!("http://{}", listener.local_addr().map_err(bind)?);
    if let Some(path) = &args.port_file {
        write_port(path, &url)
            .map_err(|source| ServeError::PortFile { path: path.clone(), source })?;
    }
    let mut printer = Printer { json: args.json, out: Some(&mut out) };
    let before = format!(", before {}", args.upstream.0);
    printer.listening(&url, &args.scenario, &before)?;

    let (observer, mut exchanges) = mpsc::channel(MOST_LINES);
    let (orders, received) = watch::channel(Order::Serve);
    let between = Arc::new(Between::new(args.upstream.clone(), scenario, observer));
    let told = received.clone();
    let each =
        move |stream, number| between::serve(stream, number, Arc::clone(&between), told.clone());
    let served = door::accept(listener, received, each);
    tokio::pin!(served);
    let mut told = 0;
    loop {
        tokio::select! {
            Some(exchange) = exchanges.recv() => printer.exchange(&exchange)?,
            () = signals.next() => {
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

//! A run's numbers for monitoring: served on an address, or written to a file that others collect.
//!
//! `/metrics` has them as Prometheus' text; `/healthz` says 200 while the ledger is this run's, else 503.
//! Who asks learns counts and the manifest's name, and nothing of pairs, links or keys.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::lock;
use super::stages::Stages;
use crate::cli::MetricsArgs;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::files::replace;
use crate::serve::{Body, Room, answer_all, whole};
use crate::ui::Gauges;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const ROOM: Room = Room { connections: 16, lasts: Duration::from_secs(60) };
/// How often the file is written anew: collectors look every quarter of a minute or less often.
const WRITTEN: Duration = Duration::from_secs(5);

/// Where the numbers of a run go.
#[derive(Debug)]
pub(super) struct Metrics {
    batch: String,
    listener: Option<TcpListener>,
    file: Option<PathBuf>,
}

impl Metrics {
    /// Listens; before anything is sent.
    pub(super) async fn open(args: &MetricsArgs, batch: String) -> Result<Self, Failure> {
        let listener = match args.metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Self { batch, listener, file: args.metrics_file.clone() })
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot listen on {address}: {error}"))
            .hint("--metrics takes another address, such as 127.0.0.1:0 for any free port")
    })
}

impl Stages<'_> {
    /// Serves and writes the numbers. Never ends.
    pub(super) async fn tell_metrics(&self) {
        tokio::join!(self.serve_metrics(), self.keep_metrics());
        std::future::pending().await
    }

    async fn serve_metrics(&self) {
        let Some(listener) = &self.metrics.listener else { return };
        if let Ok(address) = listener.local_addr() {
            lock(self.progress).above(|ui| ui.note(&format!("metrics: http://{address}/metrics")));
        }
        answer_all(listener, ROOM, |request| async move { self.answer(&request) }).await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, self.metrics_text()),
            (&Method::GET | &Method::HEAD, "/healthz") => match self.ledger.look() {
                Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
                Err(_) => {
                    (StatusCode::SERVICE_UNAVAILABLE, "the ledger is not this run's\n".to_owned())
                }
            },
            _ => (StatusCode::NOT_FOUND, "there are /metrics and /healthz\n".to_owned()),
        };
        whole(status, TEXT, text)
    }

    async fn keep_metrics(&self) {
        while self.write_metrics() {
            sleep(WRITTEN).await;
        }
    }

    /// Writes the file anew, if there is to be one. False once nothing more is written.
    pub(super) fn write_metrics(&self) -> bool {
        let Some(file) = &self.metrics.file else { return false };
        let Err(error) = replace(file, self.metrics_text().as_bytes()) else { return true };
        let what = format!("{} is not written any more: {error}", file.display());
        lock(self.progress).above(|ui| ui.warn(&what));
        false
    }

    fn metrics_text(&self) -> String {
        let rules = self.batch.manifest.rules();
        let spent = || rules.amount(self.ledger.spent());
        let activity = lock(self.progress).activity();
        Gauges {
            batch: &self.metrics.batch,
            tally: lock(self.progress).tally(),
            activity: &activity,
            under_way: self.board.under_way() as u64,
            fetched: self.meter.bytes.load(Ordering::Relaxed),
            budget: rules.budget.map(|budget| (spent(), budget)),
            held: self.ledger.look().is_ok(),
        }
        .text()
    }
}

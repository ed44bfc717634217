//! Stands before another server, and does to its answers what a scenario says.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::decisions::{misanswer, toll};
use crate::gate::connection::{self, PATIENCE};
use crate::gate::deliver;
use crate::gate::orders::Order;
use crate::gate::private::Outgoing;
use crate::gate::read::Reader;
use crate::gate::upstream::Upstream;
use crate::http::answer::Answer;
use crate::http::request::Request;
use crate::rules::scenario::Scenario;
use crate::state::journal::{Answered, Exchange};
use crate::state::played::{Fate, Played};
use crate::state::tape::{Tape, Taped};
use crate::words::clock;
use crate::words::fault::Fault;

/// A server, and what is played before it.
#[derive(Debug)]
pub(crate) struct Between {
    upstream: Upstream,
    played: Mutex<Played>,
    recorder: Option<Recorder>,
    count: AtomicU64,
    /// Is told of every exchange but those that come too fast.
    observer: mpsc::Sender<Exchange>,
}

/// Keeps what is said.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Whether what may be paid for is sent on.
    pub(crate) pay: bool,
    pub(crate) tape: Arc<Mutex<Tape>>,
}

impl Between {
    pub(crate) fn new(
        upstream: Upstream,
        scenario: Scenario,
        observer: mpsc::Sender<Exchange>,
    ) -> Self {
        let played = Mutex::new(Played::new(scenario));
        Self { upstream, played, recorder: None, count: AtomicU64::new(0), observer }
    }

    /// The same, keeping what is said.
    pub(crate) fn recorded(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to go out, as its fault will have it.
    async fn answer(&self, request: &Request, Fate { strike, .. }: Fate) -> Outgoing {
        if let Some(strike) = strike.filter(|strike| !strike.fault.needs_good_answer()) {
            // The server never sees the request.
            return Outgoing::of(misanswer::refusal(strike, clock::today()), Some(strike.fault));
        }
        if self.recorder.as_ref().is_some_and(|it| !it.pay && toll::may_cost(request)) {
            return Outgoing::of(toll::unpaid(), None);
        }
        match self.ask(request).await {
            Ok(good) if (200..300).contains(&good.status) => {
                struck(good, strike.map(|strike| strike.fault))
            }
            // A refusal is a refusal, whatever fault was meant for the acceptance.
            Ok(refusal) => refusal,
            Err(error) => {
                let what = format!("the server behind cannot be asked: {error}");
                Outgoing::of(Answer::error(502, "server_error", "bad_gateway", &what), None)
            }
        }
    }

    /// Asks the server, and keeps what was said where that is wanted.
    async fn ask(&self, request: &Request) -> io::Result<Outgoing> {
        let Some(recorder) = &self.recorder else { return self.upstream.ask(request).await };
        let (began, now) = (Instant::now(), self.played().now());
        let answer = self.upstream.ask(&request.without("accept-encoding")).await;
        let said = answer.as_ref().ok().map(|answer| (answer.status, &*answer.head, &*answer.body));
        let taped = Taped { request, said, unix_millis: now, took: began.elapsed() };
        recorder.tape.lock().unwrap_or_else(PoisonError::into_inner).keep(&taped);
        answer
    }

    /// Answers a request; returns whether the connection can carry another.
    async fn pass(
        &self,
        stream: &mut TcpStream,
        connection: u64,
        request: &Request,
        orders: &mut watch::Receiver<Order>,
    ) -> bool {
        let started = Instant::now();
        let (fate, now) = {
            let mut played = self.played();
            (played.fate(request), played.now())
        };
        let outgoing = self.answer(request, fate).await;
        if !fate.delay.is_zero() {
            sleep(fate.delay).await;
        }
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let expected = deliver::expected(request, &outgoing);
        let whole = deliver::answer(stream, request, &outgoing, orders).await;
        let delivered = expected.whole && whole;
        let answer = Answered { status: expected.status, fault: outgoing.fault, delivered, millis };
        let exchange = Exchange {
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            connection,
            unix_millis: now.0,
            method: request.method.clone(),
            target: request.target.clone(),
            headers: Vec::new(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            answer: Some(answer),
        };
        // Who reads too slowly misses something; memory is not to grow for that.
        let _ = self.observer.try_send(exchange);
        expected.usable && whole
    }
}

/// A good answer as its fault has it: on the wire, or another in its place.
fn struck(good: Outgoing, fault: Option<Fault>) -> Outgoing {
    match fault {
        Some(fault) if fault.wire().is_none() => {
            let said = serde_json::from_slice(&good.body).unwrap_or_default();
            Outgoing::of(misanswer::booked(fault, &said), Some(fault))
        }
        _ => Outgoing { fault, ..good },
    }
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(
    mut stream: TcpStream,
    number: u64,
    between: Arc<Between>,
    mut orders: watch::Receiver<Order>,
) {
    // Without it small answers wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let mut reader = Reader::default();
    loop {
        let next = connection::next(&mut stream, &mut reader, &mut orders);
        let Ok(Some(next)) = timeout(PATIENCE, next).await else { return };
        let request = match next {
            Ok(request) => request,
            Err(refusal) => return deliver::last(&mut stream, refusal).await,
        };
        if !between.pass(&mut stream, number, &request, &mut orders).await {
            return;
        }
    }
}

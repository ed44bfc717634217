//! One client connection: a request, its answer, the next request.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::gate::backend::Backends;
use crate::gate::deliver::{self, Sent};
use crate::gate::orders::{Order, ordered};
use crate::gate::private::Outgoing;
use crate::gate::read::{Missing, Reader};
use crate::gate::{hot, long};
use crate::http::answer::Answer;
use crate::http::request::Request;
use crate::http::route::ADMIN;
use crate::state::journal::{Answered, Said};
use crate::state::world::World;
use crate::state::worlds::Worlds;

/// How long a connection may be silent, or take for one request.
pub(crate) const PATIENCE: Duration = Duration::from_secs(75);

/// How long the rest of a request is waited for at the end.
const GRACE: Duration = Duration::from_secs(2);

/// Serves a connection until either side ends it. What few of them ever do is boxed: each holds room
/// for all else that it might do.
pub(crate) async fn serve(
    mut stream: TcpStream,
    number: u64,
    worlds: Arc<Worlds>,
    backends: Arc<Backends>,
    mut orders: watch::Receiver<Order>,
) {
    // Without it small answers wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let mut reader = Reader::default();
    // One timer that is moved on: setting a new one for each request takes a lock each time.
    let patience = sleep(PATIENCE);
    tokio::pin!(patience);
    loop {
        patience.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
        let next = next(&mut stream, &mut reader, &mut orders);
        let next = tokio::select! {
            biased;
            next = next => next,
            () = &mut patience => None,
        };
        let Some(next) = next else { return };
        let request = match next {
            Ok(request) => Arc::new(request),
            Err(refusal) => return Box::pin(deliver::last(&mut stream, refusal)).await,
        };
        let exchange = Exchange { worlds: &worlds, backends: &backends, number };
        let sent = exchange.answer(&mut stream, &request, &mut orders).await;
        if !sent.usable {
            return;
        }
    }
}

/// The next request, or what to say instead; `None` if there is nobody to say it to.
pub(crate) async fn next(
    stream: &mut TcpStream,
    reader: &mut Reader,
    orders: &mut watch::Receiver<Order>,
) -> Option<Result<Request, Outgoing>> {
    let begun = reader.begun();
    let idle = async {
        ordered(orders, Order::Drain).await;
        // Between two requests a connection can be ended without harm. One that is half here is
        // waited for, but not for ever: its client may be waiting for the end, too.
        if begun.load(Ordering::Relaxed) {
            sleep(GRACE).await;
        }
    };
    let read = tokio::select! {
        biased;
        read = reader.next(stream) => read,
        () = idle => return None,
    };
    match read {
        Ok(request) => Some(Ok(request)),
        Err(Missing::Gone) => None,
        Err(Missing::Refused(status, what)) => Some(Err(refusal(status, what))),
    }
}

/// An answer of the gate's own, for what the engine cannot be shown.
fn refusal(status: u16, what: &str) -> Outgoing {
    let code = match status {
        413 => "request_too_large",
        431 => "head_too_large",
        500 => "internal_error",
        _ => "invalid_request",
    };
    Outgoing::of(Answer::error(status, "invalid_request_error", code, what), None)
}

/// What it takes to answer a request.
struct Exchange<'a> {
    worlds: &'a Worlds,
    backends: &'a Backends,
    number: u64,
}

impl Exchange<'_> {
    /// Where the request is entered. One about the fake is entered nowhere, and makes no world; one
    /// for which there is no world left is told so by the engine.
    fn world(&self, request: &Request) -> Arc<World> {
        let has_its_own = self.worlds.any_key() && !request.target.starts_with(ADMIN);
        let of_its_own = has_its_own.then(|| request.whose());
        let world = of_its_own.and_then(|whose| self.worlds.of(&whose).ok());
        world.unwrap_or_else(|| Arc::clone(self.worlds.home()))
    }

    async fn answer(
        &self,
        stream: &mut TcpStream,
        request: &Arc<Request>,
        orders: &mut watch::Receiver<Order>,
    ) -> Sent {
        if let Some(book) = long::book(self.worlds, request) {
            return Box::pin(long::tell(stream, request, &book)).await;
        }
        let started = Instant::now();
        let world = self.world(request);
        let id = world.begin(self.number, request);
        let hot = hot::answer(self.worlds, request, id);
        let (outgoing, gone) = {
            let ask = async {
                let outgoing = match hot {
                    Some(outgoing) => outgoing,
                    None => Box::pin(self.backends.ask(request, id)).await?,
                };
                // Held back here and not by wiremock, where the next answer would have to wait too.
                if !outgoing.delay.is_zero() {
                    sleep(outgoing.delay).await;
                }
                Ok::<_, std::io::Error>(outgoing)
            };
            tokio::pin!(ask);
            tokio::select! {
                biased;
                // What is answered at once is not asked for twice: the client may have gone all the
                // same, and then that is known by now.
                answer = &mut ask => (answer, gone(stream).now_or_never().is_some()),
                // The state changes all the same: the server does not know of the client's end.
                () = gone(stream) => (ask.await, true),
            }
        };
        let outgoing = outgoing.unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => refusal(400, "this request is not valid HTTP"),
            _ => refusal(500, "the fake itself failed; please report it"),
        });
        let fault = outgoing.fault;
        let expected = deliver::expected(request, &outgoing);
        let answered = Answered {
            status: expected.status,
            fault,
            delivered: expected.whole && !gone,
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        // Settled before the first byte leaves: a client that has read its answer finds it in the
        // book, and its place among the concurrent ones free.
        let said = Said::new(&outgoing.head, &outgoing.body);
        let settled = world.settle(id, answered, said);
        let whole = deliver::answer(stream, request, &outgoing, orders).await;
        if answered.delivered && !whole {
            world.correct(settled, Answered { delivered: false, ..answered });
        }
        Sent { usable: expected.usable && whole && !gone, ..expected }
    }
}

/// Returns when the client has ended its side.
async fn gone(stream: &TcpStream) {
    match stream.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        // The next request is here already. Nothing more can be learnt without reading it.
        Ok(_) => pending().await,
    }
}

//! The running fake, as Rust sees it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::gate::orders::Order;
use crate::gate::reach::{Courier, Reach};
use crate::gate::{door, errands};
use crate::rules::scenario::Scenario;
use crate::state::book::Book;
use crate::state::desk::{Breach, State};
use crate::state::errands::{Errand, Errands};
use crate::state::journal::Exchange;
use crate::state::worlds::Worlds;

/// A running fake. It ends when dropped, at once; [`shutdown`](MockApi::shutdown) lets answers
/// under way finish first.
///
/// It runs on threads of its own, so it works whatever runtime the caller has, or none, and
/// however that is kept busy.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), callsheet_mock::StartError> {
/// use callsheet_mock::{MockApi, Scenario};
///
/// let api = MockApi::start(Scenario::default()).await?;
/// assert!(api.url().starts_with("http://127.0.0.1:"));
/// // … point a client at it, with the key `callsheet_mock::KEY`, then ask:
/// assert_eq!(api.book().entries.len(), 0, "nothing was paid for");
/// assert!(api.book().duplicates().is_empty(), "and nothing twice");
/// api.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MockApi {
    url: String,
    worlds: Arc<Worlds>,
    orders: watch::Sender<Order>,
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    strict: bool,
}

/// Where the fake listens and what it writes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Port 0 is any free one, which is the default, on 127.0.0.1.
    pub bind: SocketAddr,
    /// A file to which every accepted create is appended as a JSON line before its answer leaves,
    /// for tests in which processes die.
    pub book_file: Option<PathBuf>,
    /// Is sent every exchange as it ends, but what comes while it is full.
    pub observer: Option<mpsc::Sender<Exchange>>,
    /// Give every key a world of its own, made at its first use: book, clock, scenario, balance and
    /// journal. What is asked of [`MockApi`] is then about all of them, but `state`, `scenario`,
    /// `set_scenario`, `advance` and `reset`, which are about requests without a key. Equal requests of
    /// two keys are no duplicates of each other in the book of either, and are in that of all.
    pub any_key: bool,
    /// Where the fake may go by itself, besides this machine, when a scenario has it look at media or
    /// call back.
    pub reach: Vec<Reach>,
    /// Panic at the end if any request broke the contract, so that a test fails which would
    /// otherwise pass because its client copes with being refused.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            book_file: None,
            observer: None,
            any_key: false,
            reach: Vec::new(),
            strict: false,
        }
    }
}

/// Why the fake does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The file of the book cannot be opened.
    #[error("cannot open the book {}: {source}", path.display())]
    Book {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the fake's thread: {0}")]
    Thread(io::Error),
}

impl MockApi {
    /// Starts the fake on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the system gives no port or no thread.
    pub async fn start(scenario: Scenario) -> Result<Self, StartError> {
        Self::start_with(scenario, Options::default()).await
    }

    /// Starts the fake as the options say.
    ///
    /// # Errors
    /// If it cannot listen there, or write there.
    pub async fn start_with(scenario: Scenario, options: Options) -> Result<Self, StartError> {
        let Options { bind: address, book_file, observer, strict, any_key, reach } = options;
        let bind = |source| StartError::Bind { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let url = format!("http://{}", listener.local_addr().map_err(bind)?);
        let files = (book_file.as_deref(), any_key);
        let (errands, handed_over) = Errands::new();
        let worlds = Worlds::new(&url, scenario, files, observer, errands);
        let worlds =
            Arc::new(worlds.map_err(|source| StartError::Book {
                path: book_file.unwrap_or_default(),
                source,
            })?);

        let (orders, received) = watch::channel(Order::Serve);
        let (ready, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (state, errands) = (Arc::clone(&worlds), (handed_over, Courier::new(reach)));
        let thread = thread::Builder::new()
            .name("callsheet-mock".to_owned())
            .spawn(move || run(listener, (state, errands), received, (ready, end)))
            .map_err(StartError::Thread)?;
        let gone = || io::Error::other("the thread ended at once");
        started.await.unwrap_or_else(|_| Err(gone())).map_err(StartError::Thread)?;
        Ok(Self { url, worlds, orders, ended: Some(ended), thread: Some(thread), strict })
    }

    /// What it knows, also after its end.
    pub(crate) fn worlds(&self) -> Arc<Worlds> {
        Arc::clone(&self.worlds)
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The book as it is now: every create that was accepted.
    #[must_use]
    pub fn book(&self) -> Book {
        self.worlds.book()
    }

    /// The last requests and what was answered, keys replaced by `***`.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.worlds.journal()
    }

    /// Where it stands: tasks by status, the clock, what broke the contract.
    #[must_use]
    pub fn state(&self) -> State {
        self.worlds.home().desk().state()
    }

    /// The first hundred requests that broke the contract.
    #[must_use]
    pub fn breaches(&self) -> Vec<Breach> {
        self.worlds.breaches()
    }

    /// The scenario that is played.
    #[must_use]
    pub fn scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.worlds.home().desk().scenario)
    }

    /// Plays another scenario from the next request on, and from its beginning. What was booked stays.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.worlds.home().desk().play(scenario);
    }

    /// Advances the fake's clock, so that tasks complete and links die without waiting.
    pub fn advance(&self, time: Duration) {
        self.worlds.home().desk().clock.advance(time);
    }

    /// Forgets every request: book, journal, tasks, balances. Scenario and clock stay.
    pub fn reset(&self) {
        self.worlds.home().desk().reset();
    }

    /// Takes no further connection, answers what is under way, and ends. Faults that keep a client
    /// waiting for ever are cut short. Returns the book, which is final now.
    pub async fn shutdown(mut self) -> Book {
        let _ = self.orders.send(Order::Drain);
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
        self.worlds.book()
    }
}

impl Drop for MockApi {
    /// Ends at once. Waits for the fake's own thread, which waits for nobody, so this is a matter
    /// of milliseconds and safe within a runtime.
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let breaches = self.worlds.breaches();
        if self.strict && !breaches.is_empty() && !thread::panicking() {
            let told: Vec<_> = breaches.iter().map(ToString::to_string).collect();
            #[expect(clippy::panic, reason = "what strict mode is for; asked for by the caller")]
            {
                panic!("requests broke the contract:\n{}", told.join("\n"));
            }
        }
    }
}

/// The life of the fake's thread.
fn run(
    listener: std::net::TcpListener,
    (worlds, (handed_over, courier)): (Arc<Worlds>, (mpsc::Receiver<Errand>, Courier)),
    orders: watch::Receiver<Order>,
    (ready, end): (oneshot::Sender<io::Result<()>>, oneshot::Sender<()>),
) {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let started = built.and_then(|runtime| {
        let within = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        drop(within);
        Ok((runtime, listener))
    });
    match started {
        Ok((runtime, listener)) => {
            let _ = ready.send(Ok(()));
            let served = door::serve(listener, Arc::clone(&worlds), orders);
            runtime.block_on(async {
                tokio::select! {
                    () = served => {}
                    () = errands::run(worlds, handed_over, courier) => {}
                }
            });
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
    let _ = end.send(());
}

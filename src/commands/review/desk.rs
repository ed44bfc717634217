//! Where all questions to the ledger are answered, one after the other: on a thread of its own, so that
//! nobody who watches a video waits for somebody else's decision to be synced to the disk.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::pulse;
use crate::exit::Exit;
use crate::ledger::{Card, LedgerError, NotReviewed, Opinion, ReviewBook, Seen, View};
use crate::state::State;

/// How often it is asked what another process wrote.
const LOOKS: Duration = Duration::from_millis(250);
/// How often pairs are counted at most: in a large batch that takes a while.
const COUNTS: Duration = Duration::from_secs(1);

/// What is known of the ledger by now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) seen: Seen,
    /// How many listed pairs stand in each state that any stands in.
    pub(super) counts: Vec<(State, u64)>,
    /// What the run is doing that is under way, in words.
    pub(super) activity: Option<String>,
    /// Whether it is gone, or another one.
    pub(super) moved: bool,
}

/// Whether each word was written down.
pub(super) type Answers = Vec<Result<(), NotReviewed>>;

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

enum Job {
    Decide(Vec<Opinion>, Reply<Answers>),
    Since(Seen, Reply<(Vec<Card>, Seen)>),
    Card(String, Reply<Option<Card>>),
    View(Reply<View>),
    End,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    jobs: Sender<Job>,
    pub(super) now: watch::Receiver<Now>,
    /// Who decides.
    pub(super) who: String,
}

/// The thread.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) asking: Asking,
    thread: JoinHandle<Result<(), LedgerError>>,
}

impl Desk {
    pub(super) fn start(book: ReviewBook, site: &Site, who: String) -> Result<Self, Failure> {
        let view = book.view()?;
        let (tell, now) = watch::channel(Now::default());
        let (jobs, queue) = channel();
        let folder = site.folder.clone();
        let mut clerk = Clerk { book, view, folder, who: who.clone(), tell, counted: None };
        // So that what is wrong with the ledger is told before a link is.
        clerk.look()?;
        let thread = std::thread::Builder::new()
            .name("reviews".to_owned())
            .spawn(move || clerk.work(&queue))
            .map_err(|error| Failure::new(Exit::Fault, format!("cannot start: {error}")))?;
        Ok(Self { asking: Asking { jobs, now, who }, thread })
    }

    /// Ends it; what was said before is written down.
    pub(super) fn close(self) -> Result<(), Failure> {
        let _ = self.asking.jobs.send(Job::End);
        match self.thread.join() {
            Ok(closed) => Ok(closed?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Asking {
    pub(super) async fn decide(&self, said: Vec<Opinion>) -> Result<Answers, LedgerError> {
        self.ask(|reply| Job::Decide(said, reply)).await
    }

    pub(super) async fn since(&self, seen: Seen) -> Result<(Vec<Card>, Seen), LedgerError> {
        self.ask(|reply| Job::Since(seen, reply)).await
    }

    pub(super) async fn card(&self, id: String) -> Result<Option<Card>, LedgerError> {
        self.ask(|reply| Job::Card(id, reply)).await
    }

    /// For what takes long.
    pub(super) async fn view(&self) -> Result<View, LedgerError> {
        self.ask(Job::View).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let gone = || LedgerError::Moved { path: PathBuf::from("ledger") };
        self.jobs.send(job(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Who does the work.
struct Clerk {
    book: ReviewBook,
    view: View,
    folder: PathBuf,
    who: String,
    tell: watch::Sender<Now>,
    /// Up to which event pairs were counted, and when.
    counted: Option<(u64, Instant)>,
}

impl Clerk {
    fn work(mut self, queue: &Receiver<Job>) -> Result<(), LedgerError> {
        let mut next = Instant::now() + LOOKS;
        loop {
            match queue.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Job::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => {
                    let is_news = matches!(job, Job::Decide(..));
                    self.answer(job);
                    if !is_news && Instant::now() < next {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            // What cannot be read now may be in a moment.
            let _ = self.look();
            next = Instant::now() + LOOKS;
        }
        drop(self.view);
        self.book.close()
    }

    /// Nobody may be there any more to hear it.
    fn answer(&mut self, job: Job) {
        match job {
            Job::Decide(said, reply) => drop(reply.send(self.book.write(&self.who, &said))),
            Job::Since(seen, reply) => drop(reply.send(self.view.cards_since(seen))),
            Job::Card(id, reply) => drop(reply.send(self.view.card(&id))),
            Job::View(reply) => drop(reply.send(self.book.view())),
            Job::End => {}
        }
    }

    /// Tells whoever listens what is new.
    fn look(&mut self) -> Result<(), LedgerError> {
        let (seen, moved) = (self.view.seen()?, self.book.is_moved());
        let activity = pulse::read(&self.folder).map(|activity| activity.to_string());
        let now = self.tell.borrow().clone();
        let mut new = Now { seen, activity, moved, ..now.clone() };
        let is_due = match self.counted {
            None => true,
            Some((events, at)) => events != seen.events && at.elapsed() >= COUNTS,
        };
        if is_due {
            new.counts = self.view.counts()?;
            self.counted = Some((seen.events, Instant::now()));
        }
        if new != now {
            self.tell.send_replace(new);
        }
        Ok(())
    }
}

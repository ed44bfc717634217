//! Workers that are killed and a server that is halted, over and over: what the book says is what the
//! ledger says.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use callsheet::ledger::postgres::{Fate, Outcome, SharedError};
use callsheet::pace::Terms;
use callsheet::state::Event;

use super::book::{Book, create};
use super::cluster::{Cluster, ask, one};
use super::{Batch, Crew, TERMS, block_on, id_of, join, outcome};

const BATCH: Batch = Batch {
    count: 3000,
    cost: 7,
    budget: Some(17_507),
    lease: Duration::from_secs(4),
    // What is killed is in doubt, and is no reason to stop here.
    terms: Terms { max_doubts: Some(1_000_000), ..TERMS },
};
const WORKERS: usize = 6;
const DATABASE: &str = "CALLSHEET_TEST_DATABASE";
const BOOK: &str = "CALLSHEET_TEST_BOOK";

/// Not a test: one worker, as a process that can be killed.
#[test]
#[ignore = "a part of `nothing_is_paid_twice_and_nothing_lost`, which starts it"]
fn worker_process() {
    let (Ok(url), Ok(book)) = (std::env::var(DATABASE), std::env::var(BOOK)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let book = book.parse().unwrap();
    // However it ends, the parent starts another in its place.
    let _ = runtime.block_on(work(&url, book));
}

async fn work(url: &str, book: std::net::SocketAddr) -> Result<(), SharedError> {
    let mut worker = join(url, &BATCH).await?;
    let (mut outcomes, mut empty) = (Vec::new(), 0);
    while empty < 3 {
        let free = fastrand::usize(1..12);
        let claims = match worker.turn(&outcomes, free).await {
            Ok(turn) => turn.claims,
            Err(SharedError::Unsure(_)) => {
                recover(&mut worker).await?;
                continue;
            }
            Err(SharedError::BudgetReached) => {
                settle(&mut worker, &outcomes).await?;
                return worker.leave().await;
            }
            Err(other) => return Err(other),
        };
        empty = if claims.is_empty() && outcomes.is_empty() { empty + 1 } else { 0 };
        outcomes.clear();
        for claim in claims {
            outcomes.push(match claim.spend(Duration::from_millis(100)) {
                Ok(slip) => {
                    let (event, task) = create(book, &id_of(&slip));
                    outcome(slip, event, task.as_deref())
                }
                Err(unsent) => outcome(unsent, Event::NotMade, None),
            });
        }
        let _ = worker.take_over().await;
    }
    worker.leave().await
}

async fn settle(worker: &mut Crew, outcomes: &[Outcome]) -> Result<(), SharedError> {
    loop {
        match worker.turn(outcomes, 0).await {
            Err(SharedError::Unsure(_)) => recover(worker).await?,
            other => return other.map(drop),
        }
    }
}

async fn recover(worker: &mut Crew) -> Result<(), SharedError> {
    for _ in 0..400 {
        match worker.recover().await {
            Ok(Fate::Committed | Fate::Never) => return Ok(()),
            Ok(Fate::WentBack | Fate::Taken) => return Err(SharedError::WentBack),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Err(SharedError::Over)
}

struct Workers(Vec<Child>);

impl Workers {
    fn keep_running(&mut self, url: &str, book: std::net::SocketAddr) {
        self.0.retain_mut(|child| child.try_wait().unwrap().is_none());
        while self.0.len() < WORKERS {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "kills::worker_process", "--ignored"]);
            command.env(DATABASE, url).env(BOOK, book.to_string());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            self.0.push(command.spawn().unwrap());
        }
    }

    /// As the kernel would, with no chance to say anything.
    fn kill_one(&mut self) {
        let child = &mut self.0[fastrand::usize(..WORKERS)];
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn nothing_is_paid_twice_and_nothing_lost() {
    let Some(cluster) = Cluster::start("kills") else { return };
    let (url, book) = (cluster.url(), Book::default());
    let address = book.open();
    let mut workers = Workers(Vec::new());
    let began = Instant::now();
    let (mut kills, mut halts) = (0, 0);
    workers.keep_running(&url, address);
    // After a halt nobody claims for a while: another one before anything was made would prolong that.
    let mut made = 0;
    while kills < 60 && book.made().len() < 2400 || book.made().len() <= 300 {
        assert!(began.elapsed() < Duration::from_secs(120), "{kills} kills, {halts} halts");
        std::thread::sleep(Duration::from_millis(fastrand::u64(40..160)));
        workers.kill_one();
        kills += 1;
        if kills % 8 == 0 && book.made().len() > made {
            made = book.made().len();
            cluster.halt();
            cluster.go_on();
            halts += 1;
        }
        workers.keep_running(&url, address);
    }
    eprintln!("{kills} kills, {halts} halts, {} made", book.made().len());
    drop(workers);
    // All leases end, and one is left to look.
    std::thread::sleep(BATCH.lease + Duration::from_millis(200));
    block_on(async {
        let mut last = join(&url, &BATCH).await.unwrap();
        last.take_over().await.unwrap();
        check(&url, &book).await;
    });
    assert!(kills > 10 && halts > 0, "{kills} kills, {halts} halts");
}

async fn check(url: &str, book: &Book) {
    let made = book.made();
    assert!(made.len() > 300, "only {} were made", made.len());
    for (id, tasks) in &made {
        assert_eq!(tasks.len(), 1, "{id} was paid more than once");
    }
    let sql =
        "SELECT id, state, task FROM callsheet.pair p JOIN callsheet.standing s USING (batch, n)
        LEFT JOIN callsheet.task t USING (batch, n) ORDER BY n";
    for row in ask(url, sql).await {
        let [Some(id), Some(state), task] = &row[..] else { panic!("{row:?}") };
        let made = made.get(id).map(|tasks| &tasks[0]);
        match &**state {
            // Never made, as the ledger says.
            "0" | "6" => assert_eq!(made, None, "{id} was made, and is {state}"),
            "2" => assert_eq!(made, task.as_ref(), "{id}"),
            "7" => {}
            _ => panic!("{id} is {state}"),
        }
    }
    let spent = "SELECT sum(cost) FROM callsheet.standing WHERE state IN (2, 7)";
    let reserved = one(url, "SELECT reserved FROM callsheet.purse").await;
    assert_eq!(reserved, one(url, spent).await);
    assert!(reserved.parse::<i64>().unwrap() <= 17_507);
    let doubts = "SELECT count(*) FROM callsheet.standing WHERE state = 7";
    eprintln!("{reserved} reserved, {} in doubt", one(url, doubts).await);
}

//! The statements alone: workers, each on a thread and a connection of its own, tell and claim.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callsheet::ledger::postgres::{Listed, Outcome, Slip, Wanted, Wish, Worker};
use callsheet::pace::{Heard, Terms};
use callsheet::pair::TaskId;
use callsheet::state::State;

use crate::cluster::settings;
use crate::figures::{Figures, Goal};
use crate::{as_float, cluster, number, runtime};

/// Asked for at once, as the program does.
const NAMED: usize = 64;
/// What a run writes down of a pair that became a task, about as long.
const RECORD: &str = r#"{"state":"created","since":1790000000000,"task_id":"TASK","created_at":1790000000000,"estimate":null,"sent":null,"seconds":30,"price":null,"video_url":null,"linked_at":null,"video_path":null,"video_bytes":null,"video_sha256":null,"video_millis":null,"error_code":"","error":"","usage":null,"credits":null,"credits_millionths":null,"audio_millis":null,"attempts":[{"attempt":1,"intended":1790000000000,"settled":1790000000000,"event":"accepted","seconds":30,"price":null,"status":200,"code":null,"message":null,"evidence":null,"proposed":null,"verdict":null,"judged":null}],"former":[]}"#;

/// One cell of the table.
#[derive(Debug, Clone, Copy)]
struct Cell {
    workers: usize,
    pairs_at_once: usize,
    listed: usize,
    time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
struct Counts {
    pairs: AtomicU64,
    statements: AtomicU64,
}

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let time = Duration::from_secs(number(numbers, 0, 3));
    let rounds = number(numbers, 1, 3);
    for (workers, pairs_at_once) in
        [(1, 1), (4, 1), (16, 1), (1, 8), (16, 8), (1, 32), (4, 32), (16, 32)]
    {
        let (mut rates, mut statements) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let cluster = cluster("store");
            // More than can be told of, so that none is looked for that others left.
            let most = if pairs_at_once == 1 { 8_000 } else { 60_000 };
            let listed = most * usize::try_from(time.as_secs()).unwrap();
            let cell = Cell { workers, pairs_at_once, listed, time };
            let (rate, each) = run(&cluster.url(), cell);
            rates.push(rate);
            statements.push(each);
        }
        let what = format!("{workers} workers x {pairs_at_once}");
        let is_full = (workers, pairs_at_once) == (16, 32);
        let goal = if is_full { Goal::AtLeast(15_000.0) } else { Goal::More };
        figures.note_rounds(&what, (&rates, "pairs/s"), goal);
        let goal = if pairs_at_once == 32 { Goal::AtMost(0.05) } else { Goal::Less };
        figures.note_rounds(&what, (&statements, "statements/pair"), goal);
    }
}

/// Pairs a second, and statements a pair.
fn run(url: &str, cell: Cell) -> (f64, f64) {
    let counts = Counts::default();
    // Listed once, by one who does nothing more.
    drop(runtime().block_on(join(url, cell)));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cell.workers {
            scope.spawn(|| runtime().block_on(work(url, cell, &counts)));
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let pairs = as_float(counts.pairs.load(Ordering::Relaxed));
    (pairs / seconds, as_float(counts.statements.load(Ordering::Relaxed)) / pairs)
}

async fn join(url: &str, cell: Cell) -> Worker {
    let settings = settings(url);
    let terms = Terms { concurrency: 32, in_flight: None, max_doubts: None, apart: None };
    let digest = cell.listed.to_le_bytes();
    let wanted = Wanted {
        name: "bench",
        endpoint: "https://api.example",
        digest: &digest,
        // The purse holds a budget that is never reached.
        budget: Some(i64::MAX >> 8),
        unit: "seconds",
        pool: None,
        terms,
        joins: true,
    };
    let pair = |n| Listed { id: format!("pair-{n}"), body: crate::creates::body(n), take: 1 };
    let mut pages = |first: usize| {
        let (first, end) = (first as u64, cell.listed.min(first + 5000) as u64);
        Ok((first..end).map(pair).collect())
    };
    let as_whom = ("a benchmark", Duration::from_secs(30));
    Worker::join(settings, &wanted, &mut pages, as_whom).await.expect("a worker").0
}

/// Tells of what it claimed with the statement that claims the next, until the time is over.
async fn work(url: &str, cell: Cell, counts: &Counts) {
    let mut worker = join(url, cell).await;
    let (mut named, mut outcomes) = (Vec::new(), Vec::new());
    let began = Instant::now();
    let (mut pairs, mut statements) = (0, 0);
    loop {
        let is_over = began.elapsed() >= cell.time;
        let mut wishes = Vec::new();
        while wishes.len() < cell.pairs_at_once && !is_over {
            if named.is_empty() {
                named = worker.next(NAMED).await.expect("pairs");
                statements += 1;
                named.reverse();
            }
            let Some(n) = named.pop() else { break };
            wishes.push(Wish { n, attempt: 1, cost: 5 });
        }
        if wishes.is_empty() && outcomes.is_empty() {
            break;
        }
        let turn = worker.turn(&outcomes, &wishes, Heard::default()).await.expect("a turn");
        statements += 1;
        pairs += turn.settled.len() as u64;
        assert_eq!(turn.settled.len(), outcomes.len(), "all are told of");
        let holder = worker.number();
        outcomes = turn.claimed.iter().map(|wish| outcome(*wish, holder)).collect();
    }
    counts.pairs.fetch_add(pairs, Ordering::Relaxed);
    counts.statements.fetch_add(statements, Ordering::Relaxed);
}

fn outcome(wish: Wish, holder: i64) -> Outcome {
    let task = format!("task-unified-1757165031-{}", wish.n);
    Outcome {
        slip: Slip { n: wish.n, attempt: wish.attempt, holder },
        state: State::Created,
        record: RECORD.replace("TASK", &task),
        task: Some(TaskId::parse(&task).expect("a task id")),
        gives_back: false,
    }
}

//! From "finished at the server" to "saved".

use std::collections::{BTreeSet, HashMap};
use std::thread;

use crate::batch::Batch;
use crate::server::{Server, now};

const TASKS: usize = 1000;
/// They end at random within so many milliseconds.
const WITHIN: u64 = 60_000;

/// How often is asked: the interval in milliseconds, polls per second.
#[derive(Clone, Copy)]
struct Pace(u64, u64);

pub(crate) fn measure() {
    println!("{TASKS} tasks that end at random within {} s", WITHIN / 1000);
    println!(
        "{:>18} {:>8} {:>8} {:>11} {:>10} {:>8}",
        "", "mean s", "p95 s", "best mean", "best p95", "polls/s"
    );
    // Side by side: most of the time both wait.
    let runs = [Pace(10_000, 20), Pace(1000, 200)].map(|pace| thread::spawn(move || delays(pace)));
    for run in runs {
        println!("{}", run.join().expect("figures"));
    }
}

fn delays(pace @ Pace(interval, rate): Pace) -> String {
    let server = Server::start(100_000);
    let batch = Batch::created(TASKS, &server);
    let (mut random, start) = (fastrand::Rng::with_seed(rate), now());
    let ends: Vec<u64> = (0..TASKS).map(|_| start + random.u64(0..WITHIN)).collect();
    server.end_tasks(ends.clone());
    let (every, limit) = (format!("{interval}ms"), format!("{rate}/s"));
    let taken = batch.run(&["--poll-interval", &every, "--poll-rate", &limit]);
    assert_eq!(taken.code, Some(0), "not all were saved");
    let [mean, p95] = figures(saved(&batch, &ends));
    let [best_mean, best_p95] = figures(best(pace, start, &ends));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let polls = server.polls() as f64 / taken.wall.as_secs_f64();
    let name = format!("every {} s, {rate}/s", interval / 1000);
    format!("{name:>18} {mean:>8.2} {p95:>8.2} {best_mean:>11.2} {best_p95:>10.2} {polls:>8.0}")
}

/// How long after its end each task was saved, in milliseconds.
fn saved(batch: &Batch, ends: &[u64]) -> Vec<u64> {
    let events = batch.events();
    let of = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    let task = |text: &str| text.trim_start_matches('t').parse::<usize>().expect("a task of ours");
    let tasks: HashMap<_, _> = of("accepted")
        .map(|event| (event["id"].as_str(), task(event["task_id"].as_str().expect("a task"))))
        .collect();
    let delays = of("saved").map(|event| {
        let at: jiff::Timestamp = event["at"].as_str().expect("a time").parse().expect("a time");
        let at = u64::try_from(at.as_millisecond()).expect("a time after 1970");
        at.saturating_sub(ends[tasks[&event["id"].as_str()]])
    });
    delays.collect()
}

/// The same for one who asks from the start, every task in its turn, as often as allowed, and has
/// the video at once.
fn best(Pace(interval, rate): Pace, start: u64, ends: &[u64]) -> Vec<u64> {
    // In microseconds, so that no rate is rounded.
    let ends: Vec<u64> = ends.iter().map(|end| (end - start) * 1000).collect();
    let mut queue: BTreeSet<(u64, usize)> = (0..ends.len()).map(|task| (0, task)).collect();
    let (mut opens, mut delays) = (0, Vec::new());
    while let Some((due, task)) = queue.pop_first() {
        let at = due.max(opens);
        opens = at + 1_000_000 / rate;
        match at.checked_sub(ends[task]) {
            Some(delay) => delays.push(delay / 1000),
            None => drop(queue.insert((at + interval * 1000, task))),
        }
    }
    delays
}

/// Mean and 95th percentile, in seconds.
fn figures(mut delays: Vec<u64>) -> [f64; 2] {
    assert_eq!(delays.len(), TASKS, "one delay for each task");
    delays.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let seconds = |millis: u64| millis as f64 / 1000.0;
    let mean = delays.iter().sum::<u64>() / TASKS as u64;
    [seconds(mean), seconds(delays[TASKS * 95 / 100])]
}

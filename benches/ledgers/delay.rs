//! How much of what concurrency and delay allow is reached.

use std::time::Duration;

use crate::figures::{Figures, Goal};
use crate::program::{WORKERS, run_alone, run_shared};
use crate::server::{Server, Since};
use crate::{as_float, cluster, number};

const DELAY: Duration = Duration::from_millis(200);
const CONCURRENCY: u64 = 64;

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let for_each = number(numbers, 0, 100);
    let server = Server::start(DELAY);
    let workers = WORKERS as u64;
    let cluster = cluster("delay");
    let since = run_shared(&cluster, &server, (CONCURRENCY * workers * for_each, CONCURRENCY));
    let what = format!("{workers} workers x {CONCURRENCY} at 200 ms, PostgreSQL");
    let share = share(since, CONCURRENCY * workers);
    figures.note(&what, (share, "of the limit"), Goal::AtLeast(0.95));
    let since = run_alone(&server, (CONCURRENCY * for_each, CONCURRENCY));
    let what = format!("one process x {CONCURRENCY} at 200 ms, SQLite");
    figures.note(&what, (self::share(since, CONCURRENCY), "of the limit"), Goal::More);
}

fn share(since: Since, concurrency: u64) -> f64 {
    let allowed = as_float(concurrency) / DELAY.as_secs_f64() * since.seconds();
    as_float(since.answers) / allowed
}

//! How long it takes to see where a batch stands.

use crate::figures::{Figures, Goal};
use crate::filled::{Filled, timed};
use crate::{as_float, cluster, number};

const ROUNDS: usize = 5;

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let pairs = number(numbers, 0, 1_000_000);
    let (cluster, filled) = (cluster("status"), Filled::new(pairs));
    let alone = || timed(filled.verb(&["status"], &filled.place("home"), &[]));
    let alone: Vec<f64> = (0..ROUNDS).map(|_| alone()).collect();
    let url = cluster.url();
    filled.copy_to(&url);
    let folder = filled.place("elsewhere");
    let shared = || timed(filled.verb(&["status"], &folder, &["--ledger", &url]));
    let shared: Vec<f64> = (0..ROUNDS).map(|_| shared()).collect();
    let goal = Goal::AtMost(0.5 * as_float(pairs).max(1e5) / 1e6);
    figures.note_rounds(&format!("{pairs} pairs, PostgreSQL"), (&shared, "s"), goal);
    figures.note_rounds(&format!("{pairs} pairs, SQLite"), (&alone, "s"), Goal::Less);
}

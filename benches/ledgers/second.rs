//! A run that begins where nothing is left to do.

use crate::figures::{Figures, Goal};
use crate::filled::{Filled, timed};
use crate::{as_float, cluster, number};

const ROUNDS: usize = 3;

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let pairs = number(numbers, 0, 1_000_000);
    let (cluster, filled) = (cluster("second"), Filled::new(pairs));
    let home = filled.place("home");
    let alone: Vec<f64> = (0..ROUNDS).map(|_| timed(filled.run(&home, &[]))).collect();
    let url = cluster.url();
    filled.copy_to(&url);
    let ledger = ["--ledger", &url];
    // The first one sees that the folder is part of a shared batch by now.
    let first = timed(filled.run(&home, &ledger));
    let shared: Vec<f64> = (0..ROUNDS).map(|_| timed(filled.run(&home, &ledger))).collect();
    let fresh = timed(filled.run(&filled.place("fresh"), &ledger));
    let goal = Goal::AtMost(3.0 * as_float(pairs).max(1e5) / 1e6);
    figures.note_rounds(&format!("{pairs} pairs, PostgreSQL"), (&shared, "s"), goal);
    figures.note(&format!("{pairs} pairs, the first after the copy"), (first, "s"), Goal::Less);
    figures.note(&format!("{pairs} pairs, in a fresh folder"), (fresh, "s"), Goal::Less);
    figures.note_rounds(&format!("{pairs} pairs, SQLite"), (&alone, "s"), Goal::Less);
}

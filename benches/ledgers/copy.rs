//! A batch there and back, each pair compared.

use crate::figures::{Figures, Goal};
use crate::filled::{Filled, timed};
use crate::{as_float, cluster, number};

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let pairs = number(numbers, 0, 1_000_000);
    let (cluster, filled) = (cluster("copy"), Filled::new(pairs));
    // As the goal is for a million, and these may be fewer.
    let goal = Goal::AtMost(60.0 * as_float(pairs) / 1e6);
    let url = cluster.url();
    let there = filled.copy_to(&url);
    figures.note(&format!("{pairs} pairs to the database"), (there, "s"), goal);
    let home = filled.place("home");
    let to = home.to_str().expect("a path").to_owned();
    let back = filled.verb(&["ledger", "copy"], &home, &["--to", &to, "--ledger", &url]);
    figures.note(&format!("{pairs} pairs back to the run folder"), (timed(back), "s"), goal);
    let away = filled.place("away");
    filled.copy_to(&url);
    let to = away.to_str().expect("a path").to_owned();
    let fresh = filled.verb(&["ledger", "copy"], &away, &["--to", &to, "--ledger", &url]);
    figures.note(&format!("{pairs} pairs to a fresh run folder"), (timed(fresh), "s"), goal);
}

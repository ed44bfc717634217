//! Many tasks that do not end, under the default limits.
//!
//! Reading the manifest takes more memory than waiting, and the allocator keeps it: what is told of
//! a task is what it needs beyond that.

use crate::batch::{Batch, Taken, WARM_UP};
use crate::server::Server;

const TASKS: usize = 10_000;
/// What is left of a manifest of so many pairs when next to none of them is waiting.
const FEW: usize = 10;

pub(crate) fn measure() {
    let server = Server::start(0);
    println!("{TASKS} pairs, for 20 s");
    println!(
        "{:>18} {:>8} {:>8} {:>14} {:>8}",
        "", "held MB", "peak MB", "CPU s per min", "polls/s"
    );
    let batch = Batch::new(TASKS, &server);
    let created = batch.run(&["--until", "created", "--limit", &FEW.to_string()]);
    assert_eq!(created.code, Some(4), "all were created");
    let few = waiting(&format!("{FEW} waiting"), &batch, &server);
    let all = waiting(&format!("{TASKS} waiting"), &Batch::created(TASKS, &server), &server);
    let each = all.held.saturating_sub(few.held) * 1024 / (TASKS - FEW) as u64;
    println!("{each} bytes more for each task that waits");
}

fn waiting(name: &str, batch: &Batch, server: &Server) -> Taken {
    let before = server.polls();
    let taken = batch.run(&["--limit", "0", "--wait-for", "20s"]);
    assert_eq!(taken.code, Some(4), "it did not wait");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (held, peak, polls) =
        (taken.held as f64, taken.peak as f64, (server.polls() - before) as f64);
    // Nothing is asked before the first interval is over.
    let later = (taken.wall - WARM_UP).as_secs_f64();
    println!(
        "{name:>18} {:>8.1} {:>8.1} {:>14.2} {:>8.1}",
        held / 1024.0,
        peak / 1024.0,
        taken.cpu_later * 60.0 / later,
        polls / later
    );
    taken
}

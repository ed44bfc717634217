//! What waiting and downloading cost: `callsheet run` on batches whose tasks are made already,
//! against a plain server that does nothing else.
//!
//! `cargo bench --bench wait [-- delay fetch crowd]`, all three unless some are named; about two
//! minutes, on this machine only. CPU and memory are read from `/proc`, so on Linux only.
//!
//! - `delay`: from "finished at the server" to "saved", beside the best that one can do who asks
//!   each task every `I` and all tasks together `R` times a second. With `N` tasks waiting, the
//!   turn of each comes every `P = max(I, N / R)`; one that ends at a random moment is seen `P / 2`
//!   later on average, and `0.95 P` later in the worst twentieth. As `N` falls with every task that
//!   ends, the best is played through with the very same ends instead of computed once. An
//!   estimate that is right would be better than all this; here the server gives none. callsheet
//!   lets a twentieth of a task's age pass between two polls, so it is later on purpose where the
//!   interval is shorter than that.
//! - `fetch`: MB/s of downloads beside `curl --parallel`, rounds in turn.
//! - `crowd`: memory and CPU of many tasks that do not end.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may panic")]

mod batch;
#[path = "../shared/cpu.rs"]
mod cpu;
mod crowd;
mod delay;
mod fetch;
#[path = "../shared/process.rs"]
mod process;
mod server;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    for (name, measure) in
        [("delay", delay::measure as fn()), ("fetch", fetch::measure), ("crowd", crowd::measure)]
    {
        if wanted(name) {
            measure();
            println!();
        }
    }
}

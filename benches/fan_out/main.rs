//! What a durable create costs, against a plain server on this machine.
//!
//! `cargo bench --bench fan_out [-- SECTION…] [NUMBER…]`, all sections unless some are named:
//!
//! - `creates [PAIRS CONCURRENCY ROUNDS]` (20,000, 64, 3): `callsheet run --until created` beside a
//!   bare reqwest loop that records nothing, rounds in turn, so that whatever else the machine does
//!   meets both. Ratios of all from process start to whole CSV, of the creates' window alone (from the
//!   first request that the server read to its last answer), and of CPU.
//! - `delay [PAIRS]` (100 for each place): how much of concurrency / delay is reached at 200 ms, by the
//!   server's clock.
//! - `again [PAIRS]` (100,000): a second run with nothing to do, from YAML and from CSV.
//! - `growth [PAIRS]` (10,000): time and memory a pair at so many pairs, and at ten times as many.
//!
//! `-- again 1000000` and `-- growth 100000` are the million; each takes some minutes. Linux only: CPU
//! and memory are read from `/proc`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may panic")]

mod again;
mod batch;
#[path = "../shared/creates.rs"]
mod creates;
mod delay;
#[path = "../shared/given.rs"]
mod given;
mod growth;
#[path = "../shared/process.rs"]
mod process;
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/tree.rs"]
mod tree;
mod window;

use self::given::{as_float, number, runtime};

fn main() {
    if creates::was_bare() {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let named = |name: &str| words.iter().any(|word| word == name);
    let sections = [
        ("creates", window::measure as fn(&[u64])),
        ("delay", delay::measure),
        ("again", again::measure),
        ("growth", growth::measure),
    ];
    let all = !sections.iter().any(|(name, _)| named(name));
    for (name, measure) in sections {
        if named(name) || all && (numbers.is_empty() || name == "creates") {
            measure(&numbers);
            println!();
        }
    }
}

//! What a ledger in PostgreSQL costs that many workers share, beside one in a run folder.
//!
//! `cargo bench --bench ledgers [-- SECTION…] [NUMBER…] [--json]`, all sections unless some are named:
//!
//! - `store [SECONDS ROUNDS]` (3, 3): the statements alone, nothing is sent: pairs told of and claimed a
//!   second, and statements a pair, for 1, 4 and 16 workers that take 1, 8 or 32 pairs at a time.
//! - `program [PAIRS ROUNDS]` (20,000, 3): `callsheet run --until created` as four processes on one
//!   ledger, and as one with a run folder of its own, in turn, against a plain server on this machine:
//!   creates a second by that server's clock, and statements a pair as the database counts them.
//! - `delay [PAIRS]` (100 for each place): how much of concurrency / delay four workers with 64 creates
//!   under way each reach at 200 ms, and one with a run folder.
//! - `copy [PAIRS]` (1,000,000): `callsheet ledger copy`, there and back, of pairs whose tasks have ended.
//! - `status [PAIRS]` (1,000,000): `callsheet status` of such a batch.
//! - `second [PAIRS]` (1,000,000): the second start of a run on such a batch, in its folder and in a fresh
//!   one.
//!
//! A PostgreSQL of its own is started for it, with its usual settings; how often a second the disk below
//! it takes `fdatasync` stands beside every figure, as does the machine's load. `--json` prints one array
//! of all figures instead. Linux only: the load is read from `/proc`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints and may panic"
)]

#[path = "../../tests/shared/cluster.rs"]
#[expect(dead_code, reason = "what the tests need of it")]
mod cluster;
mod copy;
#[path = "../shared/creates.rs"]
#[expect(dead_code, reason = "what is compared with a bare loop")]
mod creates;
mod delay;
mod figures;
mod filled;
#[path = "../shared/given.rs"]
mod given;
mod program;
mod second;
#[path = "../shared/server.rs"]
mod server;
mod status;
mod store;

use self::cluster::Cluster;
use self::figures::Figures;
use self::given::{as_float, number, runtime};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let named = |name: &str| words.iter().any(|word| word == name);
    let sections = [
        ("store", store::measure as fn(&mut Figures, &[u64])),
        ("program", program::measure),
        ("delay", delay::measure),
        ("copy", copy::measure),
        ("status", status::measure),
        ("second", second::measure),
    ];
    let all = !sections.iter().any(|(name, _)| named(name));
    let mut figures = Figures::new(named("--json"));
    for (name, measure) in sections {
        if named(name) || all && numbers.is_empty() {
            figures.begin(name);
            measure(&mut figures, &numbers);
        }
    }
    figures.end();
}

/// A server for one section; without PostgreSQL on this machine nothing can be measured.
fn cluster(section: &str) -> Cluster {
    Cluster::start(section).expect("PostgreSQL on this machine")
}

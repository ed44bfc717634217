//! The same pairs through callsheet and through what people use instead, against one plain server
//! on this machine: how fast, for how much, and what is known afterwards.
//!
//! `benches/peers/install.sh` installs the others; then
//! `cargo bench --bench peers [-- PAIRS CONCURRENCY ROUNDS [DELAY_MS]]` (20,000, 64, 3, 0). Rounds go
//! through all in turn, so that whatever else the machine does meets all; the medians are printed.
//! Those that start a process a pair get fewer pairs, as the table says, since the rest would take as
//! long. One that is not installed is named as missing. Linux only: CPU and memory are read from
//! `/proc`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may panic")]

#[path = "../shared/creates.rs"]
mod creates;
mod peer;
#[path = "../shared/process.rs"]
mod process;
#[path = "../shared/server.rs"]
mod server;
mod table;
#[path = "../shared/tree.rs"]
mod tree;

use std::time::Duration;

use self::peer::{Job, PEERS, Peer};
use self::server::Server;
use self::tree::{Took, wait};

fn main() {
    if creates::was_bare() {
        return;
    }
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, usual| numbers.get(place).copied().unwrap_or(usual);
    let (pairs, concurrency, rounds) = (number(0, 20_000), number(1, 64), number(2, 3));
    let delay = Duration::from_millis(number(3, 0));
    let server = Server::start(delay);
    println!(
        "{pairs} pairs, {concurrency} under way, a delay of {} ms, {rounds} rounds",
        delay.as_millis()
    );
    println!("{}", machine());
    let (there, missing): (Vec<&Peer>, Vec<&Peer>) =
        PEERS.iter().partition(|peer| (peer.is_there)());
    let mut all: Vec<(&Peer, Vec<Took>)> = there.iter().map(|peer| (*peer, Vec::new())).collect();
    for _ in 0..rounds {
        for (peer, took) in &mut all {
            took.push(once(peer, &server, (pairs, concurrency)));
        }
    }
    table::print(&all, pairs);
    for peer in missing {
        println!("missing: {} (benches/peers/install.sh installs it)", peer.name);
    }
}

/// One peer's round; what it sent is counted by the server.
fn once(peer: &Peer, server: &Server, (pairs, concurrency): (u64, u64)) -> Took {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pairs = peer.share(pairs);
    let job = Job { url: &server.url, pairs, concurrency, folder: folder.path() };
    let mut command = (peer.command)(&job);
    server.since();
    let took = wait(peer.name, command.start());
    let since = server.since();
    assert_eq!(since.answers, pairs, "{} sent something else", peer.name);
    assert!(since.seconds() <= took.seconds, "{}", peer.name);
    took
}

/// What the figures are worth: they hold for this machine, and for a quiet one if its load is low.
fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let (system, load) = (read("/etc/os-release"), read("/proc/loadavg"));
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{}: {cores} cores, {}, a load of {} before it began",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        system.unwrap_or("Linux").trim_matches('"'),
        load.split(' ').next().unwrap_or("?")
    )
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

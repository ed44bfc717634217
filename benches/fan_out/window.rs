//! Creates beside a bare loop.

use std::time::Duration;

use crate::batch::{Batch, Form};
use crate::creates::bare;
use crate::server::Server;
use crate::tree::{Took, wait};
use crate::{as_float, number};

/// What one of the two came to.
#[derive(Debug, Clone, Copy)]
struct Round {
    took: Took,
    /// From the first request to the last answer, in seconds.
    window: f64,
}

pub(crate) fn measure(numbers: &[u64]) {
    let (pairs, concurrency) = (number(numbers, 0, 20_000), number(numbers, 1, 64));
    let server = Server::start(Duration::ZERO);
    let batch = Batch::new(Form::Yaml, &server.url, pairs, concurrency);
    println!("creates: {pairs} pairs, {concurrency} under way, no delay");
    println!(
        "{:>10} {:>9} {:>10} {:>13} {:>8}",
        "", "pairs/s", "in window", "CPU s/10,000", "peak MB"
    );
    let mut ratios = Vec::new();
    for _ in 0..number(numbers, 2, 3) {
        let bare =
            round("bare", pairs, &server, || wait("bare", bare(&server.url, pairs, concurrency)));
        let ours = round("callsheet", pairs, &server, || batch.run_anew());
        ratios.push([
            bare.took.seconds / ours.took.seconds,
            bare.window / ours.window,
            ours.took.cpu / bare.took.cpu,
        ]);
    }
    println!("median of callsheet / bare");
    println!("  pairs/s, start to whole CSV   {:.2}", median(&ratios, 0));
    println!("  pairs/s, creates' window      {:.2}", median(&ratios, 1));
    println!("  CPU                           {:.1}", median(&ratios, 2));
}

fn round(name: &str, pairs: u64, server: &Server, run: impl FnOnce() -> Took) -> Round {
    server.since();
    let took = run();
    let since = server.since();
    assert_eq!(since.answers, pairs, "{name}");
    let (count, window) = (as_float(pairs), since.seconds());
    println!(
        "{name:>10} {:>9.0} {:>10.0} {:>13.2} {:>8.0}",
        count / took.seconds,
        count / window,
        took.cpu * 10_000.0 / count,
        took.megabytes
    );
    Round { took, window }
}

fn median(ratios: &[[f64; 3]], which: usize) -> f64 {
    let mut sorted: Vec<f64> = ratios.iter().map(|ratios| ratios[which]).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

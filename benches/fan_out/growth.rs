//! Whether a pair costs more among many.

use std::time::Duration;

use crate::batch::{Batch, Form};
use crate::server::Server;
use crate::{as_float, number};

pub(crate) fn measure(numbers: &[u64]) {
    let few = number(numbers, 0, 10_000);
    let server = Server::start(Duration::ZERO);
    println!("the same pair among more, from CSV, 64 under way, no delay");
    println!("{:>9} {:>9} {:>9} {:>9}", "pairs", "s", "µs a pair", "peak MB");
    let mut each = Vec::new();
    for pairs in [few, few * 10] {
        let took = Batch::new(Form::Csv, &server.url, pairs, 64).run();
        let micros = took.seconds * 1e6 / as_float(pairs);
        println!("{pairs:>9} {:>9.2} {micros:>9.1} {:>9.0}", took.seconds, took.megabytes);
        each.push(micros);
    }
    println!("time a pair at {} / at {few}: {:.2}", few * 10, each[1] / each[0]);
}

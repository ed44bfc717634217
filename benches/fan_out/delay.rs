//! How much of what concurrency and delay allow is reached.

use std::time::Duration;

use crate::batch::{Batch, Form};
use crate::creates::bare;
use crate::server::Server;
use crate::tree::wait;
use crate::{as_float, number};

const DELAY: Duration = Duration::from_millis(200);

pub(crate) fn measure(numbers: &[u64]) {
    let for_each = number(numbers, 0, 100);
    let server = Server::start(DELAY);
    println!("share of concurrency / delay at {} ms, by the server's clock", DELAY.as_millis());
    println!("{:>12} {:>8} {:>8} {:>10}", "concurrency", "pairs", "bare", "callsheet");
    for concurrency in [64, 256] {
        let pairs = concurrency * for_each;
        wait("bare", bare(&server.url, pairs, concurrency));
        let bare = share(&server, concurrency);
        Batch::new(Form::Yaml, &server.url, pairs, concurrency).run();
        let ours = share(&server, concurrency);
        println!("{concurrency:>12} {pairs:>8} {bare:>8.3} {ours:>10.3}");
    }
}

/// Of the run that has ended.
fn share(server: &Server, concurrency: u64) -> f64 {
    let since = server.since();
    let allowed = as_float(concurrency) / DELAY.as_secs_f64() * since.seconds();
    as_float(since.answers) / allowed
}

//! A second run with nothing to do.

use std::time::Duration;

use crate::batch::{Batch, Form};
use crate::number;
use crate::server::Server;

pub(crate) fn measure(numbers: &[u64]) {
    let pairs = number(numbers, 0, 100_000);
    let server = Server::start(Duration::ZERO);
    println!("second run with nothing to do, {pairs} pairs, 64 under way in the first");
    println!("{:>6} {:>9} {:>9} {:>9} {:>9}", "", "first s", "peak MB", "second s", "peak MB");
    for form in [Form::Yaml, Form::Csv] {
        let batch = Batch::new(form, &server.url, pairs, 64);
        let first = batch.run();
        server.since();
        // The first look after a run reads what the system still writes.
        let mut seconds = [batch.run(), batch.run(), batch.run()];
        assert_eq!(server.since().answers, 0, "nothing is sent twice");
        seconds.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        let second = seconds[1];
        println!(
            "{:>6} {:>9.2} {:>9.0} {:>9.2} {:>9.0}",
            format!("{form:?}"),
            first.seconds,
            first.megabytes,
            second.seconds,
            second.megabytes
        );
    }
}

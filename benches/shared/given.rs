//! What benchmarks are given, and what they make of it.

use std::fmt::Write as _;

/// A table of so many pairs.
pub(crate) fn csv(pairs: u64) -> String {
    let mut csv = String::from("id,image,audio\n");
    for n in 0..pairs {
        let _ = writeln!(
            csv,
            "pair-{n},https://example.com/portraits/{n}.jpg,https://example.com/speech/{n}.mp3"
        );
    }
    csv
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// One of the numbers that were given, or what is usual.
pub(crate) fn number(numbers: &[u64], place: usize, usual: u64) -> u64 {
    numbers.get(place).copied().unwrap_or(usual)
}

#[expect(clippy::cast_precision_loss, reason = "counts of pairs are small")]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}

//! What came of all, as a table for the README.

use crate::peer::Peer;
use crate::tree::Took;

/// Medians, and ratios to callsheet's items a second.
pub(crate) fn print(all: &[(&Peer, Vec<Took>)], pairs: u64) {
    println!("| | pairs | items/s | callsheet / it | CPU s per 10,000 | peak MB | recorded |");
    println!("|---|---|---|---|---|---|---|");
    let ours = all.iter().find(|(peer, _)| peer.name == "callsheet");
    let ours = ours.map_or(f64::NAN, |(peer, took)| rate(took, peer.share(pairs)));
    for (peer, took) in all {
        let count = peer.share(pairs);
        let rate = rate(took, count);
        println!(
            "| {} | {count} | {rate:.0} | {:.2} | {:.2} | {:.0} | {} |",
            peer.name,
            ours / rate,
            median(took, |took| took.cpu) * 10_000.0 / float(count),
            median(took, |took| took.megabytes),
            peer.recorded
        );
    }
}

fn rate(took: &[Took], count: u64) -> f64 {
    float(count) / median(took, |took| took.seconds)
}

fn median(took: &[Took], of: impl Fn(&Took) -> f64) -> f64 {
    let mut sorted: Vec<f64> = took.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts of pairs are small")]
fn float(count: u64) -> f64 {
    count as f64
}

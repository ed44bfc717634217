//! Runs of one batch that begin at the same moment, with their folders side by side.

use super::cluster::Cluster;
use super::runs::{Studio, ended, said};

#[test]
#[ignore = "needs PostgreSQL"]
fn runs_that_begin_at_once_are_not_taken_for_other_batches() {
    let Some(cluster) = Cluster::start("at once") else { return };
    // Many, so that one still lists them while another looks.
    let studio = Studio::open(&cluster, 3000, "", "latency: {fixed: 10ms}\n");
    let few = ["--until", "created", "--limit", "4"];
    let runs = [0, 1, 2, 3, 4, 5].map(|worker| studio.run(worker, &few).spawn().unwrap());
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    }
    let booked = studio.booked();
    assert_eq!((booked.len(), booked.values().max()), (24, Some(&1)));
}

//! Pairs are named to a run before it has taken up the last of those that it has.

use super::cluster::Cluster;
use super::runs::{Studio, ended, said};
use super::waiting::{query, until};

#[test]
#[ignore = "needs PostgreSQL"]
fn as_many_are_at_hand_as_may_be_settled_at_once() {
    let Some(cluster) = Cluster::start("ahead") else { return };
    let studio = Studio::open(&cluster, 300, "", "latency: {fixed: 10m}\n");
    let mut run = studio.run(0, &["--until", "created", "--concurrency", "64"]).spawn().unwrap();
    // Nothing is answered.
    let named = "SELECT count(*) FROM callsheet.purse WHERE under_way = 64 AND handed >= 128";
    until(&studio, named, "1");
    let handed: u32 = query(&studio, "SELECT handed FROM callsheet.purse").parse().unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(handed <= 192, "{handed} of 300 are named to one");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_takes_up_few_has_few_named() {
    let Some(cluster) = Cluster::start("few ahead") else { return };
    let studio = Studio::open(&cluster, 300, "", "latency: {fixed: 10ms}\n");
    let few = ["--until", "created", "--concurrency", "64", "--limit", "10"];
    let run = ended(studio.run(0, &few).spawn().unwrap());
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    assert_eq!(query(&studio, "SELECT handed FROM callsheet.purse"), "64");
}

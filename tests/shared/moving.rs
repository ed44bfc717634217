//! The service of a batch that many share goes by another name: said once, and all folders go along.

use super::block_on;
use super::cluster::{Cluster, ask, one};
use super::decisions::command;
use super::runs::{Studio, ended, said};

const CREATED: [&str; 2] = ["--until", "created"];

#[test]
#[ignore = "needs PostgreSQL"]
fn a_shared_batch_moves_once_for_all_while_nobody_is_at_work() {
    let Some(cluster) = Cluster::start("moving") else { return };
    let mut studio = Studio::open(&cluster, 3, "", "latency: {fixed: 10ms}\n");
    let two = [&CREATED[..], &["--limit", "2"]].concat();
    assert_eq!(ended(studio.run(0, &two).spawn().unwrap()).status.code(), Some(4));
    let old = studio.url.clone();
    studio.url = old.replace("127.0.0.1", "localhost");
    // Nobody goes there by themselves.
    let refused = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("another endpoint"), "{}", said(&refused));
    let live = "INSERT INTO callsheet.worker (worker, batch, who, renewed, lease)
        SELECT 7, batch, 'a pod', clock_timestamp(), interval '1 hour' FROM callsheet.batch
        RETURNING worker";
    block_on(ask(&studio.database, live));
    let busy = command(&studio, "move", 9, &[]);
    assert_eq!(busy.status.code(), Some(11), "{}", said(&busy));
    assert!(said(&busy).contains("a pod"), "{}", said(&busy));
    block_on(ask(&studio.database, "UPDATE callsheet.worker SET over = true RETURNING worker"));
    let (url, other) = (studio.url.clone(), Studio::open(&cluster, 0, "", ""));
    studio.url.clone_from(&other.url);
    let strange = command(&studio, "move", 9, &[]);
    assert_eq!(strange.status.code(), Some(2), "{}", said(&strange));
    assert!(said(&strange).contains("knows none of this batch's tasks"), "{}", said(&strange));
    studio.url = url;
    let moved = command(&studio, "move", 9, &["--json"]);
    assert_eq!(moved.status.code(), Some(0), "{}", said(&moved));
    let value: serde_json::Value = serde_json::from_slice(&moved.stdout).unwrap();
    let there = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (there("from"), there("endpoint"), there("batch")),
        (old.clone(), studio.url.clone(), "spring".to_owned())
    );
    assert!(!studio.run_folder(9).exists(), "it works from anywhere, and leaves nothing there");
    let history = "SELECT from_endpoint || ' ' || to_endpoint || ' ' || seen FROM callsheet.move";
    assert_eq!(block_on(one(&studio.database, history)), format!("{old} {} 2", studio.url));
    let again = command(&studio, "move", 9, &[]);
    assert!(said(&again).contains("already"), "{}", said(&again));
    // The folder that knew the old name goes along, a fresh one finds nothing strange, each is paid once.
    for worker in [0, 1] {
        let run = ended(studio.run(worker, &CREATED).spawn().unwrap());
        assert_eq!(run.status.code(), Some(0), "{}", said(&run));
        assert_eq!(said(&run).contains("the batch moved from"), worker == 0, "{}", said(&run));
        assert_eq!(studio.rows(worker).len(), 3);
    }
    assert_eq!(studio.booked().values().sum::<usize>(), 3);
    // Whoever still has the old name is refused, with a folder or without.
    studio.url = old;
    for worker in [0, 2] {
        let refused = ended(studio.run(worker, &CREATED).spawn().unwrap());
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    }
    assert_eq!(studio.booked().values().sum::<usize>(), 3);
}

//! What nobody can have moved is not looked at a second time, and only that.

use std::process::Child;
use std::time::Duration;

use super::cluster::{Cluster, ask, one};
use super::runs::{Studio, ended, said};
use super::{Batch, block_on, join};
use callsheet::state::Event;

const PAIRS: usize = 50;

#[test]
#[ignore = "needs PostgreSQL"]
fn it_is_quiet_once_all_others_have_signed_off_and_as_long_as_nothing_comes() {
    let Some(cluster) = Cluster::start("quiet") else { return };
    let (url, batch) = (&cluster.url(), &Batch::of(10));
    block_on(async {
        let (mut own, mut other) =
            (join(url, batch).await.unwrap(), join(url, batch).await.unwrap());
        assert_eq!(own.quiet().await.unwrap(), None, "another one is at work");
        other.leave().await.unwrap();
        let quiet = own.quiet().await.unwrap();
        assert!(quiet.is_some());
        assert_eq!(own.quiet().await.unwrap(), quiet);
        join(url, batch).await.unwrap().leave().await.unwrap();
        let later = own.quiet().await.unwrap();
        assert!(later.is_some() && later != quiet, "another one was there: {later:?}");
        let claimed = own.turn(&[], 1).await.unwrap().claims.swap_remove(0);
        let made = super::outcome(claimed.slip, Event::Accepted, Some("task-1"));
        own.turn(&[made], 0).await.unwrap();
        let own_doing = own.quiet().await.unwrap();
        assert!(own_doing.is_some() && own_doing != later, "it did something: {own_doing:?}");
        // Whoever is only late may still say something.
        drop(join(url, batch).await.unwrap());
        ask(url, "UPDATE callsheet.worker SET over = true WHERE ended IS NULL AND seq = 0").await;
        assert_eq!(own.quiet().await.unwrap(), None);
    });
}

/// How many rows of pairs were read so far, by all who have ended.
fn pairs_read(url: &str) -> u64 {
    // A connection counts what it did when it ends, and after a second.
    std::thread::sleep(Duration::from_millis(1200));
    let sql = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables
        WHERE relname = 'pair'";
    block_on(one(url, sql)).parse().unwrap()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_run_that_finds_all_done_looks_through_the_batch_once() {
    let Some(cluster) = Cluster::start("looks") else { return };
    let url = &cluster.url();
    let studio = Studio::open(&cluster, PAIRS, "", "latency: {fixed: 10ms}\n");
    let run = || {
        let run = ended(studio.run(0, &[]).spawn().unwrap());
        assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    };
    let reads = || {
        let before = pairs_read(url);
        run();
        pairs_read(url) - before
    };
    run();
    let once = reads();
    // One that was killed may still say something.
    let killed = "INSERT INTO callsheet.worker (worker, batch, renewed, lease, over)
        VALUES (77, 1, clock_timestamp() - interval '1 hour', interval '30 s', true)";
    block_on(ask(url, killed));
    let twice = reads();
    assert_eq!((once, twice), (PAIRS as u64, 2 * PAIRS as u64));
}

fn creates(studio: &Studio, worker: usize) -> Child {
    studio.run(worker, &["--until", "created"]).spawn().unwrap()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_killed_run_had_as_planned_stands_as_others_made_it_once_the_next_has_ended() {
    let Some(cluster) = Cluster::start("quiet after a kill") else { return };
    let studio = Studio::open(&cluster, 12, "", "latency: {fixed: 10ms}\n");
    for worker in [1, 0] {
        let made = ended(creates(&studio, worker));
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    }
    // As it is while it works: nobody waits here for what others have under way.
    let folder = rusqlite::Connection::open(studio.run_folder(0).join("ledger.sqlite")).unwrap();
    let killed = "UPDATE standings SET state = 'planned', task_id = NULL, created_at = NULL;
        UPDATE shares SET elsewhere = 1; UPDATE batch SET sheet = NULL";
    folder.execute_batch(killed).unwrap();
    drop(folder);
    let next = ended(creates(&studio, 0));
    assert_eq!(next.status.code(), Some(0), "{}", said(&next));
    let rows = studio.rows(0);
    assert!(rows.values().all(|(state, task)| state == "created" && !task.is_empty()), "{rows:?}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_ends_last_looks_again_at_what_others_did_while_it_was_at_work() {
    let Some(cluster) = Cluster::start("not quiet") else { return };
    let studio = Studio::open(&cluster, 40, "", "latency: {fixed: 300ms}\n");
    for output in [0, 1].map(|worker| creates(&studio, worker)).map(ended) {
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    for worker in 0..2 {
        let rows = studio.rows(worker);
        assert!(rows.values().all(|(state, _)| state == "created"), "{worker}: {rows:?}");
    }
}

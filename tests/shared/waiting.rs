//! Runs that have done what was theirs to do wait for the others, take over what those leave, and end alike.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::block_on;
use super::cluster::{Cluster, one};
use super::runs::{PATIENCE, Studio, ended, said};

const CREATED: [&str; 2] = ["--until", "created"];

pub(super) fn query(studio: &Studio, sql: &str) -> String {
    block_on(one(&studio.database, sql))
}

/// Until the database answers so.
pub(super) fn until(studio: &Studio, sql: &str, wanted: &str) {
    let began = Instant::now();
    // The first run makes the tables.
    let there = "SELECT to_regclass('callsheet.format') IS NOT NULL";
    while query(studio, there) != "t" || query(studio, sql) != wanted {
        assert!(began.elapsed() < PATIENCE, "{sql} is never {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Until so many workers have nothing to do but to wait.
fn until_idle(studio: &Studio, workers: usize) {
    let sql = "SELECT count(*) FROM callsheet.worker WHERE idle AND ended IS NULL";
    until(studio, sql, &workers.to_string());
}

fn terminate(run: &Child) {
    let killed = Command::new("kill").arg("-TERM").arg(run.id().to_string()).status();
    assert!(killed.unwrap().success());
}

fn states(studio: &Studio, worker: usize) -> Vec<String> {
    studio.rows(worker).into_values().map(|(state, _)| state).collect()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn all_runs_of_a_batch_end_when_it_is_done_and_with_the_same_code() {
    let Some(cluster) = Cluster::start("ending alike") else { return };
    let scenario = "latency: {fixed: 40ms}\nwork: {elapsed: 4s}\n\
        failures: [{code: generation_timeout, match: '*/7.jpg', share: 1}]\n";
    let studio = Studio::open(&cluster, 24, "", scenario);
    let mut runs: Vec<_> = (0..3).map(|worker| studio.run(worker, &[]).spawn().unwrap()).collect();
    until(&studio, "SELECT count(*) FROM callsheet.standing WHERE state > 1", "24");
    // There is nothing left to be created when this one comes.
    runs.push(studio.run(3, &[]).spawn().unwrap());
    until_idle(&studio, 1);
    for output in runs.into_iter().map(ended) {
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    }
    for worker in 0..4 {
        let mut states = states(&studio, worker);
        states.sort_unstable();
        assert_eq!((states.len(), &*states[0]), (24, "failed"), "{worker}: {states:?}");
        assert!(states[1..].iter().all(|state| state == "saved"), "{worker}: {states:?}");
    }
    assert!(studio.booked().values().all(|times| *times == 1));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_waits_takes_over_what_a_killed_run_leaves() {
    let Some(cluster) = Cluster::start("left to who waits") else { return };
    let studio = Studio::open(&cluster, 6, "", "latency: {fixed: 30ms}\nwork: {elapsed: 5s}\n");
    let mut first = studio.run(0, &[]).spawn().unwrap();
    until(&studio, "SELECT count(*) FROM callsheet.standing WHERE state = 2", "6");
    let second = studio.run(1, &[]).spawn().unwrap();
    until_idle(&studio, 1);
    first.kill().unwrap();
    first.wait().unwrap();
    let second = ended(second);
    assert_eq!(second.status.code(), Some(0), "{}", said(&second));
    assert!(said(&second).contains("in the hands of 1 other worker"), "{}", said(&second));
    assert_eq!(states(&studio, 1), ["saved"; 6]);
    assert_eq!(studio.booked().values().sum::<usize>(), 6);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_signal_ends_waiting_for_others_at_once() {
    let Some(cluster) = Cluster::start("a signal to who waits") else { return };
    let studio = Studio::open(&cluster, 4, "", "latency: {fixed: 30ms}\nwork: {elapsed: 10m}\n");
    let first = studio.run(0, &[]).spawn().unwrap();
    until(&studio, "SELECT count(*) FROM callsheet.standing WHERE state = 2", "4");
    let second = studio.run(1, &[]).spawn().unwrap();
    until_idle(&studio, 1);
    let began = Instant::now();
    terminate(&second);
    let second = ended(second);
    assert_eq!(second.status.code(), Some(4), "{}", said(&second));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(states(&studio, 1), ["created"; 4], "it shows what the others have under way");
    terminate(&first);
    assert_eq!(ended(first).status.code(), Some(4));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_only_creates_waits_for_the_creates_of_others_and_for_no_task() {
    let Some(cluster) = Cluster::start("waiting for creates") else { return };
    let studio = Studio::open(&cluster, 8, "", "latency: {fixed: 4s}\nwork: {elapsed: 10m}\n");
    let first = studio.run(0, &[]).spawn().unwrap();
    until(&studio, "SELECT count(*) FROM callsheet.standing WHERE state = 1", "8");
    let second = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert_eq!(second.status.code(), Some(0), "{}", said(&second));
    assert_eq!(states(&studio, 1), ["created"; 8]);
    terminate(&first);
    assert_eq!(ended(first).status.code(), Some(4));
    assert_eq!(studio.booked().values().sum::<usize>(), 8);
}

//! A database that was put back to an older one, and how a batch goes on after it.

use std::collections::BTreeMap;

use super::block_on;
use super::cluster::{Cluster, ask, one};
use super::decisions::{command, cut_off};
use super::runs::{Studio, ended, said};

fn run(studio: &Studio, worker: usize, more: &[&str]) -> std::process::Output {
    ended(studio.run(worker, &[&["--until", "created"], more].concat()).spawn().unwrap())
}

fn go_back(cluster: &Cluster) {
    cluster.end();
    cluster.restore();
    cluster.go_on();
}

fn remember(cluster: &Cluster) {
    cluster.end();
    cluster.save();
    cluster.go_on();
}

/// How many pairs stand in each state, as the database has them.
fn states(studio: &Studio) -> BTreeMap<String, String> {
    let sql = "SELECT state, count(*) FROM callsheet.standing GROUP BY 1";
    let rows = block_on(ask(&studio.database, sql));
    rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap())).collect()
}

fn of(states: &[(&str, &str)]) -> BTreeMap<String, String> {
    states.iter().map(|(state, count)| ((*state).to_owned(), (*count).to_owned())).collect()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn after_a_restore_each_folder_hands_in_what_it_knows_and_a_person_lets_it_go_on() {
    let Some(cluster) = Cluster::start("handed in") else { return };
    let studio = Studio::open(&cluster, 9, "", "latency: {fixed: 700ms}\n");
    for worker in [0, 3] {
        let before = run(&studio, worker, &["--limit", "1"]);
        assert_eq!(before.status.code(), Some(4), "{}", said(&before));
    }
    remember(&cluster);
    // What the backup lacks: two tasks, another worker's, and a create that nobody answered.
    for (worker, limit) in [(0, "2"), (1, "1")] {
        let since = run(&studio, worker, &["--limit", limit]);
        assert_eq!(since.status.code(), Some(4), "{}", said(&since));
    }
    cut_off(&studio, 2, &["--limit", "1"], 6);
    go_back(&cluster);
    assert_eq!(states(&studio), of(&[("0", "7"), ("2", "2")]));

    let first = run(&studio, 0, &[]);
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    assert!(said(&first).contains("handed in: news of 2 pairs"), "{}", said(&first));
    assert_eq!(states(&studio), of(&[("0", "5"), ("2", "4")]));
    // Nobody is asked, and somebody has still to say what they know.
    let asked = command(&studio, "resolve", 1, &["--database-restored"]);
    let text = said(&asked);
    assert_eq!(asked.status.code(), Some(2), "{text}");
    assert!(text.contains("1 pair sent since, its task is known again"), "{text}");
    assert!(text.contains("1 run folder handed nothing in"), "{text}");
    assert!(text.contains("worker-3.run: last seen"), "{text}");
    assert!(!text.contains("worker-0.run"), "{text}");
    assert_eq!(states(&studio), of(&[("0", "4"), ("2", "5")]));
    for worker in [2, 3, 4] {
        let stopped = run(&studio, worker, &[]);
        assert_eq!(stopped.status.code(), Some(1), "{worker}: {}", said(&stopped));
    }
    assert_eq!(states(&studio), of(&[("0", "3"), ("2", "5"), ("7", "1")]));
    assert_eq!(studio.booked().values().sum::<usize>(), 6, "nothing was sent meanwhile");

    let on = command(&studio, "resolve", 1, &["--database-restored", "--yes"]);
    let text = said(&on);
    assert_eq!(on.status.code(), Some(5), "one is in doubt: {text}");
    assert!(text.contains("all run folders that the database knows of"), "{text}");
    assert!(text.contains("goes on"), "{text}");
    for worker in [0, 1, 2, 3, 5] {
        let rest = run(&studio, worker, &[]);
        assert_eq!(rest.status.code(), Some(5), "{worker}: {}", said(&rest));
    }
    assert_eq!(states(&studio), of(&[("2", "8"), ("7", "1")]));
    let booked = studio.booked();
    assert_eq!((booked.len(), booked.values().max()), (9, Some(&1)), "{booked:?}");
    // The tasks are those that were paid for.
    let told: Vec<_> = [0, 1, 3].iter().flat_map(|worker| studio.told(*worker)).collect();
    let tasks = block_on(ask(&studio.database, "SELECT task FROM callsheet.task"));
    let tasks: Vec<_> = tasks.into_iter().filter_map(|row| row[0].clone()).collect();
    assert!(told.iter().all(|task| tasks.contains(task)), "{told:?} {tasks:?}");
    let rows = studio.rows(5);
    let doubts = rows.values().filter(|(state, _)| state == "in_doubt").count();
    assert_eq!((rows.len(), doubts), (9, 1), "{rows:?}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn pairs_that_the_older_database_never_listed_are_handed_in_too() {
    let Some(cluster) = Cluster::start("unlisted") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 10ms}\n");
    assert_eq!(run(&studio, 0, &[]).status.code(), Some(0));
    remember(&cluster);
    studio.list(4, "");
    assert_eq!(run(&studio, 0, &[]).status.code(), Some(0));
    go_back(&cluster);
    let on = command(&studio, "resolve", 0, &["--database-restored", "--yes"]);
    assert_eq!(on.status.code(), Some(0), "{}", said(&on));
    assert!(said(&on).contains("2 pairs sent since, their tasks are known again"), "{}", said(&on));
    for worker in [0, 1] {
        let again = run(&studio, worker, &[]);
        assert_eq!(again.status.code(), Some(0), "{}", said(&again));
        assert_eq!(studio.rows(worker).len(), 4);
    }
    assert_eq!(studio.booked().values().sum::<usize>(), 4);
    assert_eq!(states(&studio), of(&[("2", "4")]));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_database_that_lacks_nothing_is_left_as_it_is() {
    let Some(cluster) = Cluster::start("as new") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 10ms}\n");
    assert_eq!(run(&studio, 0, &["--limit", "1"]).status.code(), Some(4));
    for worker in [0, 1] {
        let new = command(&studio, "resolve", worker, &["--database-restored", "--yes"]);
        assert_eq!(new.status.code(), Some(2), "{}", said(&new));
        assert!(said(&new).contains("has all that"), "{}", said(&new));
    }
    let stopped = "SELECT stopped IS NULL FROM callsheet.batch";
    assert_eq!(block_on(one(&studio.database, stopped)), "t");
    assert_eq!(run(&studio, 1, &[]).status.code(), Some(0));
    assert_eq!(studio.booked().values().sum::<usize>(), 2);
}

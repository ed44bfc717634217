//! Lists that change: a request that was sent is the same pair under whatever id.

use std::fs;

use super::block_on;
use super::cluster::{Cluster, ask, one};
use super::decisions::command;
use super::runs::{Studio, ended, said};

const CREATED: [&str; 2] = ["--until", "created"];

/// A manifest of these pairs: an id, and the number of what it asks for.
fn list(studio: &Studio, pairs: &[(&str, usize)]) {
    let pair = |(id, n): &(&str, usize)| {
        let [image, audio] = ["jpg", "mp3"].map(|kind| format!("https://a.example/{n}.{kind}"));
        format!("  - {{id: {id}, image: '{image}', audio: '{audio}'}}\n")
    };
    let pairs: String = pairs.iter().map(pair).collect();
    let text = format!("version: 1\npairs:\n{pairs}");
    fs::write(studio.folder.path().join("spring.yaml"), text).unwrap();
}

fn run(studio: &Studio, worker: usize, more: &[&str]) -> std::process::Output {
    ended(studio.run(worker, &[&CREATED, more].concat()).spawn().unwrap())
}

/// The tasks of the requests, by the numbers that they were listed with.
fn tasks(studio: &Studio) -> Vec<(String, String)> {
    let sql = "SELECT substring(p.body from 'example/([0-9]+).jpg'), k.task
        FROM callsheet.pair p JOIN callsheet.task k USING (batch, n) ORDER BY 1";
    let rows = block_on(ask(&studio.database, sql));
    rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap())).collect()
}

/// Whether each pair of a run folder has the task of its request.
fn must_fit(studio: &Studio, worker: usize, list: &[(&str, usize)]) {
    let (rows, tasks) = (studio.rows(worker), tasks(studio));
    for (id, n) in list {
        let (state, task) = &rows[*id];
        let made = tasks.iter().find(|(of, _)| *of == n.to_string()).map(|(_, task)| task);
        assert_eq!((state.as_str(), Some(task)), ("created", made), "{id} in {worker}: {rows:?}");
    }
}

/// As by a row that was put in at the top of a numbered table.
const BEFORE: [(&str, usize); 3] = [("row-1", 1), ("row-2", 2), ("row-3", 3)];
const SHIFTED: [(&str, usize); 4] = [("row-1", 9), ("row-2", 1), ("row-3", 2), ("row-4", 3)];

#[test]
#[ignore = "needs PostgreSQL"]
fn a_row_put_in_at_the_top_pays_for_itself_alone() {
    let Some(cluster) = Cluster::start("shifted") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    list(&studio, &BEFORE);
    // The second folder lists all, and is told of no more than it sent itself.
    let second = run(&studio, 1, &["--limit", "1"]);
    assert_eq!(second.status.code(), Some(4), "{}", said(&second));
    let first = run(&studio, 0, &[]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    list(&studio, &SHIFTED);
    // One that knows part of it, one that knows all, and one that knows nothing.
    for (worker, told) in [(1, true), (0, true), (2, false)] {
        let again = run(&studio, worker, &[]);
        assert_eq!(again.status.code(), Some(0), "{worker}: {}", said(&again));
        let text = said(&again);
        assert_eq!(text.contains("renamed, with what was sent"), told, "{worker}: {text}");
        must_fit(&studio, worker, &SHIFTED);
        assert_eq!(studio.booked().values().sum::<usize>(), 4, "{worker}: {text}");
    }
    assert_eq!(studio.booked().values().max(), Some(&1));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_fresh_folder_knows_renamed_pairs_by_what_they_ask_for() {
    let Some(cluster) = Cluster::start("renamed") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    list(&studio, &BEFORE);
    let first = run(&studio, 0, &[]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    // Two change places, one has a name of its own now.
    let now = [("row-2", 1), ("row-1", 2), ("anna", 3)];
    list(&studio, &now);
    let renamed = run(&studio, 1, &[]);
    assert_eq!(renamed.status.code(), Some(0), "{}", said(&renamed));
    assert!(said(&renamed).contains("row-3 is now anna"), "{}", said(&renamed));
    must_fit(&studio, 1, &now);
    // People settle by the new names, also from where nothing was listed since.
    let doubt = "UPDATE callsheet.standing SET state = 7 WHERE n = 2 RETURNING n";
    block_on(one(&studio.database, doubt));
    let settled = command(&studio, "resolve", 0, &["anna", "--abandon"]);
    assert_eq!(settled.status.code(), Some(0), "{}", said(&settled));
    let states = "SELECT string_agg(id || state, ' ' ORDER BY n)
        FROM callsheet.pair JOIN callsheet.standing USING (batch, n)";
    assert_eq!(block_on(one(&studio.database, states)), "row-22 row-12 anna8");
    assert_eq!(studio.booked().values().sum::<usize>(), 3);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_was_sent_stays_when_its_pair_changes_or_goes_and_comes_back() {
    let Some(cluster) = Cluster::start("changed") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    list(&studio, &BEFORE);
    assert_eq!(run(&studio, 0, &[]).status.code(), Some(0));
    list(&studio, &[("row-1", 7), ("row-2", 2)]);
    let changed = run(&studio, 1, &[]);
    assert_eq!(changed.status.code(), Some(0), "{}", said(&changed));
    assert!(said(&changed).contains("1 pair changed in the manifest"), "{}", said(&changed));
    list(&studio, &[("row-1", 1), ("row-2", 2), ("later", 3)]);
    let back = run(&studio, 2, &[]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    must_fit(&studio, 2, &[("row-1", 1), ("row-2", 2), ("later", 3)]);
    assert_eq!(studio.booked().values().sum::<usize>(), 3);
}

//! The create that is tried alone for all: of a pair that has nothing in common with the doubts if there is
//! one, and of any other if there is none.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::limits_of_runs::{CREATED, Came, RUNS, service, studio, task, times};
use super::rude::{Rude, answer};
use super::runs::{Studio, ended, said};

/// Answers, until from the create of this number on for so long the service is away.
fn away_from(n: usize, time: Duration) -> (Rude, Came) {
    let since = Mutex::new(None::<Instant>);
    service(move |came, connection| {
        std::thread::sleep(Duration::from_millis(30));
        let down = came >= n && {
            let mut since = since.lock().unwrap();
            since.get_or_insert_with(Instant::now).elapsed() < time
        };
        match down {
            true => answer(connection, "502 Bad Gateway", "", "<html>upstream is away</html>"),
            false => task(came, connection),
        }
    })
}

/// So many pairs, with a recording each as this says.
fn list(studio: &Studio, pairs: usize, recording: impl Fn(usize) -> String) {
    let pair = |n| {
        let audio = recording(n);
        format!(
            "  - {{id: pair-{n}, image: 'https://a.example/{n}.jpg', audio: 'https://b.example/{audio}.mp3'}}\n"
        )
    };
    let pairs: String = (0..pairs).map(pair).collect();
    let text = format!("version: 1\nconcurrency: 8\npairs:\n{pairs}");
    fs::write(studio.path("spring.yaml"), text).unwrap();
}

fn count(studio: &Studio, state: &str) -> usize {
    studio.rows(0).values().filter(|(found, _)| found == state).count()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn where_all_pairs_have_the_recording_of_the_doubts_one_of_them_is_tried_alone() {
    let Some(cluster) = Cluster::start("one recording") else { return };
    let (server, came) = away_from(20, Duration::from_secs(2));
    let studio = studio(&cluster, 0, &server);
    list(&studio, 200, |_| "speech".to_owned());
    let runs = RUNS.map(|worker| studio.careful_run(worker, &CREATED).spawn().unwrap());
    for output in runs.map(ended) {
        assert!(!said(&output).contains("answered no question"), "{}", said(&output));
    }
    let last = ended(studio.careful_run(0, &CREATED).spawn().unwrap());
    assert_eq!(last.status.code(), Some(5), "{}", said(&last));
    let doubts = count(&studio, "in_doubt");
    assert!((3..=15).contains(&doubts), "{doubts}: {}", said(&last));
    assert_eq!(doubts + count(&studio, "created"), 200, "{}", said(&last));
    assert!(times(&came).values().all(|times| *times == 1));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_pair_that_is_apart_is_found_behind_all_others_and_none_of_them_is_passed_over() {
    let Some(cluster) = Cluster::start("far behind") else { return };
    let (server, came) = away_from(20, Duration::from_secs(1));
    let studio = studio(&cluster, 0, &server);
    // More than are named at a time.
    list(&studio, 300, |n| if n < 290 { "speech".to_owned() } else { format!("speech-{n}") });
    let run = ended(studio.careful_run(0, &CREATED).spawn().unwrap());
    assert_eq!(run.status.code(), Some(5), "{}", said(&run));
    let order: Vec<usize> =
        came.lock().unwrap().iter().map(|(_, pair)| pair.parse().unwrap()).collect();
    let alone = order.iter().position(|pair| *pair >= 290).unwrap();
    assert!((22..=30).contains(&alone), "the {alone}th create: {order:?}");
    assert_eq!(count(&studio, "in_doubt") + count(&studio, "created"), 300, "{}", said(&run));
    assert!(times(&came).values().all(|times| *times == 1));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn pairs_that_were_looked_at_for_the_one_alone_keep_their_turn() {
    let Some(cluster) = Cluster::start("kept turns") else { return };
    // Four under way, and two that are tried alone.
    let (server, came) = service(|came, connection| {
        std::thread::sleep(Duration::from_millis(30));
        match (20..26).contains(&came) {
            true => answer(connection, "502 Bad Gateway", "", "<html>upstream is away</html>"),
            false => task(came, connection),
        }
    });
    let studio = studio(&cluster, 0, &server);
    // After four doubts there is none that is apart, and no recording is suspect.
    list(&studio, 70, |n| format!("speech-{}", n % 4));
    let run = ended(studio.careful_run(0, &CREATED).spawn().unwrap());
    assert_eq!(run.status.code(), Some(5), "{}", said(&run));
    let (doubts, created) = (count(&studio, "in_doubt"), count(&studio, "created"));
    assert_eq!((doubts, created), (6, 64), "{}", said(&run));
    assert!(times(&came).values().all(|times| *times == 1));
}

//! What other batches of the database have paid for.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::cluster::Cluster;
use super::decisions::{command, cut_off};
use super::runs::{PROGRAM, Studio, ended, said};

/// A run of a manifest that lies elsewhere: no run folder is beside it.
fn run(studio: &Studio, place: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .arg("run")
        .arg(place.join("spring.yaml"))
        .args(["--yes", "--lease", "6s", "--until", "created", "--endpoint", &studio.url])
        .args(more)
        .env("CALLSHEET_API_KEY", "k")
        .env("CALLSHEET_LEDGER", &studio.database)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    ended(command.spawn().unwrap())
}

/// A folder with a manifest of these pairs: ids, and the links of their pictures.
fn place(pairs: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    list(place.path(), pairs);
    place
}

fn list(place: &Path, pairs: &[(&str, &str)]) {
    let pair = |(id, image): &(&str, &str)| {
        format!(
            "  - {{id: {id}, image: 'https://a.example/{image}', audio: 'https://a.example/a.mp3'}}\n"
        )
    };
    let pairs: String = pairs.iter().map(pair).collect();
    fs::write(place.join("spring.yaml"), format!("version: 1\npairs:\n{pairs}")).unwrap();
}

fn sent(studio: &Studio) -> usize {
    studio.booked().values().sum()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_another_batch_of_the_database_paid_for_is_not_paid_again_without_a_word() {
    let Some(cluster) = Cluster::start("nearby batches") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    let signed = "2.jpg?X-Amz-Signature=one";
    let first = place(&[("a", "1.jpg"), ("b", signed)]);
    let paid = run(&studio, first.path(), &[]);
    assert_eq!(paid.status.code(), Some(0), "{}", said(&paid));
    let again = "2.jpg?X-Amz-Signature=two";
    let second = place(&[("x", "1.jpg"), ("y", again), ("z", "3.jpg")]);
    let name = ["--batch-name", "autumn"];
    let asked = run(&studio, second.path(), &name);
    let text = said(&asked);
    assert_eq!(asked.status.code(), Some(2), "{text}");
    let found =
        "2 of the 3 pairs to create were paid for already in batch spring of the shared ledger";
    assert!(text.contains(found) && text.contains("1 only probably"), "{text}");
    assert_eq!(sent(&studio), 2, "{text}");
    let new = run(&studio, second.path(), &[&name[..], &["--leave-out-paid"]].concat());
    assert_eq!((new.status.code(), sent(&studio)), (Some(4), 3), "{}", said(&new));
    let all = run(&studio, second.path(), &[&name[..], &["--pay-again"]].concat());
    assert_eq!((all.status.code(), sent(&studio)), (Some(0), 5), "{}", said(&all));
    // Nobody who shares a batch is asked for what the batch itself did.
    let third = place(&[("a", "1.jpg"), ("b", signed)]);
    let shares = run(&studio, third.path(), &[]);
    assert_eq!((shares.status.code(), sent(&studio)), (Some(0), 5), "{}", said(&shares));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_the_batch_itself_lists_no_more_counts_too() {
    let Some(cluster) = Cluster::start("unlisted requests") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    let before = place(&[("a", "1.jpg?X-Amz-Signature=one"), ("b", "2.jpg")]);
    let paid = run(&studio, before.path(), &[]);
    assert_eq!(paid.status.code(), Some(0), "{}", said(&paid));
    let after = place(&[("new", "1.jpg?X-Amz-Signature=two"), ("b", "2.jpg")]);
    let asked = run(&studio, after.path(), &[]);
    assert_eq!((asked.status.code(), sent(&studio)), (Some(2), 2), "{}", said(&asked));
    assert!(said(&asked).contains("1 only probably"), "{}", said(&asked));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_batch_without_a_request_in_common_is_joined_by_a_word_alone() {
    let Some(cluster) = Cluster::start("strange batches") else { return };
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 10ms}\n");
    let theirs = place(&[("a", "1.jpg")]);
    let first = run(&studio, theirs.path(), &[]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    // By chance of the same name.
    let ours = place(&[("a", "8.jpg"), ("b", "9.jpg")]);
    let strange = run(&studio, ours.path(), &[]);
    assert_eq!((strange.status.code(), sent(&studio)), (Some(2), 1), "{}", said(&strange));
    let text = said(&strange);
    assert!(text.contains("none of these requests") && text.contains("--join"), "{text}");
    let joined = run(&studio, ours.path(), &["--join"]);
    assert_eq!((joined.status.code(), sent(&studio)), (Some(0), 2), "{}", said(&joined));
    // One request in common, however it is called and signed, makes it no strange one.
    list(ours.path(), &[("c", "7.jpg"), ("d", "9.jpg?X-Amz-Signature=one")]);
    let known = run(&studio, ours.path(), &["--leave-out-paid"]);
    assert!(matches!(known.status.code(), Some(0 | 4)), "{}", said(&known));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_idle_folder_that_has_something_to_tell_is_named() {
    let Some(cluster) = Cluster::start("siblings") else { return };
    let studio = Studio::open(&cluster, 3, "", "latency: {fixed: 1s}\n");
    cut_off(&studio, 0, &["--limit", "2"], 2);
    let named =
        "worker-0.run: an earlier run there knows more of 2 pairs than the database was told";
    let created = ["--until", "created"];
    let other = ended(studio.run(1, &created).spawn().unwrap());
    assert_eq!(said(&other).matches(named).count(), 2, "at its begin and end: {}", said(&other));
    assert!(said(&other).contains("worker-0.run --no-create"), "{}", said(&other));
    let status = command(&studio, "status", 1, &[]);
    assert!(said(&status).contains(named), "{}", said(&status));
    let back = ended(studio.run(0, &["--until", "created", "--no-create"]).spawn().unwrap());
    assert_eq!(back.status.code(), Some(5), "{}", said(&back));
    let status = command(&studio, "status", 1, &[]);
    assert!(!said(&status).contains("than the database was told"), "{}", said(&status));
    assert_eq!(sent(&studio), 3);
}

//! What people decide of pairs that many machines share, while answers still come.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::block_on;
use super::cluster::{Cluster, ask, one};
use super::runs::{PATIENCE, PROGRAM, Studio, ended, said};

const CREATED: [&str; 2] = ["--until", "created"];

/// Another command than `run` on the shared ledger, from the folder of a worker.
pub(super) fn command(studio: &Studio, verb: &str, worker: usize, more: &[&str]) -> Output {
    let mut command = spoken(studio, verb, worker, more);
    ended(command.spawn().unwrap())
}

fn spoken(studio: &Studio, verb: &str, worker: usize, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg(verb)
        .arg(studio.folder.path().join("spring.yaml"))
        .args(more)
        .args(["--endpoint", &studio.url, "--out"])
        .arg(studio.run_folder(worker))
        .env("CALLSHEET_API_KEY", "k")
        .env("CALLSHEET_LEDGER", &studio.database)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A run whose creates have arrived, so many in all, and none of which is answered yet.
fn waiting_for_answers(
    studio: &Studio,
    worker: usize,
    more: &[&str],
    pairs: usize,
) -> std::process::Child {
    let run = studio.run(worker, &[&CREATED, more].concat()).spawn().unwrap();
    let began = Instant::now();
    while studio.booked().len() < pairs {
        assert!(began.elapsed() < PATIENCE, "nothing was sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    run
}

/// As it is once leases are over: nothing has to wait for that.
fn leases_end(studio: &Studio) {
    let sql = "UPDATE callsheet.worker SET renewed = renewed - interval '1 hour' RETURNING worker";
    block_on(ask(&studio.database, sql));
}

/// A run that was killed with all of its creates under way.
pub(super) fn cut_off(studio: &Studio, worker: usize, more: &[&str], pairs: usize) {
    let mut run = waiting_for_answers(studio, worker, more, pairs);
    run.kill().unwrap();
    run.wait().unwrap();
    leases_end(studio);
}

fn query(studio: &Studio, sql: &str) -> String {
    block_on(one(&studio.database, sql))
}

const STATES: &str = "SELECT string_agg(state::text, '' ORDER BY n) FROM callsheet.standing";

/// Has the answer to the first pair be told while a decision on it is on its way; says what became of
/// that.
fn decided_too_late(studio: &Studio, verdict: &[&str]) -> Output {
    let doubt = "UPDATE callsheet.standing SET state = 7; DELETE FROM callsheet.record;
        DELETE FROM callsheet.task; UPDATE callsheet.worker SET over = true RETURNING worker";
    // The rows as whoever holds the first pair writes them.
    let answer = r#"BEGIN; UPDATE callsheet.standing SET state = 2 WHERE n = 0;
        INSERT INTO callsheet.task SELECT batch, 'the-answer', n, attempt FROM callsheet.standing
            WHERE n = 0;
        INSERT INTO callsheet.record SELECT batch, n, attempt,
            '{"state": "created", "task_id": "the-answer", "created_at": 1757165031000}'
            FROM callsheet.standing WHERE n = 0"#;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    block_on(async {
        ask(&studio.database, doubt).await;
        let (client, connection) =
            tokio_postgres::connect(&studio.database, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        client.batch_execute(answer).await.unwrap();
        let mut more = vec!["pair-0"];
        more.extend(verdict);
        let resolve = spoken(studio, "resolve", 1, &more).spawn().unwrap();
        while one(&studio.database, waits).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        client.batch_execute("COMMIT").await.unwrap();
        driver.abort();
        ended(resolve)
    })
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_answer_that_came_meanwhile_is_not_overwritten_by_a_decision() {
    let Some(cluster) = Cluster::start("decisions") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 3s}\n");
    cut_off(&studio, 0, &[], 2);
    for verdict in
        [&["--abandon"][..], &["--resend", "--sure"], &["--adopt", "another-task", "--unchecked"]]
    {
        let output = decided_too_late(&studio, verdict);
        assert_eq!(output.status.code(), Some(11), "{verdict:?}: {}", said(&output));
        assert!(said(&output).contains("changed by others meanwhile"), "{}", said(&output));
        assert_eq!(query(&studio, STATES), "27", "{verdict:?}");
        let task = "SELECT record::json ->> 'task_id' FROM callsheet.record WHERE n = 0";
        assert_eq!(query(&studio, task), "the-answer", "{verdict:?}");
    }
    // What nobody answered is for a person to decide.
    let output = command(&studio, "resolve", 1, &["pair-1", "--abandon"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(query(&studio, STATES), "28");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_id_that_comes_when_its_pair_has_gone_on_is_kept_and_shown() {
    let Some(cluster) = Cluster::start("late ids") else { return };
    let studio = Studio::open(&cluster, 1, "", "latency: {fixed: 2s}\n");
    let asleep = waiting_for_answers(&studio, 0, &[], 1);
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &asleep.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    leases_end(&studio);
    let resent = command(&studio, "resolve", 1, &["pair-0", "--resend", "--sure"]);
    assert_eq!(resent.status.code(), Some(0), "{}", said(&resent));
    let again = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert_eq!(studio.booked()["pair-0"], 2, "by a person's word");
    signal("-CONT");
    ended(asleep);
    let late = query(&studio, "SELECT task FROM callsheet.task WHERE attempt = 1");
    let task = query(&studio, "SELECT task FROM callsheet.task WHERE attempt = 2");
    // From anywhere, also where nobody knew of it.
    for worker in [1, 2] {
        let status = command(&studio, "status", worker, &["--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let shown = serde_json::json!([{"id": "pair-0", "task_id": late, "attempt": 1}]);
        assert_eq!(status["late_tasks"], shown, "{status:#}");
    }
    let next = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert_eq!(next.status.code(), Some(0), "{}", said(&next));
    assert_eq!(studio.rows(1)["pair-0"], ("created".to_owned(), task));
    assert!(said(&next).contains(&late), "{}", said(&next));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn nothing_is_sent_again_whose_sender_may_be_asleep() {
    let Some(cluster) = Cluster::start("resending") else { return };
    let studio = Studio::open(&cluster, 3, "", "latency: {fixed: 3s}\n");
    cut_off(&studio, 0, &[], 3);
    for ids in [&["pair-0"][..], &["--all"]] {
        let refused = command(&studio, "resolve", 1, &[ids, &["--resend"]].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains("still be under way"), "{}", said(&refused));
    }
    assert_eq!(query(&studio, STATES), "777");
    let sure = command(&studio, "resolve", 1, &["pair-0", "--resend", "--sure"]);
    assert_eq!(sure.status.code(), Some(5), "the others are in doubt still: {}", said(&sure));
    assert_eq!(query(&studio, STATES), "077");
    // Its folder's next run knows that it is gone.
    let back = ended(studio.run(0, &["--until", "created", "--no-create"]).spawn().unwrap());
    assert_eq!(back.status.code(), Some(5), "{}", said(&back));
    let known = command(&studio, "resolve", 1, &["pair-1", "--resend"]);
    assert_eq!(known.status.code(), Some(5), "{}", said(&known));
    assert_eq!(query(&studio, STATES), "007");
    assert_eq!(studio.booked().values().sum::<usize>(), 3);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn others_at_work_keep_the_list_and_the_budget_as_they_are() {
    let Some(cluster) = Cluster::start("others at work") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 5s}\n");
    let busy = waiting_for_answers(&studio, 0, &[], 2);
    for (pairs, head) in [(3, ""), (1, ""), (2, "budget: 1000s\n")] {
        studio.list(pairs, head);
        let other = ended(studio.run(1, &CREATED).spawn().unwrap());
        assert_eq!(other.status.code(), Some(11), "{pairs} {head}: {}", said(&other));
        assert!(said(&other).contains("process"), "who it is: {}", said(&other));
    }
    studio.list(2, "");
    let same = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert!(matches!(same.status.code(), Some(0 | 4)), "{}", said(&same));
    let busy = ended(busy);
    assert_eq!(busy.status.code(), Some(0), "{}", said(&busy));
    // Nobody is there any more.
    studio.list(3, "");
    let more = ended(studio.run(1, &CREATED).spawn().unwrap());
    assert_eq!(more.status.code(), Some(0), "{}", said(&more));
    assert_eq!(studio.booked().len(), 3);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn tasks_made_elsewhere_are_taken_over_for_all() {
    let Some(cluster) = Cluster::start("adopted") else { return };
    let studio = Studio::open(&cluster, 3, "", "latency: {fixed: 10ms}\n");
    let file = studio.folder.path().join("made.csv");
    fs::write(&file, "id,task_id\npair-0,made-elsewhere-0\npair-2,made-elsewhere-2\n").unwrap();
    let list = ended(studio.run(0, &["--until", "created", "--limit", "1"]).spawn().unwrap());
    assert_eq!(list.status.code(), Some(4), "{}", said(&list));
    let file = file.to_str().unwrap();
    // One of them has a task already: all of the file, or nothing.
    let half = command(&studio, "adopt", 1, &[file, "--unchecked"]);
    assert_eq!(half.status.code(), Some(2), "{}", said(&half));
    assert_eq!(query(&studio, STATES), "200");
    fs::write(file, "id,task_id\npair-2,made-elsewhere-2\n").unwrap();
    let adopted = command(&studio, "adopt", 1, &[file, "--unchecked"]);
    assert_eq!(adopted.status.code(), Some(0), "{}", said(&adopted));
    assert_eq!(query(&studio, STATES), "202");
    let rest = ended(studio.run(2, &CREATED).spawn().unwrap());
    assert_eq!(rest.status.code(), Some(0), "{}", said(&rest));
    assert_eq!(studio.rows(2)["pair-2"], ("created".to_owned(), "made-elsewhere-2".to_owned()));
    assert!(!studio.booked().contains_key("pair-2"), "{:?}", studio.booked());
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_tasks_of_doubts_are_found_from_anywhere() {
    let Some(cluster) = Cluster::start("reconciled") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 3s}\n");
    cut_off(&studio, 0, &[], 2);
    // Somebody has to have seen that it is gone.
    let looked = ended(studio.run(2, &["--until", "created", "--no-create"]).spawn().unwrap());
    assert_eq!(looked.status.code(), Some(5), "{}", said(&looked));
    let export = [0, 1].map(|n| {
        let [image, audio] = ["jpg", "mp3"].map(|kind| format!("https://a.example/{n}.{kind}"));
        format!("found-{n},{image},{audio}\n")
    });
    let file = studio.folder.path().join("export.csv");
    fs::write(&file, format!("task_id,image_url,audio_url\n{}", export.concat())).unwrap();
    let found = command(&studio, "reconcile", 1, &["--from", file.to_str().unwrap(), "--yes"]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    assert_eq!(query(&studio, STATES), "22");
    let tasks = "SELECT string_agg(task, ' ' ORDER BY n) FROM callsheet.task";
    assert_eq!(query(&studio, tasks), "found-0 found-1");
    let rest = ended(studio.run(2, &CREATED).spawn().unwrap());
    assert_eq!(rest.status.code(), Some(0), "{}", said(&rest));
    assert_eq!(studio.booked().values().sum::<usize>(), 2);
}

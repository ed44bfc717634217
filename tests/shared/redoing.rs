//! Other takes of pairs that many share: asked for from anywhere, made by whoever comes, known to all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use callsheet::ledger::postgres::{Outcome, Slip, redo};
use callsheet::state::State;

use super::block_on;
use super::cluster::{Cluster, ask, one, settings};
use super::decisions::command;
use super::runs::{PROGRAM, Studio, ended, recording, said};

fn query(studio: &Studio, sql: &str) -> String {
    block_on(one(&studio.database, sql))
}

fn done(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

fn run(studio: &Studio, worker: usize, code: i32) -> String {
    let output = ended(studio.run(worker, &[]).spawn().unwrap());
    done(&output, code);
    said(&output)
}

/// A column of `tasks.csv` as a folder has it, by the pair.
fn column(folder: &Path, name: &str) -> BTreeMap<String, String> {
    let csv = fs::read_to_string(folder.join("tasks.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().unwrap().clone();
    let at = head.iter().position(|column| column == name).unwrap();
    reader
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[0].to_owned(), row[at].to_owned()))
        .collect()
}

/// The prompts with which a pair was booked, in their order.
fn prompts(studio: &Studio, pair: usize) -> Vec<String> {
    let book = fs::read_to_string(studio.path("book")).unwrap();
    let entries = book.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let image = format!("https://a.example/{pair}.jpg");
    let of_pair = entries.filter(|entry| entry["request"]["image_url"] == *image);
    of_pair
        .map(|entry| entry["request"]["prompt"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn files(studio: &Studio, worker: usize) -> Vec<String> {
    let entries = fs::read_dir(studio.run_folder(worker).join("videos")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_take_that_is_asked_for_from_anywhere_is_made_once_by_whoever_comes() {
    let Some(cluster) = Cluster::start("takes") else { return };
    let studio = Studio::open(&cluster, 3, "", "latency: {fixed: 10ms}\nwork: at_once\n");
    run(&studio, 0, 0);
    let no = command(&studio, "redo", 9, &["pair-1"]);
    done(&no, 2);
    assert!(said(&no).contains("--yes"), "{}", said(&no));
    let asked = command(&studio, "redo", 9, &["pair-1", "--prompt", "smile", "--yes", "--json"]);
    done(&asked, 0);
    let value: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(value["redone"], serde_json::json!([{"id": "pair-1", "take": 2}]));
    assert_eq!(studio.booked().values().sum::<usize>(), 3, "nothing is sent before a run");
    // Twice in a row is one too many: it is planned already.
    done(&command(&studio, "redo", 9, &["pair-1", "--yes"]), 2);
    // A fresh folder makes it, and takes no other file for its own.
    run(&studio, 1, 0);
    assert_eq!(prompts(&studio, 1), ["", "smile"]);
    assert_eq!(column(&studio.run_folder(1), "take")["pair-1"], "2");
    assert_eq!(files(&studio, 1), ["pair-1.mp4"]);
    // The folder of the first take knows of it, and makes the third: nothing is overwritten.
    run(&studio, 0, 0);
    assert_eq!(column(&studio.run_folder(0), "take")["pair-1"], "2");
    done(&command(&studio, "redo", 0, &["pair-1", "--yes"]), 0);
    run(&studio, 0, 0);
    assert_eq!(prompts(&studio, 1), ["", "smile", ""]);
    assert_eq!(files(&studio, 0), ["pair-0.mp4", "pair-1.mp4", "pair-1~take1.mp4", "pair-2.mp4"]);
    // Nobody makes it again.
    for worker in [0, 1, 2] {
        run(&studio, worker, 0);
        let takes = column(&studio.run_folder(worker), "take");
        assert_eq!(takes.values().map(String::as_str).collect::<Vec<_>>(), ["1", "3", "1"]);
        assert!(studio.rows(worker).values().all(|(state, _)| state == "saved"));
    }
    assert_eq!(studio.booked().into_values().collect::<Vec<_>>(), [1, 3, 1]);
    assert_eq!(query(&studio, "SELECT count(*) FROM callsheet.task"), "5", "none is forgotten");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_take_that_comes_to_nothing_leaves_the_saved_one_for_all() {
    let Some(cluster) = Cluster::start("takes that fail") else { return };
    let scenario = "latency: {fixed: 10ms}\nwork: at_once\n\
        lengths: [{match: .wav, length: 2500ms}]\n\
        scripts: [{match: '/1.jpg', tries: [ok, status-400]}]\n";
    let (studio, url) = (Studio::open(&cluster, 0, "", scenario), recording());
    let pair = |n: usize| {
        format!(
            "  - {{id: pair-{n}, image: 'https://a.example/{n}.jpg', audio: '{url}/{n}.wav'}}\n"
        )
    };
    let head = "version: 1\nprice_per_second: 0.1\nbudget: 100\npairs:\n";
    fs::write(studio.path("spring.yaml"), head.to_owned() + &pair(0) + &pair(1)).unwrap();
    run(&studio, 0, 0);
    let reserved = "SELECT reserved FROM callsheet.purse";
    let before = query(&studio, reserved);
    let task = studio.rows(0)["pair-1"].1.clone();
    done(&command(&studio, "redo", 9, &["pair-1", "--yes"]), 0);
    let refused = run(&studio, 1, 3);
    assert!(refused.contains("take 2 came to nothing"), "{refused}");
    for worker in [1, 0, 2] {
        run(&studio, worker, 3);
        assert_eq!(studio.rows(worker)["pair-1"], ("saved".to_owned(), task.clone()));
        assert_eq!(column(&studio.run_folder(worker), "take")["pair-1"], "1");
    }
    assert_eq!(query(&studio, reserved), before, "what was refused costs nothing");
    let status = command(&studio, "status", 9, &["--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["remarked"][0]["code"], "take_failed", "{status:#}");
    assert_eq!(status["bill"]["tasks"], 2, "{status:#}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_asks_for_a_take_that_others_asked_for_meanwhile_is_told_so() {
    let Some(cluster) = Cluster::start("takes at once") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 10ms}\nwork: at_once\n");
    run(&studio, 0, 0);
    // As when the answer of the database comes after another person's word.
    let meanwhile = "CREATE FUNCTION callsheet.meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.n = 1 AND NEW.state = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER meanwhile BEFORE UPDATE ON callsheet.standing
        FOR EACH ROW EXECUTE FUNCTION callsheet.meanwhile(); SELECT 1";
    block_on(ask(&studio.database, meanwhile));
    let told = command(&studio, "redo", 1, &["pair-0,pair-1", "--yes"]);
    done(&told, 11);
    assert!(said(&told).contains("1 of the pairs"), "{}", said(&told));
    assert_eq!(
        query(&studio, "SELECT string_agg(state::text, '' ORDER BY n) FROM callsheet.standing"),
        "04"
    );
    run(&studio, 1, 0);
    assert_eq!(studio.booked().into_values().collect::<Vec<_>>(), [2, 1]);
}

/// Meanwhile others may have asked for a take and saved it: that one was paid for on their word.
#[test]
#[ignore = "needs PostgreSQL"]
fn a_take_is_asked_for_after_the_create_that_was_seen_and_no_other() {
    let Some(cluster) = Cluster::start("takes of what was seen") else { return };
    let studio = Studio::open(&cluster, 1, "", "latency: {fixed: 10ms}\nwork: at_once\n");
    run(&studio, 0, 0);
    let number = |column: &str| -> i32 {
        query(&studio, &format!("SELECT {column}::text FROM callsheet.standing")).parse().unwrap()
    };
    let (n, attempt) = (number("n"), number("attempt"));
    let seen = |attempt| Outcome {
        slip: Slip { n, attempt, holder: 0 },
        state: State::Planned,
        task: None,
        gives_back: false,
        record: "{}".to_owned(),
    };
    let settings = settings(&studio.database);
    assert_eq!(redo(&settings, "spring", &[seen(attempt - 1)]).unwrap(), Vec::<i32>::new());
    assert_eq!(redo(&settings, "spring", &[seen(attempt)]).unwrap(), [n]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn takes_go_home_with_their_batch_and_there_again() {
    let Some(cluster) = Cluster::start("takes that travel") else { return };
    let studio = Studio::open(&cluster, 2, "", "latency: {fixed: 10ms}\nwork: at_once\n");
    run(&studio, 0, 0);
    done(
        &command(&studio, "redo", 9, &["pair-1", "--prompt", "smile", "--why", "eyes", "--yes"]),
        0,
    );
    run(&studio, 0, 0);
    done(&command(&studio, "redo", 9, &["pair-0", "--prompt", "laugh", "--yes"]), 0);
    let (home, manifest) = (studio.path("home.run"), studio.path("spring.yaml"));
    let copy = |more: &[&str]| {
        let mut copy = Command::new(PROGRAM);
        copy.args(["ledger", "copy"]).arg(&manifest).args(["--endpoint", &studio.url]).args(more);
        copy.env_remove("CALLSHEET_LEDGER").stdin(Stdio::null());
        ended(copy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let folder = home.to_str().unwrap();
    done(&copy(&["--ledger", &studio.database, "--out", folder, "--to", folder]), 0);
    let ledger = rusqlite::Connection::open(home.join("ledger.sqlite")).unwrap();
    let sql = "SELECT group_concat(id || ' ' || t.take || ' ' || coalesce(t.prompt, '-') || ' '
            || coalesce(t.why, '-') || ' ' || (t.state IS NOT NULL) || ' ' || s.take, ', ' ORDER BY id, t.take)
        FROM takes t JOIN pairs USING (pair) JOIN standings s USING (pair)";
    let kept = |ledger: &rusqlite::Connection| -> String {
        ledger.query_row(sql, (), |row| row.get(0)).unwrap()
    };
    let takes = "pair-0 1 - - 1 2, pair-0 2 laugh - 0 2, pair-1 1 - - 1 2, pair-1 2 smile eyes 0 2";
    assert_eq!(kept(&ledger), takes);
    drop(ledger);
    done(&copy(&["--out", folder, "--to", &studio.database]), 0);
    run(&studio, 3, 0);
    assert_eq!(
        (prompts(&studio, 0), prompts(&studio, 1)),
        (vec![String::new(), "laugh".to_owned()], vec![String::new(), "smile".to_owned()])
    );
    let ledger = rusqlite::Connection::open(studio.run_folder(3).join("ledger.sqlite")).unwrap();
    assert_eq!(kept(&ledger), takes);
}

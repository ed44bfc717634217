//! `ledger list`, and what `status` counts: by the database, from anywhere.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::cluster::Cluster;
use super::runs::{PROGRAM, Studio, ended, said};

fn list(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["ledger", "list", url]).args(more).env_remove("CALLSHEET_LEDGER");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(command.spawn().unwrap())
}

fn json(output: &Output) -> serde_json::Value {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_database_says_which_batches_it_has_and_who_is_at_work() {
    let Some(cluster) = Cluster::start("listed") else { return };
    let url = &cluster.url();
    let none = list(url, &[]);
    assert!(said(&none).contains("no batches yet"), "{}", said(&none));
    let studio = Studio::open(&cluster, 30, "", "latency: {fixed: 400ms}\n");
    let created = ["--until", "created", "--concurrency", "1"];
    let mut busy = studio.run(0, &created).spawn().unwrap();
    while studio.booked().len() < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let listed = json(&list(url, &["--json"]));
    let batch = &listed["batches"][0];
    assert_eq!((&batch["batch"], &batch["pairs"]), (&"spring".into(), &30.into()));
    assert!(batch["states"]["created"].as_u64().unwrap() >= 1, "{listed}");
    assert_eq!(batch["workers"][0]["alive"], true);
    assert!(batch["workers"][0]["who"].as_str().unwrap().contains("process"), "{listed}");
    let text = list(url, &[]);
    assert!(
        said(&text).contains("1 worker") && said(&text).contains("heard of"),
        "{}",
        said(&text)
    );
    busy.kill().unwrap();
    busy.wait().unwrap();
    std::thread::sleep(Duration::from_millis(6500));
    let text = list(url, &[]);
    assert!(said(&text).contains("never signed off"), "{}", said(&text));
    // A password in an option would be seen by all on the machine.
    let secret = list("postgres://a:secret@localhost/b", &[]);
    assert_eq!(secret.status.code(), Some(2), "{}", said(&secret));
    assert!(!said(&secret).contains("secret"), "{}", said(&secret));
}

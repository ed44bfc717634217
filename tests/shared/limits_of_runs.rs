//! Whole runs that share their limits: a stop that one sees, an outage that all are in.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::rude::{Rude, answer};
use super::runs::{Studio, ended, recording, said};

const NO_TASK: &str = r#"{"error":{"message":"no such task","code":"task_not_found"}}"#;
pub(super) const RUNS: [usize; 3] = [0, 1, 2];

/// Creates in the order in which they came, and when: the number of each pair.
pub(super) type Came = Arc<Mutex<Vec<(Instant, String)>>>;

/// A service that answers questions as the API does, and creates as a test says, by how many came before.
pub(super) fn service(
    create: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static,
) -> (Rude, Came) {
    let (came, count) = (Came::default(), AtomicUsize::new(0));
    let log = Arc::clone(&came);
    let server = Rude::any(move |request, connection| {
        if !request.starts_with("POST ") {
            return answer(connection, "404 Not Found", "", NO_TASK);
        }
        let image = request.split("a.example/").nth(1).unwrap_or_default();
        let pair = image.split(".jpg").next().unwrap_or_default().to_owned();
        log.lock().unwrap().push((Instant::now(), pair));
        create(count.fetch_add(1, Ordering::SeqCst), connection);
    });
    (server, came)
}

pub(super) fn task(n: usize, connection: &mut TcpStream) {
    answer(connection, "200 OK", "", &format!("{{\"id\":\"t{n}\",\"status\":\"pending\"}}"));
}

pub(super) fn studio(cluster: &Cluster, pairs: usize, server: &Rude) -> Studio {
    let mut studio = Studio::open(cluster, pairs, "", "latency: {fixed: 10ms}\n");
    studio.url.clone_from(&server.url);
    studio
}

pub(super) fn times(came: &Came) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for (_, pair) in &*came.lock().unwrap() {
        *times.entry(pair.clone()).or_default() += 1;
    }
    times
}

pub(super) const CREATED: [&str; 4] = ["--until", "created", "--concurrency", "4"];

#[test]
#[ignore = "needs PostgreSQL"]
fn an_account_that_one_sees_stopped_stops_all_within_two_seconds() {
    let Some(cluster) = Cluster::start("a stop for all") else { return };
    let empty = r#"{"error":{"message":"Insufficient balance","code":"insufficient_balance"}}"#;
    let stopped = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&stopped);
    // One alone is told so; the others would go on.
    let (server, came) = service(move |n, connection| {
        std::thread::sleep(Duration::from_millis(200));
        if n == 60 {
            answer(connection, "402 Payment Required", "", empty);
            *seen.lock().unwrap() = Some(Instant::now());
        } else {
            task(n, connection);
        }
    });
    let studio = studio(&cluster, 600, &server);
    let runs = RUNS.map(|worker| studio.careful_run(worker, &CREATED).spawn().unwrap());
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(7), "{}", said(&output));
        assert!(said(&output).contains("balance"), "{}", said(&output));
    }
    let stopped = stopped.lock().unwrap().unwrap();
    let last = came.lock().unwrap().iter().map(|(at, _)| *at).max().unwrap();
    let after = last.saturating_duration_since(stopped);
    assert!(after < Duration::from_secs(2), "one came {after:?} after it");
    // When the account is in order again, the same command goes on.
    let more = ended(studio.careful_run(0, &CREATED).args(["--limit", "5"]).spawn().unwrap());
    assert_eq!(more.status.code(), Some(4), "{}", said(&more));
    assert!(times(&came).values().all(|times| *times <= 2));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn ten_refusals_alike_that_one_sees_stop_all() {
    let Some(cluster) = Cluster::start("refusals for all") else { return };
    let refusal = r#"{"error":{"message":"unknown model","code":"invalid_parameter"}}"#;
    let count = AtomicUsize::new(0);
    let server = Rude::any(move |request, connection| {
        if !request.starts_with("POST ") {
            return answer(connection, "404 Not Found", "", NO_TASK);
        }
        std::thread::sleep(Duration::from_millis(200));
        match request.contains("Bearer odd") {
            true => answer(connection, "400 Bad Request", "", refusal),
            false => task(count.fetch_add(1, Ordering::SeqCst), connection),
        }
    });
    let studio = studio(&cluster, 600, &server);
    let runs = RUNS.map(|worker| {
        let mut run = studio.careful_run(worker, &CREATED);
        // One alone is refused everything.
        run.env("CALLSHEET_API_KEY", if worker == 1 { "odd" } else { "k" }).spawn().unwrap()
    });
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        assert!(said(&output).contains("unknown model"), "{}", said(&output));
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_outage_costs_all_workers_together_what_they_had_under_way_and_three() {
    let Some(cluster) = Cluster::start("an outage for all") else { return };
    let since = Mutex::new(None::<Instant>);
    let (server, came) = service(move |n, connection| {
        std::thread::sleep(Duration::from_millis(60));
        let down = n >= 40 && {
            let mut since = since.lock().unwrap();
            let since = *since.get_or_insert_with(Instant::now);
            since.elapsed() < Duration::from_millis(2600)
        };
        if down {
            answer(connection, "502 Bad Gateway", "", "<html>upstream is away</html>");
        } else {
            task(n, connection);
        }
    });
    let studio = studio(&cluster, 200, &server);
    let runs = RUNS.map(|worker| studio.careful_run(worker, &CREATED).spawn().unwrap());
    let outputs = runs.map(ended);
    let last = ended(studio.careful_run(0, &CREATED).spawn().unwrap());
    assert_eq!(last.status.code(), Some(5), "{}", said(&last));
    // Each create that was read meanwhile is one of them.
    let rows = studio.rows(0);
    let count = |state: &str| rows.values().filter(|(found, _)| found == state).count();
    let told = outputs.iter().map(said).collect::<Vec<_>>().join("\n");
    assert!((3..=15).contains(&count("in_doubt")), "{} in doubt\n{told}", count("in_doubt"));
    assert_eq!(count("in_doubt") + count("created"), 200, "{told}");
    assert!(times(&came).values().all(|times| *times == 1), "{:?}", times(&came));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_service_that_takes_none_ends_all_after_three_that_were_tried_alone() {
    let Some(cluster) = Cluster::start("an end for all") else { return };
    let (server, came) = service(move |_, connection| {
        std::thread::sleep(Duration::from_millis(60));
        answer(connection, "502 Bad Gateway", "", "<html>upstream is away</html>");
    });
    let studio = studio(&cluster, 200, &server);
    let runs = RUNS.map(|worker| studio.careful_run(worker, &CREATED).spawn().unwrap());
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(5), "{}", said(&output));
        assert!(said(&output).contains("tried alone"), "{}", said(&output));
    }
    let came = came.lock().unwrap().len();
    assert!((6..=15).contains(&came), "{came} came");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn runs_of_two_manifests_spend_one_budget_to_the_cent() {
    let Some(cluster) = Cluster::start("one budget of two") else { return };
    let url = recording();
    // Three seconds begun, 0.30 each: ten of them.
    let studios = ["spring", "autumn"].map(|name| {
        let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 30ms}\n");
        let pair = |n: usize| {
            format!(
                "  - {{id: pair-{n}, image: 'https://a.example/{n}.jpg', audio: '{url}/{name}{n}.wav'}}\n"
            )
        };
        let pairs: String = (0..30).map(pair).collect();
        let money = "price_per_second: 0.1\nbudget: 3.1\nshared_budget: client-a\n";
        let text = format!("version: 1\nconcurrency: 2\n{money}pairs:\n{pairs}");
        std::fs::write(studio.folder.path().join("spring.yaml"), text).unwrap();
        (studio, name)
    });
    let run = |worker: usize, (studio, name): &(Studio, &str)| {
        let args = ["--until", "created", "--pay-again", "--batch-name", name];
        studio.run(worker, &args).spawn().unwrap()
    };
    let runs = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(worker, at)| run(worker, &studios[at]));
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    }
    let booked = studios.iter().map(|(studio, _)| studio.booked().len()).sum::<usize>();
    assert_eq!(booked, 10);
    // It is nobody's alone.
    let (studio, _) = &studios[0];
    let mut alone = studio.run(7, &["--until", "created"]);
    alone.env_remove("CALLSHEET_LEDGER");
    let alone = ended(alone.spawn().unwrap());
    assert_eq!(alone.status.code(), Some(2), "{}", said(&alone));
    assert!(said(&alone).contains("shared_budget"), "{}", said(&alone));
}

//! Whole runs that share a ledger: the program itself, killed and started again, against the fake.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::block_on;
use super::cluster::{Cluster, ask};

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_callsheet");
/// No run takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

fn program() -> OsString {
    std::env::var_os("CALLSHEET_PROOF_PROGRAM").unwrap_or_else(|| PROGRAM.into())
}

/// A folder with a manifest, and a fake that remembers what it was asked for.
pub(super) struct Studio {
    pub(super) folder: tempfile::TempDir,
    fake: Child,
    pub(super) url: String,
    pub(super) database: String,
    /// Where the run folder of a worker is.
    pub(super) place: fn(usize) -> String,
}

impl Studio {
    pub(super) fn open(cluster: &Cluster, pairs: usize, head: &str, scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("day.yaml"), scenario).unwrap();
        let mut fake = Command::new(program())
            .args(["mock", "-q", "--port", "0", "--key", "k", "--port-file"])
            .arg(path("port"))
            .arg("--book")
            .arg(path("book"))
            .arg("--scenario")
            .arg(path("day.yaml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let port = loop {
            let port = fs::read_to_string(path("port")).unwrap_or_default();
            match port.trim().parse::<u16>() {
                Ok(port) => break port,
                Err(_) => {
                    let ended = fake.try_wait().unwrap();
                    assert!(ended.is_none() && began.elapsed() < PATIENCE, "no fake: {ended:?}");
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let (url, place) = (format!("http://127.0.0.1:{port}"), |n| format!("worker-{n}.run"));
        let studio = Self { url, database: cluster.url(), fake, folder, place };
        studio.list(pairs, head);
        studio
    }

    pub(super) fn list(&self, pairs: usize, head: &str) {
        let pair = |n| {
            let [image, audio] = ["jpg", "mp3"].map(|kind| format!("https://a.example/{n}.{kind}"));
            format!("  - {{id: pair-{n}, image: '{image}', audio: '{audio}'}}\n")
        };
        let pairs: String = (0..pairs).map(pair).collect();
        let text = format!("version: 1\nconcurrency: 8\n{head}pairs:\n{pairs}");
        fs::write(self.folder.path().join("spring.yaml"), text).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn run_folder(&self, worker: usize) -> PathBuf {
        self.path(&(self.place)(worker))
    }

    pub(super) fn run(&self, worker: usize, more: &[&str]) -> Command {
        let mut command = self.careful_run(worker, more);
        command.arg("--keep-going");
        command
    }

    /// One that does not go on whatever is refused.
    pub(super) fn careful_run(&self, worker: usize, more: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .arg("run")
            .arg(self.folder.path().join("spring.yaml"))
            .args(["--yes", "--poll-interval", "500ms", "--lease", "6s"])
            .args(["--endpoint", &self.url, "--out"])
            .arg(self.run_folder(worker))
            .args(more)
            .env("CALLSHEET_API_KEY", "k")
            .env("CALLSHEET_LEDGER", &self.database)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// How often each pair was booked.
    pub(super) fn booked(&self) -> BTreeMap<String, usize> {
        let mut booked = BTreeMap::new();
        for line in fs::read_to_string(self.folder.path().join("book")).unwrap_or_default().lines()
        {
            // Nothing is cut off: each line is whole before it is answered.
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let image = entry["request"]["image_url"].as_str().unwrap();
            let pair = image.trim_start_matches("https://a.example/").trim_end_matches(".jpg");
            *booked.entry(format!("pair-{pair}")).or_default() += 1;
        }
        booked
    }

    /// The tasks that a run folder was told of.
    pub(super) fn told(&self, worker: usize) -> Vec<String> {
        let log = fs::read_to_string(self.run_folder(worker).join("events.jsonl")).unwrap();
        let events =
            log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let accepted = events.filter(|event| event["event"] == "accepted");
        accepted.map(|event| event["task_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Where each pair stands, as the last run has written it.
    pub(super) fn rows(&self, worker: usize) -> BTreeMap<String, (String, String)> {
        let csv = fs::read_to_string(self.run_folder(worker).join("tasks.csv")).unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let head = reader.headers().unwrap().clone();
        let at = |name: &str| head.iter().position(|column| column == name).unwrap();
        let [id, state, task] = ["id", "state", "task_id"].map(at);
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            (row[id].to_owned(), (row[state].to_owned(), row[task].to_owned()))
        });
        rows.collect()
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.fake.kill();
        let _ = self.fake.wait();
    }
}

pub(super) fn ended(mut child: Child) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it does not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

pub(super) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{:?}\n{out}\n{err}", output.status.code())
}

#[test]
#[ignore = "needs PostgreSQL"]
fn runs_that_share_a_ledger_share_the_work_and_each_sees_all_of_it() {
    let Some(cluster) = Cluster::start("runs") else { return };
    let studio = Studio::open(&cluster, 120, "", "latency: {fixed: 40ms}\n");
    let runs = [0, 1, 2].map(|worker| studio.run(worker, &[]).spawn().unwrap());
    let outputs = runs.map(ended);
    for output in &outputs {
        assert_eq!(output.status.code(), Some(0), "{}", said(output));
    }
    let booked = studio.booked();
    assert_eq!((booked.len(), booked.values().max()), (120, Some(&1)));
    let shares = "SELECT count(DISTINCT worker) FROM callsheet.standing";
    let shares = block_on(ask(&cluster.url(), shares));
    assert_ne!(shares, [[Some("1".to_owned())]], "one did it all");
    // Whoever comes afterwards finds it done, and pays for nothing.
    let again = ended(studio.run(3, &[]).spawn().unwrap());
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    let rows = studio.rows(3);
    assert_eq!(rows.len(), 120);
    assert!(rows.values().all(|(state, task)| state == "saved" && !task.is_empty()), "{rows:?}");
    assert_eq!(studio.booked().values().sum::<usize>(), 120);
    // Events say whose they are, and come back as they were.
    let log = studio.run_folder(0).join("events.jsonl");
    let written = fs::read_to_string(&log).unwrap();
    let workers: HashSet<_> = written
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| (event["v"].clone(), event["worker"].as_str().unwrap().to_owned()))
        .collect();
    let of_one = workers.iter().next().unwrap();
    assert_eq!((workers.len(), &of_one.0), (1, &2.into()), "{workers:?}");
    let known = "SELECT count(*) FROM callsheet.worker WHERE to_hex(worker) = ltrim('{}', '0')";
    let known = block_on(ask(&cluster.url(), &known.replace("{}", &of_one.1)));
    assert_eq!(known, [[Some("1".to_owned())]]);
    fs::remove_file(&log).unwrap();
    assert_eq!(ended(studio.run(0, &[]).spawn().unwrap()).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&log).unwrap(), written);
    // And in a folder that was part of it nobody goes on alone.
    let mut alone = studio.run(3, &[]);
    alone.env_remove("CALLSHEET_LEDGER");
    let alone = ended(alone.spawn().unwrap());
    assert_eq!(alone.status.code(), Some(2), "{}", said(&alone));
    assert!(said(&alone).contains("--ledger"), "{}", said(&alone));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn killed_runs_and_a_halted_server_pay_for_nothing_twice_and_lose_nothing() {
    let Some(cluster) = Cluster::start("killed runs") else { return };
    let studio = Studio::open(&cluster, 700, "", "latency: {fixed: 300ms}\n");
    let start = |worker: usize| studio.run(worker, &["--until", "created"]).spawn().unwrap();
    let mut runs = [0, 1, 2].map(start);
    let (mut kills, mut halts) = (0, 0);
    let began = Instant::now();
    while kills < 30 && studio.booked().len() < 600 && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(fastrand::u64(80..400)));
        let worker = fastrand::usize(..3);
        let _ = runs[worker].kill();
        let _ = runs[worker].wait();
        kills += 1;
        if kills % 6 == 0 {
            cluster.halt();
            cluster.go_on();
            halts += 1;
        }
        runs[worker] = start(worker);
    }
    drop(runs.map(ended));
    // The leases of those that were killed last are over.
    std::thread::sleep(Duration::from_millis(6500));
    for worker in 0..3 {
        let last = ended(start(worker));
        assert!(matches!(last.status.code(), Some(0 | 4 | 5)), "{}", said(&last));
    }
    let last = ended(start(0));
    assert!(matches!(last.status.code(), Some(0 | 5)), "{}", said(&last));
    eprintln!("{kills} kills, {halts} halts");
    let (booked, rows) = (studio.booked(), studio.rows(0));
    let twice: Vec<_> = booked.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "paid twice: {twice:?}");
    assert_eq!(rows.len(), 700);
    let mut tasks = HashSet::new();
    for (id, (state, task)) in &rows {
        match (state.as_str(), booked.contains_key(id)) {
            ("created" | "completed" | "saved", true) => assert!(tasks.insert(task), "{id}"),
            ("in_doubt", _) => {}
            other => panic!("{id} is {other:?}"),
        }
    }
    let told = [0, 1, 2].map(|worker| studio.told(worker));
    let lost: Vec<_> = told.iter().flatten().filter(|task| !tasks.contains(task)).collect();
    assert!(lost.is_empty(), "told of, and not in the ledger: {lost:?}");
    assert!(kills > 8 && halts > 0, "{kills} kills, {halts} halts");
    assert!(tasks.len() > 500, "{} tasks", tasks.len());
}

/// A server of one recording of two and a half seconds, until the test process ends.
pub(super) fn recording() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let size = |size: u32| size.to_le_bytes();
    let samples: Vec<u8> = (0..20_000_u32).map(|n| (n * 31 / 7 % 256) as u8).collect();
    let mut wav = [b"RIFF", &size(20_036)[..], b"WAVEfmt "].concat();
    wav.extend([size(16), [1, 0, 1, 0], size(8000), size(8000), [1, 0, 8, 0]].concat());
    wav.extend([b"data", &size(20_000)[..], &samples].concat());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, wav) = (connection.unwrap(), wav.clone());
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
                    head.push(byte[0]);
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    wav.len()
                );
                let _ = connection.write_all(answer.as_bytes());
                let _ = connection.write_all(&wav);
            });
        }
    });
    url
}

#[test]
#[ignore = "needs PostgreSQL"]
fn together_runs_never_pass_the_budget_and_use_it_up() {
    let Some(cluster) = Cluster::start("one budget") else { return };
    // Three seconds begun, 0.30 each: ten of them.
    let studio = Studio::open(&cluster, 0, "", "latency: {fixed: 30ms}\n");
    let url = recording();
    let pair = |n: usize| {
        format!(
            "  - {{id: pair-{n}, image: 'https://a.example/{n}.jpg', audio: '{url}/{n}.wav'}}\n"
        )
    };
    let pairs: String = (0..40).map(pair).collect();
    let text =
        format!("version: 1\nconcurrency: 3\nprice_per_second: 0.1\nbudget: 3.1\npairs:\n{pairs}");
    fs::write(studio.folder.path().join("spring.yaml"), text).unwrap();
    let runs = [0, 1, 2].map(|worker| studio.run(worker, &["--until", "created"]).spawn().unwrap());
    for output in runs.map(ended) {
        assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    }
    let booked = studio.booked();
    assert_eq!((booked.len(), booked.values().max()), (10, Some(&1)));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_folder_that_sent_alone_or_for_another_batch_is_not_shared() {
    let Some(cluster) = Cluster::start("histories") else { return };
    let studio = Studio::open(&cluster, 4, "", "latency: {fixed: 10ms}\n");
    let created = ["--until", "created"];
    let mut alone = studio.run(0, &created);
    alone.env_remove("CALLSHEET_LEDGER");
    assert_eq!(ended(alone.spawn().unwrap()).status.code(), Some(0));
    let shared = ended(studio.run(0, &created).spawn().unwrap());
    assert_eq!(shared.status.code(), Some(2), "{}", said(&shared));
    assert_eq!(studio.booked().values().sum::<usize>(), 4);
    // Others know nothing of it, and are told what lies beside them.
    let beside = ended(studio.run(1, &created).spawn().unwrap());
    assert_eq!(beside.status.code(), Some(2), "{}", said(&beside));
    let apart = ended(studio.run(1, &["--until", "created", "--pay-again"]).spawn().unwrap());
    assert_eq!(apart.status.code(), Some(0), "{}", said(&apart));
    let other = ["--until", "created", "--pay-again", "--batch-name", "other"];
    let other = ended(studio.run(1, &other).spawn().unwrap());
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    assert!(studio.rows(1).values().all(|(state, _)| state == "created"), "it was left as it is");
    assert_eq!(studio.booked().values().sum::<usize>(), 8);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_folder_notices_a_database_that_went_back_before_it_sends_anything() {
    let Some(cluster) = Cluster::start("restored") else { return };
    let studio = Studio::open(&cluster, 6, "", "latency: {fixed: 10ms}\n");
    let limited = ["--until", "created", "--limit", "2"];
    let first = ended(studio.run(0, &limited).spawn().unwrap());
    assert_eq!(first.status.code(), Some(4), "{}", said(&first));
    cluster.end();
    cluster.save();
    cluster.go_on();
    let second = ended(studio.run(0, &limited).spawn().unwrap());
    assert_eq!(second.status.code(), Some(4), "{}", said(&second));
    cluster.end();
    cluster.restore();
    cluster.go_on();
    for worker in [0, 0, 1] {
        let back = ended(studio.run(worker, &["--until", "created"]).spawn().unwrap());
        assert_eq!(back.status.code(), Some(1), "{}", said(&back));
        assert!(said(&back).contains("went back"), "{}", said(&back));
    }
    assert_eq!(studio.booked().values().sum::<usize>(), 4);
    let created = studio.rows(0).values().filter(|(state, _)| state == "created").count();
    assert_eq!(created, 4, "what the database lacks is still here");
}

//! The program: several processes on one ledger, and one with a run folder, against a plain server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cluster::{Cluster, one};
use crate::creates::{KEY, yaml};
use crate::figures::{Figures, Goal};
use crate::server::{Server, Since};
use crate::{as_float, cluster, number, runtime};

pub(crate) const WORKERS: usize = 4;

pub(crate) fn measure(figures: &mut Figures, numbers: &[u64]) {
    let (pairs, rounds) = (number(numbers, 0, 20_000), number(numbers, 1, 3));
    let server = Server::start(Duration::ZERO);
    let (mut shared, mut alone, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    let rate = |since: Since| as_float(since.answers) / since.seconds();
    for _ in 0..rounds {
        let cluster = cluster("program");
        let before = committed(&cluster);
        shared.push(rate(run_shared(&cluster, &server, (pairs, 64))));
        statements.push((committed(&cluster) - before) / as_float(pairs));
        alone.push(rate(run_alone(&server, (pairs, 64))));
    }
    let what = format!("{WORKERS} workers, PostgreSQL");
    figures.note_rounds(&what, (&shared, "creates/s"), Goal::AtLeast(4000.0));
    // With listing, looks, heartbeats and all else.
    figures.note_rounds(&what, (&statements, "transactions/pair"), Goal::Less);
    figures.note_rounds("one process, SQLite", (&alone, "creates/s"), Goal::More);
}

/// Four runs of one batch that begin at once, until all is created.
pub(crate) fn run_shared(
    cluster: &Cluster,
    server: &Server,
    (pairs, concurrency): (u64, u64),
) -> Since {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("bench.yaml");
    std::fs::write(&manifest, yaml(&server.url, pairs, concurrency)).expect("a manifest");
    // Listed before, as by whoever comes first: those who are measured find it there.
    let first = command(&manifest, &folder.path().join("first.run"), &["--limit", "1"])
        .env("CALLSHEET_LEDGER", cluster.url())
        .stderr(Stdio::null())
        .spawn();
    assert_eq!(ended(first.expect("callsheet")), Some(4), "a run that lists");
    server.since();
    let place = |worker: usize| -> PathBuf { folder.path().join(format!("worker-{worker}.run")) };
    let runs: Vec<Child> =
        (0..WORKERS).map(|worker| run(&manifest, &place(worker), &cluster.url())).collect();
    for run in runs {
        // Who finds the rest in others' hands does not wait for them.
        assert!(matches!(ended(run), Some(0 | 4)), "a run");
    }
    let since = server.since();
    assert_eq!(since.answers, pairs - 1, "each is created once");
    since
}

/// One run with a ledger in its folder.
pub(crate) fn run_alone(server: &Server, (pairs, concurrency): (u64, u64)) -> Since {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("bench.yaml");
    std::fs::write(&manifest, yaml(&server.url, pairs, concurrency)).expect("a manifest");
    server.since();
    let alone = command(&manifest, &folder.path().join("alone.run"), &[]).spawn();
    assert_eq!(ended(alone.expect("callsheet")), Some(0), "a run alone");
    server.since()
}

fn run(manifest: &Path, folder: &Path, url: &str) -> Child {
    command(manifest, folder, &[]).env("CALLSHEET_LEDGER", url).spawn().expect("callsheet")
}

/// `callsheet run --until created`.
pub(crate) fn command(manifest: &Path, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
    command
        .args(["run", "--until", "created", "--quiet", "--yes", "--no-report"])
        .args(more)
        .arg("--out")
        .args([folder, manifest])
        .env_remove("CALLSHEET_LEDGER")
        .env("CALLSHEET_API_KEY", KEY)
        .stdout(Stdio::null());
    command
}

pub(crate) fn ended(mut child: Child) -> Option<i32> {
    child.wait().expect("a child").code()
}

/// Transactions that the database has committed so far.
fn committed(cluster: &Cluster) -> f64 {
    // Servers tell of theirs with their end, or a second later.
    std::thread::sleep(Duration::from_millis(1200));
    let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    runtime().block_on(one(&cluster.url(), sql)).parse().expect("a number")
}

//! A batch of which nothing is left to do, in a run folder, without having been sent: all its tasks have failed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::creates::KEY;
use crate::given::csv;
use crate::program::command;
use crate::server::Server;

pub(crate) struct Filled {
    folder: tempfile::TempDir,
    pub(crate) manifest: PathBuf,
    server: Server,
}

impl Filled {
    /// Lists so many pairs from a table, and has each stand as a run would leave it.
    pub(crate) fn new(pairs: u64) -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        let manifest = folder.path().join("bench.csv");
        std::fs::write(&manifest, csv(pairs)).expect("a table");
        let server = Server::start(Duration::ZERO);
        let filled = Self { folder, manifest, server };
        let first = filled.run(&filled.place("home"), &["--limit", "1"]).output();
        assert_eq!(first.expect("callsheet").status.code(), Some(4), "a run that lists");
        end_all(&filled.place("home"));
        filled
    }

    /// A run folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.run"))
    }

    /// A run of it, in a folder.
    pub(crate) fn run(&self, folder: &Path, more: &[&str]) -> Command {
        let mut run = command(&self.manifest, folder, more);
        run.args(["--endpoint", &self.server.url, "--concurrency", "64"]);
        run
    }

    /// Another verb on it.
    pub(crate) fn verb(&self, verb: &[&str], folder: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
        command
            .args(verb)
            .arg(&self.manifest)
            .args(["--endpoint", &self.server.url, "--out"])
            .arg(folder)
            .args(more)
            .env_remove("CALLSHEET_LEDGER")
            .env("CALLSHEET_API_KEY", KEY)
            .stdout(Stdio::null());
        command
    }

    /// In the database at this address, all of it, as a copy brings it there: its seconds.
    pub(crate) fn copy_to(&self, url: &str) -> f64 {
        timed(self.verb(&["ledger", "copy"], &self.place("home"), &["--to", url]))
    }
}

/// The seconds that a command takes that ends well, or says that some have failed.
pub(crate) fn timed(mut command: Command) -> f64 {
    let began = Instant::now();
    let output = command.output().expect("callsheet");
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {said}", output.status);
    seconds
}

/// What a run would have written down of each.
fn end_all(folder: &Path) {
    let ledger = rusqlite::Connection::open(folder.join("ledger.sqlite")).expect("a ledger");
    let sql = "BEGIN;
        INSERT INTO attempts (pair, attempt, intended, settled, event, seconds, status)
            SELECT pair, 1, 1790000000000, 1790000000009, 'accepted', 30, 200
            FROM standings WHERE state = 'planned';
        UPDATE standings SET state = 'failed', attempt = 1, since = 1790000000009,
            task_id = 'task-unified-1757165031-' || pair, created_at = 1790000000000, seconds = 30,
            error_code = 'content_violation', error = 'the picture shows no face'
            WHERE state IN ('planned', 'created');
        UPDATE batch SET all_listed = 0, listed = NULL, sheet = NULL;
        COMMIT";
    ledger.execute_batch(sql).expect("a ledger to fill");
}

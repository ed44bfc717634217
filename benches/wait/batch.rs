//! A batch in a folder of its own, the program run on it, and what a process takes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cpu::cpu_seconds;
use crate::process::kilobytes;
use crate::server::Server;

const KEY: &str = "bench-key-0123456789";

pub(crate) struct Batch {
    folder: tempfile::TempDir,
}

/// What a process took, from its start to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// User and system time, in seconds.
    pub(crate) cpu: f64,
    /// The same, of all but the time that it needs to get going.
    pub(crate) cpu_later: f64,
    /// The most memory that it ever held, in kilobytes.
    pub(crate) peak: u64,
    /// What it held last, in kilobytes.
    pub(crate) held: u64,
    pub(crate) code: Option<i32>,
}

/// How long a process needs to get going: until the first tasks are asked for.
pub(crate) const WARM_UP: Duration = Duration::from_secs(10);

impl Batch {
    /// So many pairs.
    pub(crate) fn new(pairs: usize, server: &Server) -> Self {
        let batch = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut yaml = format!("version: 1\nendpoint: {}\nconcurrency: 64\npairs:\n", server.url);
        for n in 0..pairs {
            let _ = writeln!(
                yaml,
                "  - id: pair-{n}\n    image: https://example.com/portraits/{n}.jpg\n    \
                 audio: https://example.com/speech/{n}.mp3"
            );
        }
        std::fs::write(batch.folder.path().join("bench.yaml"), yaml).expect("a manifest");
        batch
    }

    /// So many pairs that the server has made tasks of.
    pub(crate) fn created(pairs: usize, server: &Server) -> Self {
        let batch = Self::new(pairs, server);
        assert_eq!(batch.run(&["--until", "created"]).code, Some(0), "not all were created");
        batch
    }

    pub(crate) fn run(&self, options: &[&str]) -> Taken {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
        command.current_dir(self.folder.path()).args(["run", "--quiet", "--yes", "bench.yaml"]);
        command.args(options).env("CALLSHEET_API_KEY", KEY).stdout(Stdio::null());
        taken(command.stderr(Stdio::null()).spawn().expect("callsheet"))
    }

    pub(crate) fn run_folder(&self) -> PathBuf {
        self.folder.path().join("bench.run")
    }

    /// Everything that happened, in order.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.run_folder().join("events.jsonl"));
        let text = text.expect("events");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

/// Waits for a process.
pub(crate) fn taken(mut child: Child) -> Taken {
    let (started, mut taken, mut early) = (Instant::now(), Taken::default(), 0.0);
    loop {
        let id = child.id();
        taken.cpu = taken.cpu.max(cpu_seconds(id).unwrap_or(0.0));
        taken.peak = taken.peak.max(kilobytes(id, "VmHWM").unwrap_or(0));
        taken.held = kilobytes(id, "VmRSS").unwrap_or(taken.held);
        if started.elapsed() < WARM_UP {
            early = taken.cpu;
        }
        if let Some(status) = child.try_wait().expect("a child") {
            let (wall, cpu_later) = (started.elapsed(), taken.cpu - early);
            return Taken { wall, cpu_later, code: status.code(), ..taken };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

//! A manifest in a folder of its own, and the program run on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use callsheet_mock::{MockApi, Scenario};
use futures::executor::block_on;

use crate::child::{Running, said};

/// Long enough to be found by accident nowhere.
pub(crate) const KEY: &str = "sk-test-4f9a77c1e2b84d06";

/// A temporary folder with one manifest.
pub(crate) struct Sheet {
    folder: tempfile::TempDir,
    pub(crate) manifest: PathBuf,
}

/// What a program said and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sheet {
    /// With this text as `batch.yaml`.
    pub(crate) fn new(yaml: &str) -> Self {
        Self::named("batch.yaml", yaml.as_bytes())
    }

    pub(crate) fn named(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join(name);
        fs::write(&manifest, bytes).unwrap();
        Self { folder, manifest }
    }

    /// A copy of one of the examples.
    pub(crate) fn job(name: &str) -> Self {
        Self::named(name, &fs::read(root().join("jobs").join(name)).unwrap())
    }

    /// With this many plain pairs, `pair-0` and so on, for an endpoint.
    pub(crate) fn pairs(count: usize, endpoint: &str, settings: &str) -> Self {
        let mut yaml = format!("version: 1\nendpoint: {endpoint}\n{settings}\npairs:\n");
        for n in 0..count {
            yaml.push_str(&format!(
                "  - {{id: pair-{n}, image: 'https://example.com/{n}.jpg?sig=q{n}', \
                 audio: 'https://example.com/{n}.mp3'}}\n"
            ));
        }
        Self::new(&yaml)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The run folder.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.manifest.with_extension("run")
    }

    /// A command on this manifest, in its folder: `sheet.command("run", &["--mock"])`.
    pub(crate) fn command(&self, verb: &str, options: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.folder()).arg(verb);
        command.arg(self.manifest.file_name().unwrap()).args(options);
        command
    }

    pub(crate) fn call(&self, verb: &str, options: &[&str]) -> Said {
        said(&mut self.command(verb, options))
    }

    /// `run --until created` with a key.
    pub(crate) fn run(&self, options: &[&str]) -> Said {
        said(&mut self.run_command(options))
    }

    pub(crate) fn run_command(&self, options: &[&str]) -> Command {
        let mut command = self.command("run", &["--until", "created"]);
        command.args(options).env("CALLSHEET_API_KEY", KEY);
        command
    }

    /// The same without waiting long between two polls.
    pub(crate) fn run_fast(&self, options: &[&str]) -> Said {
        self.run(&[&["--poll-interval", "100ms"], options].concat())
    }

    /// `run` to the end, without waiting long between two polls.
    pub(crate) fn run_whole(&self, options: &[&str]) -> Said {
        said(&mut self.whole(options))
    }

    /// The command of such a run.
    pub(crate) fn whole(&self, options: &[&str]) -> Command {
        let mut command = self.command("run", options);
        if !options.contains(&"--poll-interval") {
            command.args(["--poll-interval", "100ms"]);
        }
        command.env("CALLSHEET_API_KEY", KEY);
        command
    }

    /// Starts such a run in the background.
    pub(crate) fn start_whole(&self, options: &[&str]) -> Running {
        let mut command = self.whole(options);
        Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Starts a run that goes on in the background.
    pub(crate) fn start(&self, options: &[&str]) -> Running {
        let mut command = self.run_command(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut command)
    }

    /// The rows of `tasks.csv` by id; a pair that has two rows is a failure.
    pub(crate) fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.run_folder().join("tasks.csv")).unwrap();
        let mut rows = BTreeMap::new();
        for row in reader.deserialize() {
            let row: BTreeMap<String, String> = row.unwrap();
            let id = row["id"].clone();
            assert!(rows.insert(id.clone(), row).is_none(), "{id} has two rows");
        }
        rows
    }

    /// How many rows are in each state.
    pub(crate) fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for row in self.rows().into_values() {
            *states.entry(row["state"].clone()).or_default() += 1;
        }
        states
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            // A process that a signal ended has no code.
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// As a snapshot shows it.
impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit code {}", self.code)?;
        for (name, text) in [("stdout", &self.out), ("stderr", &self.err)] {
            writeln!(f, "----- {name}")?;
            f.write_str(text)?;
        }
        Ok(())
    }
}

/// The program, with nothing of the tester's environment that could change what it says.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CALLSHEET_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    // Batches of tests are large; what is asked before them has tests of its own.
    command.env("CALLSHEET_YES", "1").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Tries all cases side by side: most of the time each of them waits.
pub(crate) fn side_by_side<T: Send>(
    cases: impl IntoIterator<Item = T>,
    test: impl Fn(T) + Send + Sync,
) {
    let test = &test;
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || test(case));
        }
    });
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fake, with the tests' key.
pub(crate) fn fake(scenario: Scenario) -> MockApi {
    let scenario = Scenario { keys: vec![callsheet_mock::Account::new(KEY)], ..scenario };
    block_on(MockApi::start(scenario)).unwrap()
}

/// What differs from run to run, replaced.
pub(crate) fn stable(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.add_filter(r"task-unified-\d+-\w+", "[TASK]");
    settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)", "[TIME]");
    settings.add_filter(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "[DATE]");
    settings.add_filter(r"\d+\.\d s\b", "[SECONDS] s");
    settings.add_filter(r#""seconds": \d+\.\d+(e-\d+)?"#, r#""seconds": "[SECONDS]""#);
    settings.add_filter(r"took \[SECONDS\] s \([\w.-]+\)", "took [SECONDS] s ([ID])");
    settings.add_filter(r#""slowest": \[[^\]]*\]"#, r#""slowest": "[ID]""#);
    settings.add_filter(r"expires=\d+&signature=\w+", "[SIGNATURE]");
    settings.add_filter(r"process \d+", "process [PID]");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(check);
}

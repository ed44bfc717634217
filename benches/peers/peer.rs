//! Who is compared, and how each is told to send the pairs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::creates::{KEY, bare, body, callsheet, yaml};

/// One of those that are compared.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What is known of a pair once its answer was read.
    pub(crate) recorded: &'static str,
    /// One pair of so many; the rest would take as long.
    pub(crate) of: u64,
    pub(crate) is_there: fn() -> bool,
    /// Prepares it; what is prepared is not measured.
    pub(crate) command: fn(&Job<'_>) -> Prepared,
}

impl Peer {
    /// How many of the pairs it gets.
    pub(crate) fn share(&self, pairs: u64) -> u64 {
        pairs.div_ceil(self.of)
    }
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) url: &'a str,
    pub(crate) pairs: u64,
    pub(crate) concurrency: u64,
    /// For what it needs and what it writes.
    pub(crate) folder: &'a Path,
}

/// Ready to start.
pub(crate) struct Prepared(Box<dyn FnMut() -> Child>);

impl Prepared {
    pub(crate) fn start(&mut self) -> Child {
        (self.0)()
    }
}

impl From<Command> for Prepared {
    fn from(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(Box::new(move || command.spawn().expect("an installed program")))
    }
}

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "oha",
        recorded: "nothing (one body for all)",
        of: 1,
        is_there: || installed("bin/oha").exists(),
        command: oha,
    },
    Peer {
        name: "bare reqwest loop",
        recorded: "nothing",
        of: 1,
        is_there: || true,
        command: |job| {
            let (url, pairs, concurrency) = (job.url.to_owned(), job.pairs, job.concurrency);
            Prepared(Box::new(move || bare(&url, pairs, concurrency)))
        },
    },
    Peer {
        name: "Node undici",
        recorded: "answers, not synced",
        of: 1,
        is_there: || installed("undici/node_modules/undici").exists() && runs("node"),
        command: undici,
    },
    Peer {
        name: "curl --parallel",
        recorded: "answers, not synced",
        of: 1,
        is_there: || runs("curl"),
        command: curl,
    },
    Peer {
        name: "callsheet",
        recorded: "every intent and id, durable",
        of: 1,
        is_there: || true,
        command: |job| {
            let manifest = job.folder.join("bench.yaml");
            fs::write(&manifest, yaml(job.url, job.pairs, job.concurrency)).expect("a manifest");
            Prepared(Box::new(move || callsheet(&manifest, &[])))
        },
    },
    Peer {
        name: "Python aiohttp",
        recorded: "answers, not synced",
        of: 1,
        is_there: || installed("aiohttp/bin/python").exists(),
        command: aiohttp,
    },
    Peer {
        name: "hurl --jobs",
        recorded: "a verdict for each",
        of: 4,
        is_there: || installed("bin/hurl").exists(),
        command: hurl,
    },
    Peer {
        name: "GNU parallel + curl",
        recorded: "a job log, answers, not synced",
        of: 40,
        is_there: || runs("parallel") && runs("curl"),
        command: parallel,
    },
];

/// Where `install.sh` puts what is not Debian's.
fn installed(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(what)
}

fn own(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(program)
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn creates(job: &Job<'_>) -> String {
    format!("{}/v1/videos/generations", job.url)
}

fn oha(job: &Job<'_>) -> Prepared {
    let mut command = Command::new(installed("bin/oha"));
    let (pairs, concurrency) = (job.pairs.to_string(), job.concurrency.to_string());
    command.args(["--no-tui", "-n", &pairs, "-c", &concurrency, "-m", "POST"]);
    command.args(["-H", &format!("authorization: Bearer {KEY}"), "-T", "application/json"]);
    command.args(["-d", &body(0), &creates(job)]);
    command.into()
}

fn undici(job: &Job<'_>) -> Prepared {
    let mut command = Command::new("node");
    command.arg(own("undici_peer.mjs")).arg(installed("undici"));
    of_ours(command, job)
}

fn aiohttp(job: &Job<'_>) -> Prepared {
    let mut command = Command::new(installed("aiohttp/bin/python"));
    command.arg(own("aiohttp_peer.py"));
    of_ours(command, job)
}

fn of_ours(mut command: Command, job: &Job<'_>) -> Prepared {
    command.args([creates(job), job.pairs.to_string(), job.concurrency.to_string()]);
    command.arg(job.folder);
    command.into()
}

/// A config file with a section for each pair, as its manual advises; each answer to a file.
fn curl(job: &Job<'_>) -> Prepared {
    let (url, mut config) = (creates(job), String::new());
    for n in 0..job.pairs {
        let separator = if n == 0 { "" } else { "next\n" };
        let body = body(n).replace('"', "\\\"");
        let _ = writeln!(
            config,
            "{separator}url = \"{url}\"\nheader = \"authorization: Bearer {KEY}\"\n\
             header = \"content-type: application/json\"\ndata = \"{body}\"\n\
             output = \"{}/{n}.json\"",
            job.folder.display()
        );
    }
    let file = job.folder.join("curl.config");
    fs::write(&file, config).expect("a config");
    let mut command = Command::new("curl");
    command.args(["--silent", "--parallel", "--parallel-max", &job.concurrency.to_string()]);
    command.arg("--config").arg(file);
    command.into()
}

/// One file with a pair for each request; jobs are files, so there are as many as are under way.
fn hurl(job: &Job<'_>) -> Prepared {
    let (url, mut files) = (creates(job), Vec::new());
    for worker in 0..job.concurrency {
        let mut text = String::new();
        for n in (worker..job.pairs).step_by(usize::try_from(job.concurrency).expect("a few")) {
            let _ = writeln!(
                text,
                "POST {url}\nauthorization: Bearer {KEY}\n{}\nHTTP 200\n[Asserts]\njsonpath \"$.id\" exists\n",
                body(n)
            );
        }
        let file = job.folder.join(format!("{worker}.hurl"));
        fs::write(&file, text).expect("a file");
        files.push(file);
    }
    let mut command = Command::new(installed("bin/hurl"));
    command.args(["--test", "--jobs", &job.concurrency.to_string()]).args(files);
    command.into()
}

/// A curl for each pair.
fn parallel(job: &Job<'_>) -> Prepared {
    let bodies: String = (0..job.pairs).map(|n| body(n) + "\n").collect();
    let (file, folder) = (job.folder.join("bodies"), job.folder.display());
    fs::write(&file, bodies).expect("a file");
    let curl = format!(
        "curl --silent --header 'authorization: Bearer {KEY}' \
         --header 'content-type: application/json' --data {{}} --output {folder}/{{#}}.json {}",
        creates(job)
    );
    let mut command = Command::new("parallel");
    command.args(["--will-cite", "--jobs", &job.concurrency.to_string(), "--joblog"]);
    command.arg(job.folder.join("log")).arg("--arg-file").arg(file).arg(curl);
    command.into()
}

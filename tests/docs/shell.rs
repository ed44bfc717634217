//! A shell that runs a block, for as long as a block may take.

use std::fmt;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::Folder;

/// No block takes longer, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A block under way.
pub(crate) struct Shell {
    child: Child,
    text: String,
    output: std::path::PathBuf,
}

/// How it ended, and what it said.
pub(crate) struct Said {
    /// `None` if it had to be killed.
    pub(crate) code: Option<i32>,
    text: String,
    output: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "ended with {code}")?,
            None => write!(f, "did not end")?,
        }
        write!(f, "\n{}\n--- it said\n{}", self.text, self.output)
    }
}

impl Shell {
    /// Starts a block in a folder, with nothing of this process's environment.
    pub(crate) fn start(folder: &Folder, text: &str) -> Self {
        let output = folder.path().join(".said");
        let file = File::create(&output).unwrap();
        let mut path = folder.bin().into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let child = Command::new("sh")
            .args(["-eu", "-c", text])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", folder.path())
            .env("LC_ALL", "C.UTF-8")
            .env("CALLSHEET_API_KEY", callsheet_mock::KEY)
            .env("CALLSHEET_ENDPOINT", folder.api().url())
            .env("CALLSHEET_POLL_INTERVAL", "100ms")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, text: text.to_owned(), output }
    }

    /// Presses Ctrl-C once it has said something.
    pub(crate) fn interrupted(self) -> Self {
        let began = Instant::now();
        while began.elapsed() < LIMIT && std::fs::metadata(&self.output).unwrap().len() == 0 {
            sleep(Duration::from_millis(50));
        }
        // What it says first it may say before it listens to signals.
        sleep(Duration::from_millis(300));
        self.signal(rustix::process::Signal::INT);
        self
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Said {
        let began = Instant::now();
        let mut ended = None;
        while began.elapsed() < LIMIT && ended.is_none() {
            ended = self.child.try_wait().unwrap();
            sleep(Duration::from_millis(10));
        }
        if ended.is_none() {
            self.signal(rustix::process::Signal::KILL);
            self.child.wait().unwrap();
        }
        let output = std::fs::read(&self.output).unwrap();
        let output = String::from_utf8_lossy(&output).into_owned();
        Said { code: ended.and_then(|status| status.code()), text: self.text, output }
    }

    /// Sends a signal to it and to all that it has started.
    fn signal(&self, signal: rustix::process::Signal) {
        let group = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process_group(group, signal).unwrap();
    }
}

//! Programs that tests start: each has a time limit, and one that hangs fails with what it said.

use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::sheet::Said;

/// No run of a test takes longer, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A program under way; it dies with its test.
pub(crate) struct Running {
    child: Child,
    /// Counts from its start.
    limit: Duration,
    started: Instant,
}

/// Runs a program to its end, or to the limit.
pub(crate) fn said(command: &mut Command) -> Said {
    Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped())).said()
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self { child: command.spawn().unwrap(), limit: LIMIT, started: Instant::now() }
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Waits for its end; what it writes to pipes has to fit into them.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.ends().unwrap_or_else(|| panic!("still running after {:?}", self.limit))
    }

    /// Waits for its end and gives all that it said.
    pub(crate) fn said(mut self) -> Said {
        let readers = (collect(self.child.stdout.take()), collect(self.child.stderr.take()));
        let ended = self.ends();
        if ended.is_none() {
            self.child.kill().unwrap();
        }
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (readers.0.join().unwrap(), readers.1.join().unwrap());
        let said = Said::of(&Output { status, stdout, stderr });
        assert!(ended.is_some(), "still running after {:?}: {said}", self.limit);
        said
    }

    /// How it ended; `None` if it has not by its limit.
    fn ends(&mut self) -> Option<ExitStatus> {
        while self.started.elapsed() < self.limit {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            sleep(Duration::from_millis(2));
        }
        self.child.try_wait().unwrap()
    }
}

/// Reads to the end in the background, so that a full pipe holds nobody up.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or nobody waits for it any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[cfg(unix)]
fn a_program_that_hangs_fails_with_what_it_said() {
    let mut hangs = Command::new("sh");
    hangs.args(["-c", "echo a word; exec sleep 60"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(&mut hangs).within(Duration::from_millis(300));
    let id = running.id();
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| running.said().code));
    let message = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("still running") && message.contains("a word"), "{message}");
    let alive = Command::new("kill").args(["-0", &id.to_string()]).output().unwrap();
    assert!(!alive.status.success(), "it goes on");
}

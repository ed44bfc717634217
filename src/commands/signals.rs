//! The signals that ask a run to end: Ctrl-C, SIGTERM, and SIGHUP when the terminal closes.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Whoever presses Ctrl-C twice within this time has pressed it once: nobody has read the answer.
const ONE_PRESS: Duration = Duration::from_millis(200);

/// Listens from the moment it is made.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// Nothing where it was ignored when the program began: `nohup` means that.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Waits for one that comes after people could have read what the last one did.
    pub(super) async fn another(&mut self) {
        let read = Instant::now() + ONE_PRESS;
        tokio::select! {
            biased;
            () = sleep_until(read) => {}
            () = self.all() => {}
        }
        self.next().await;
    }

    /// Takes every signal and never ends.
    async fn all(&mut self) {
        loop {
            self.next().await;
        }
    }
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let heeded = !is_ignored(SignalKind::hangup());
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: heeded.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = heard(hangup) => {}
        }
    }
}

#[cfg(unix)]
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with a signal ignored. Only Linux tells without unsafe code;
/// elsewhere none counts as ignored, so there the end of a terminal stops a run under `nohup` as
/// Ctrl-C does: in order, and to be continued.
#[cfg(unix)]
fn is_ignored(signal: tokio::signal::unix::SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, signal.as_raw_value())
}

#[cfg(unix)]
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// A write beyond the limit on the size of files fails from now on, as one to a full disk does; by
/// itself it kills the process, and with it the ids that it knows. Needs a runtime.
pub(super) fn outlive_file_limits() {
    #[cfg(unix)]
    {
        // Its number where it matters; std and tokio have no name for it.
        const SIGXFSZ: i32 = 25;
        use tokio::signal::unix::{SignalKind, signal};
        // The handler stays; what it hears is of no interest. Without it all is as before.
        let _ = signal(SignalKind::from_raw(SIGXFSZ));
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_ignored_is_read_from_the_mask() {
        let status = "Name:\tcallsheet\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert_eq!(
            [1, 2, 13, 15].map(|signal| ignores(status, signal)),
            [true, false, true, false]
        );
        assert!(!ignores("", 1) && !ignores("SigIgn: nonsense", 1));
    }
}

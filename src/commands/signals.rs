//! The signals that ask a run to end: Ctrl-C, SIGTERM, and SIGHUP when the terminal closes.

use std::io;

/// Listens from the moment it is made.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    kinds: [tokio::signal::unix::Signal; 3],
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kind = |kind| signal(kind);
        Ok(Self {
            kinds: [
                kind(SignalKind::interrupt())?,
                kind(SignalKind::terminate())?,
                kind(SignalKind::hangup())?,
            ],
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.kinds;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
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

//! The program that callsheet is a part of: it hears what happens in a run, and may end it.

use std::fmt;
use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::ledger::Change;

/// What a run tells its host. Without one, the process and its signals are the run's own.
#[derive(Clone)]
pub struct Host {
    events: UnboundedSender<Change>,
    /// How often the host has asked the run to end.
    pub stop: StopHandle,
}

/// Ends a run from outside.
#[derive(Debug, Clone)]
pub struct StopHandle(Arc<watch::Sender<u8>>);

impl Host {
    /// Changes go there, once they are committed.
    #[must_use]
    pub const fn new(events: UnboundedSender<Change>, stop: StopHandle) -> Self {
        Self { events, stop }
    }

    /// Tells the host what was committed. One that no longer listens misses it.
    pub fn tell(&self, changes: &[Change]) {
        for change in changes {
            let _ = self.events.unbounded_send(change.clone());
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Default for StopHandle {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl StopHandle {
    /// Starts no further create, lets those under way be answered, and writes everything down; the
    /// same run again goes on. The second time it ends at once: creates without an answer are in
    /// doubt.
    pub fn stop(&self) {
        self.0.send_modify(|times| *times = times.saturating_add(1));
    }

    /// Waits until it was asked for so many times.
    pub async fn asked(&self, times: u8) {
        // The sender is here, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|asked| *asked >= times).await;
    }
}

//! What waiting and talking run on.

use tokio::runtime::{Builder, Runtime};

use super::failure::Failure;
use crate::exit::Exit;

/// A runtime on this thread: the fan-out is one task, and moving its connections to other threads
/// costs more than it gains.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    spare_descriptors()?;
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Fault, format!("cannot start: {error}")))
}

/// Runtime, ledger and the first connections need a handful of file descriptors; tokio panics
/// where it finds none.
fn spare_descriptors() -> Result<(), Failure> {
    if !cfg!(unix) {
        return Ok(());
    }
    let opened: Result<Vec<_>, _> = (0..20).map(|_| std::fs::File::open("/dev/null")).collect();
    opened.map(drop).map_err(|error| {
        Failure::new(Exit::Fault, format!("cannot open enough files: {error}"))
            .hint("raise the limit, such as `ulimit -n 1024`, and give the same command again")
    })
}

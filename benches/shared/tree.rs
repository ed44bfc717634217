//! What a command takes with all that it starts, as Linux tells it in `/proc`.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::process::kilobytes;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a command took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    /// User and system time, that of its children included.
    pub(crate) cpu: f64,
    /// The most memory at once: its own peak, and what its children had beside it.
    pub(crate) megabytes: f64,
}

/// Waits for a child that has just been started.
pub(crate) fn wait(name: &str, mut child: Child) -> Took {
    let (started, before) = (Instant::now(), waited_for());
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(child.id()));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let seconds = started.elapsed().as_secs_f64();
    assert!(status.success(), "{name}: {status}");
    #[expect(clippy::cast_precision_loss, reason = "no machine has so much")]
    let megabytes = peak as f64 / 1024.0;
    Took { seconds, cpu: waited_for() - before, megabytes }
}

/// The time that all children took that this process has waited for, in seconds.
fn waited_for() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().expect("a line").split_whitespace();
    let ticks = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn memory(process: u32) -> u64 {
    let own = kilobytes(process, "VmHWM").unwrap_or(0);
    own + children(process).iter().map(|&child| resident(child)).sum::<u64>()
}

fn resident(process: u32) -> u64 {
    let own = kilobytes(process, "VmRSS").unwrap_or(0);
    own + children(process).iter().map(|&child| resident(child)).sum::<u64>()
}

fn children(process: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    list.unwrap_or_default().split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

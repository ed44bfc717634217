//! How much of a value is kept, and what is kept even then.

use super::Value;

/// How many values are kept.
const VALUES: usize = 8192;
/// How many bytes of text are kept.
const BYTES: usize = 256 * 1024;

/// The names that answers are read by: they are kept behind any number of others.
const WANTED: &[&str] = &[
    "id",
    "task_id",
    "taskId",
    "video_id",
    "object",
    "status",
    "error",
    "code",
    "type",
    "message",
    "msg",
    "data",
    "task_info",
    "estimated_time",
    "progress",
    "results",
    "result",
    "result_data",
    "result_url",
    "output",
    "video",
    "url",
    "video_url",
    "base_resp",
    "status_code",
    "status_msg",
    "detail",
    "title",
    "kind",
    "reason",
    "success",
    "failure_code",
    "usage",
    "credits_reserved",
    "credits_used",
];

/// What is left of the room for one body.
#[derive(Debug, Default)]
pub(super) struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn spend(&mut self, value: &Value) {
        self.values += 1;
        self.bytes += value.shown().map_or(0, str::len);
    }

    /// Whether there is room for just anything.
    pub(super) fn is_left(&self) -> bool {
        self.values < VALUES && self.bytes < BYTES
    }

    /// Whether there is room for what a name stands for.
    pub(super) fn is_left_for(&self, name: &str) -> bool {
        let last = self.values < 2 * VALUES && self.bytes < 2 * BYTES;
        self.is_left() || last && is_wanted(name)
    }
}

pub(super) fn is_wanted(name: &str) -> bool {
    WANTED.contains(&name)
}

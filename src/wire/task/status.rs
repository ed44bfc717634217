//! The words in which servers say where a task stands, without case.

use serde_json::Value;

use super::text;

/// What a status word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// None yet.
    Working,
    /// There should be a video.
    Good,
    /// There will be none, with the code that this has where the server gives none.
    Bad(&'static str),
    /// Nobody knows; not the end.
    Unknown,
}

/// A status where it was found.
pub(super) struct Status<'a> {
    pub(super) end: End,
    /// In lower case.
    pub(super) word: String,
    /// The object that it stands in.
    pub(super) layer: &'a Value,
}

/// What a task's end is called when it is the code of its failure.
const FAILED: &str = "unknown_error";
/// Codes with which a wrapper says that all is well; the last is Volcengine's.
const ALL_WELL: [&str; 6] = ["0", "200", "success", "ok", "true", "10000"];

fn end(word: &str) -> End {
    match word {
        "pending" | "processing" | "queued" | "running" | "in_progress" | "submitted"
        | "not_start" | "starting" | "started" | "created" | "waiting" | "queuing" | "queueing"
        | "generating" | "preparing" | "in_queue" | "throttled" => End::Working,
        "completed" | "success" | "succeed" | "succeeded" | "finished" | "done" => End::Good,
        "failed" | "fail" | "failure" | "error" => End::Bad(FAILED),
        "cancelled" | "canceled" => End::Bad("request_cancelled"),
        "timeout" => End::Bad("generation_timeout"),
        "expired" => End::Bad("expired"),
        "rejected" => End::Bad("rejected"),
        "aborted" => End::Bad("aborted"),
        _ => End::Unknown,
    }
}

/// The status of the task. A wrapper may have a status of its own, `success` among them, so the
/// inner one counts; of several, one that is known.
pub(super) fn find(answer: &Value) -> Option<Status<'_>> {
    let layers = [&answer["data"], &answer["output"], answer];
    let mut unknown = None;
    for layer in layers {
        for key in ["status", "task_status", "state"] {
            let Some(word) = layer.get(key).and_then(text) else { continue };
            let word = word.trim().to_ascii_lowercase();
            let status = Status { end: end(&word), word, layer };
            match status.end {
                End::Unknown => drop(unknown.get_or_insert(status)),
                End::Working | End::Good | End::Bad(_) => return Some(status),
            }
        }
    }
    unknown
}

impl Status<'_> {
    /// The code that says that a good end is none: Volcengine ends every task as `done`.
    pub(super) fn denial(&self, answer: &Value) -> Option<String> {
        let code = text(&self.layer["code"]).or_else(|| text(&answer["code"]));
        code.filter(|code| self.word == "done" && !is_all_well(code))
    }
}

/// Whether a code says that nothing is wrong.
pub(super) fn is_all_well(code: &str) -> bool {
    ALL_WELL.contains(&code.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_read_without_case_and_only_known_ones_end_a_task() {
        for (words, expected) in [
            ("pending PROCESSING Queued SUBMITTED NOT_START generating THROTTLED", End::Working),
            ("completed SUCCESS succeed SUCCEEDED Finished done", End::Good),
            ("failed Fail FAILURE error", End::Bad(FAILED)),
            ("cancelled CANCELED", End::Bad("request_cancelled")),
            ("unknown UNKNOWN dreaming complete fail! not_found", End::Unknown),
        ] {
            for word in words.split(' ') {
                let answer = json!({"status": format!(" {word} ")});
                assert_eq!(find(&answer).unwrap().end, expected, "{word}");
            }
        }
        for word in ["timeout", "expired", "rejected", "aborted"] {
            assert!(matches!(end(word), End::Bad(_)), "{word}");
        }
        assert!(find(&json!({"status": null, "data": [1]})).is_none());
    }

    #[test]
    fn the_inner_status_counts() {
        for (answer, expected) in [
            (json!({"status": "success", "data": {"status": "processing"}}), End::Working),
            (json!({"status": 200, "data": {"status": "completed"}}), End::Good),
            (json!({"code": 200, "data": {"state": "fail"}}), End::Bad(FAILED)),
            (json!({"output": {"task_status": "SUCCEEDED"}}), End::Good),
            (json!({"status": "completed", "data": {"state": "california"}}), End::Good),
            (json!({"data": {"task_status": "succeed"}}), End::Good),
        ] {
            assert_eq!(find(&answer).unwrap().end, expected, "{answer}");
        }
    }
}

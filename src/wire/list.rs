//! The tasks in an account's own list, in whatever shape a service or an export has them.
//!
//! EvoLink has `{data: […], total, page, page_size}`; New API relays wrap `{items: […], total}` in
//! `data` and answer a bad token with HTTP 200 and `success: false`; exports are lists of rows. The
//! names of their columns are those of the answers, so one reader serves all.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Received, bounded, is_success};
use crate::pair::TaskId;

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub task: TaskId,
    /// When it was made, if the list says.
    pub made_at: Option<Timestamp>,
    /// Which model makes it, if the list says.
    pub model: Option<String>,
    /// What it is made of, if the list says: portrait and recording.
    pub inputs: Option<(String, String)>,
    /// The request that made it, by the service's own name for that, if the list says.
    pub request: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The tasks, in the list's order.
    pub tasks: Vec<Listed>,
    /// How many rows there were, those without a task's id included.
    pub rows: usize,
    /// How many there are in all, if the list says.
    pub total: Option<u64>,
}

/// Why there is no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ListError {
    text: String,
    too_often: bool,
}

impl ListError {
    /// For what kept the question from being asked or answered.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: bounded(text), too_often: false }
    }

    /// Whether it was asked for too often, and is to be had later.
    #[must_use]
    pub const fn is_too_often(&self) -> bool {
        self.too_often
    }

    /// The same in other words.
    #[must_use]
    pub fn said(&self, change: impl Fn(&str) -> String) -> Self {
        Self { text: change(&self.text), ..*self }
    }
}

/// The tasks in an answer.
///
/// # Errors
/// What the server said instead, bounded: a bad token is answered with 200 by some.
pub fn judge_list(received: &Received) -> Result<ListPage, ListError> {
    read_list(&answered(received)?).ok_or_else(no_list)
}

/// The tasks in a log of requests: of the rows that name both a request and its task. A number of
/// such a row is that of a database's.
///
/// # Errors
/// As [`judge_list`].
pub fn judge_log(received: &Received) -> Result<Vec<Listed>, ListError> {
    let named = |row: &Map<String, Value>| {
        task_in(row)?;
        read_row(row).filter(|listed| listed.request.is_some())
    };
    read_rows(&answered(received)?, &named).map(|page| page.tasks).ok_or_else(no_list)
}

fn no_list() -> ListError {
    ListError::new("an answer that is no list")
}

/// The JSON of an answer that does not say no.
fn answered(received: &Received) -> Result<Value, ListError> {
    let too_often = received.status == 429;
    let failed = |text: String| Err(ListError { too_often, ..ListError::new(&text) });
    if let Some(why) = &received.cut {
        return failed(format!("the list was cut: {why}"));
    }
    let body = received.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&received.body);
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["message", "error"].iter().find_map(|key| text(value.get(key)));
    let said = said.or_else(|| text(value.get("error")?.get("message")));
    match is_success(received.status) && value.get("success") != Some(&Value::Bool(false)) {
        true => Ok(value),
        false => {
            let said = said.map_or_else(String::new, |said| format!(": {said}"));
            failed(format!("HTTP {}{said}", received.status))
        }
    }
}

/// The tasks in a list or in what it is wrapped in; `None` where there is no list.
#[must_use]
pub fn read_list(value: &Value) -> Option<ListPage> {
    read_rows(value, &read_row)
}

fn read_rows(
    value: &Value,
    read: &dyn Fn(&Map<String, Value>) -> Option<Listed>,
) -> Option<ListPage> {
    const WRAPS: [&str; 6] = ["data", "items", "tasks", "results", "list", "records"];
    if let Value::Array(rows) = value {
        let tasks = rows.iter().filter_map(Value::as_object).filter_map(read).collect();
        return Some(ListPage { tasks, rows: rows.len(), total: None });
    }
    let wrapper = value.as_object()?;
    let inner = WRAPS.iter().find_map(|name| read_rows(wrapper.get(*name)?, read))?;
    let total = wrapper.get("total").and_then(Value::as_u64);
    Some(ListPage { total: inner.total.or(total), ..inner })
}

/// One row, its columns by their names; `None` without a usable id of a task.
#[must_use]
pub fn read_row(row: &Map<String, Value>) -> Option<Listed> {
    // A relay's `id` is the number of a database's row where `task_id` stands beside it.
    let task = task_in(row).or_else(|| first(row, &["id", "request_id"]))?;
    let properties = wrapped(row, "properties").unwrap_or_default();
    let model = first(row, &["model", "model_name", "origin_model_name"]);
    Some(Listed {
        task: TaskId::parse(&task).ok()?,
        made_at: ["submit_time", "created_at", "created", "create_time", "createTime", "time"]
            .iter()
            .find_map(|name| time(row.get(*name)?)),
        model: model.or_else(|| first(&properties, &["origin_model_name", "model"])),
        inputs: inputs(row),
        request: first(row, &["request_id", "x_request_id", "requestId"]),
    })
}

/// What a row calls a task, and nothing else of it.
fn task_in(row: &Map<String, Value>) -> Option<String> {
    let nested = || wrapped(row, "other").and_then(|other| text(other.get("task_id")));
    first(row, &["task_id", "taskId", "task"]).or_else(nested)
}

/// Portrait and recording, in the row itself or in one of the places where lists keep requests.
fn inputs(row: &Map<String, Value>) -> Option<(String, String)> {
    let of = |place: &Map<String, Value>| {
        let image = first(place, &["image_url", "image"])?;
        Some((image, first(place, &["audio_url", "audio"])?))
    };
    let places = ["input", "inputs", "request", "param", "params", "properties", "body"];
    of(row).or_else(|| {
        places.iter().find_map(|name| {
            let place = wrapped(row, name)?;
            of(&place).or_else(|| of(&wrapped(&place, "input")?))
        })
    })
}

/// An object, or the text of one.
fn wrapped(row: &Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    match row.get(name)? {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn first(row: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(row.get(*name)))
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds or milliseconds since 1970, or a date.
fn time(value: &Value) -> Option<Timestamp> {
    let text = text(Some(value))?;
    if let Ok(number) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "Timestamp refuses what does not fit")]
        let millis = if number.abs() < 1e11 { (number * 1000.0) as i64 } else { number as i64 };
        return Timestamp::from_millisecond(millis).ok().filter(|_| millis > 0);
    }
    let zoned = text.parse().ok();
    zoned.or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, body: &str) -> Result<ListPage, ListError> {
        judge_list(&Received { status, body: body.into(), ..Received::default() })
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_list_is_found_in_every_wrapping() {
        for (body, total) in [
            (r#"{"data":[{"id":"t1"},{"id":"t2"}],"total":40,"page":1}"#, Some(40)),
            (r#"{"success":true,"data":{"total":7,"items":[{"id":"t1"},{"id":"t2"}]}}"#, Some(7)),
            (r#"[{"task_id":"t1","id":17},{"taskId":"t2"}]"#, None),
            ("\u{feff}{\"data\":{\"records\":[{\"task\":\"t1\"},{\"id\":\"t2\"}]}}", None),
        ] {
            let page = page(200, body).unwrap();
            let ids: Vec<_> = page.tasks.iter().map(|task| task.task.as_str()).collect();
            assert_eq!((&ids[..], page.total, page.rows), (&["t1", "t2"][..], total, 2), "{body}");
        }
    }

    #[test]
    fn what_is_no_list_says_what_it_is() {
        let said = |status, body| page(status, body).unwrap_err().to_string();
        assert_eq!(
            said(200, r#"{"success":false,"message":"无效的令牌"}"#),
            "HTTP 200: 无效的令牌"
        );
        assert_eq!(said(401, r#"{"error":{"message":"no"}}"#), "HTTP 401: no");
        assert_eq!(said(502, "<html>"), "HTTP 502");
        for body in ["{}", "<html>", r#"{"data":{"items":"none"}}"#] {
            assert_eq!(said(200, body), "an answer that is no list", "{body}");
        }
        let cut = Received { status: 200, cut: Some("reset".into()), ..Received::default() };
        assert!(judge_list(&cut).is_err());
        assert_eq!(page(200, r#"{"data":[],"total":0}"#).unwrap().total, Some(0));
    }

    #[test]
    fn times_come_in_seconds_milliseconds_and_dates() {
        for (time, is) in [
            ("1757165031", at("2025-09-06T13:23:51Z")),
            ("1757165031123", at("2025-09-06T13:23:51.123Z")),
            ("\"1757165031\"", at("2025-09-06T13:23:51Z")),
            ("\"2025-09-06T15:23:51+02:00\"", at("2025-09-06T13:23:51Z")),
            ("\"2025-09-06 13:23:51\"", at("2025-09-06T13:23:51Z")),
            ("0", None),
            ("\"soon\"", None),
        ] {
            let page = page(200, &format!("[{{\"id\":\"t\",\"created_at\":{time}}}]")).unwrap();
            assert_eq!(page.tasks[0].made_at, is, "{time}");
        }
    }

    #[test]
    fn inputs_are_found_where_lists_keep_them() {
        let inputs = Some(("i".to_owned(), "a".to_owned()));
        for row in [
            r#""image_url":"i","audio_url":"a""#,
            r#""input":{"image_url":"i","audio_url":"a"}"#,
            r#""param":"{\"input\":{\"image_url\":\"i\",\"audio_url\":\"a\"}}""#,
            r#""properties":{"input":"{\"image\":\"i\",\"audio\":\"a\"}"}"#,
        ] {
            let page = page(200, &format!("[{{\"id\":\"t\",{row}}}]")).unwrap();
            assert_eq!(page.tasks[0].inputs, inputs, "{row}");
        }
        assert_eq!(page(200, r#"[{"id":"t","image_url":"i"}]"#).unwrap().tasks[0].inputs, None);
    }

    #[test]
    fn a_log_row_names_the_request_and_perhaps_the_task() {
        let row = r#"[{"id":3,"request_id":"r1","other":"{\"task_id\":\"t9\"}","created_at":5}]"#;
        let page = page(200, row).unwrap();
        assert_eq!(page.tasks[0].task.as_str(), "t9");
        assert_eq!(page.tasks[0].request.as_deref(), Some("r1"));
    }

    #[test]
    fn a_log_is_believed_only_where_it_names_both() {
        let body = r#"{"success":true,"data":[
            {"id":3,"request_id":"r1","other":"{\"task_id\":\"t9\"}"},
            {"id":4,"request_id":"r2","other":"{\"is_task\":true}"},
            {"id":5,"request_id":"","other":"{\"task_id\":\"t8\"}"},
            {"id":6,"request_id":"r4","task_id":"t7"}]}"#;
        let received = Received { status: 200, body: body.into(), ..Received::default() };
        let tasks = judge_log(&received).unwrap();
        let named: Vec<_> =
            tasks.iter().map(|t| (t.request.as_deref().unwrap(), t.task.as_str())).collect();
        assert_eq!(named, [("r1", "t9"), ("r4", "t7")]);
        let refused = Received { status: 429, ..Received::default() };
        assert!(judge_log(&refused).is_err());
    }
}

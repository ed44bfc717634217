//! Pairs in doubt as they are shown: what was sent, what came back, and which task it seems to name.

pub(super) mod sheet;

use serde_json::{Value, json};

use crate::ledger::Doubt;
use crate::pair::{Role, without_queries, without_query};
use crate::view::{self, printable, readable};

/// How much of an answer's body people are shown, in characters: a line of 80 columns.
const BODY: usize = 60;
/// Headers by which whoever runs the service finds the request again, or that say where to look,
/// besides all whose names speak of a request or a trace.
const IDENTIFYING: [&str; 4] = ["cf-ray", "location", "operation-location", "retry-after"];
/// What programs are given as well.
const TELLING: [&str; 4] = ["date", "server", "via", "x-cache"];

/// A doubt in a few lines, for people.
pub(super) fn describe(doubt: &Doubt) -> String {
    let sent = doubt.sent_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let row = &doubt.row;
    let listed = [&row.image_url, &row.audio_url].map(|url| without_query(url));
    let [image, audio] = listed.each_ref().map(|text| printable(text));
    let [code, why] = [&row.error_code, &row.error].map(|text| printable(text));
    let request = request(doubt);
    let urls = Role::BOTH.map(|role| request[role.field()].as_str().unwrap_or_default());
    // The account's list of tasks knows files by where they were uploaded.
    let uploaded = match urls == listed.each_ref().map(String::as_str) {
        true => String::new(),
        false => format!("      uploaded: {} + {}\n", printable(urls[0]), printable(urls[1])),
    };
    let mut text = format!(
        "  {}  sent {sent}\n      {image} + {audio}\n{uploaded}      {code}: {why}",
        row.id
    );
    for line in came_back(doubt) {
        text.push_str(&format!("\n      {line}"));
    }
    text
}

/// The task, the headers and the beginning of the body that an answer had.
fn came_back(doubt: &Doubt) -> Vec<String> {
    let proposed = doubt.proposed.as_ref().map(|task| format!("seems to name the task {task}"));
    let mut lines: Vec<_> = proposed.into_iter().collect();
    let Some(evidence) = shown(doubt) else { return lines };
    let (head, body) = evidence.split_once("\n\n").unwrap_or((&evidence, ""));
    let header = |(name, value)| printable(&format!("{name}: {value}")).into_owned();
    lines.extend(headers(head).filter(|(name, _)| is_identifying(name)).map(header));
    let body = printable(body.trim()).into_owned();
    // What is short was said with the error.
    if !body.is_empty() && !doubt.row.error.contains(&body) {
        lines.push(format!("came back: {}", beginning(&body)));
    }
    lines
}

/// The service's own names for a request, which its log knows: in the headers of the answer, and in
/// the error in its body, which may quote an upstream's, too.
pub(super) fn request_ids(doubt: &Doubt) -> Vec<String> {
    let Some(evidence) = shown(doubt) else { return Vec::new() };
    let (head, body) = evidence.split_once("\n\n").unwrap_or((&evidence, ""));
    let mut ids: Vec<String> = headers(head)
        .filter(|(name, _)| is_request_id(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect();
    let quoted = body.split("request id: ").skip(1);
    let quoted = quoted.filter_map(|rest| rest.split(|c: char| !is_of_id(c)).next());
    ids.extend(quoted.filter(|id| !id.is_empty()).map(str::to_owned));
    ids.dedup();
    ids
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:".contains(c)
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(BODY) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().filter_map(|line| line.split_once(": "))
}

fn is_identifying(name: &str) -> bool {
    IDENTIFYING.contains(&name.to_ascii_lowercase().as_str()) || is_request_id(name)
}

fn is_request_id(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["request-id", "requestid", "request_id", "trace", "log-id", "logid"];
    words.iter().any(|word| name.contains(word))
}

/// The raw answer as text, without the signatures of signed URLs.
fn shown(doubt: &Doubt) -> Option<String> {
    doubt.evidence.as_deref().map(|bytes| without_queries(&readable(bytes)))
}

/// What was sent; signed URLs without their signatures.
fn request(doubt: &Doubt) -> Value {
    let mut request: Value = serde_json::from_str(&doubt.body).unwrap_or_default();
    for role in Role::BOTH {
        if let Some(url) = request.get_mut(role.field()) {
            *url = url.as_str().map(without_query).into();
        }
    }
    request
}

/// A doubt with all that is known, for programs.
pub(super) fn json(doubt: &Doubt) -> Value {
    let mut value = view::json(&doubt.row);
    let evidence = shown(doubt);
    let head = evidence.as_deref().and_then(|text| text.split("\n\n").next()).unwrap_or_default();
    let told = |name: &str| is_identifying(name) || TELLING.contains(&name);
    let headers: serde_json::Map<_, _> = headers(head)
        .filter(|(name, _)| told(name))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    value["sent_at"] = doubt.sent_at.to_string().into();
    value["request"] = request(doubt);
    value["proposed_task_id"] = doubt.proposed.clone().into();
    value["headers"] = headers.into();
    value["evidence"] = evidence.into();
    value
}

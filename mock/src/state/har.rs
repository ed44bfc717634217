//! The journal as an HTTP archive (HAR 1.2), which browsers and proxies show and replay.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::journal::{Exchange, Said};

/// The archive. What a fault did on the wire has no place in one: such an entry tells it in its
/// comment, and has the status 0 if none went out.
pub(crate) fn har(url: &str, exchanges: &[(Exchange, Said)]) -> Value {
    let entries: Vec<_> =
        exchanges.iter().map(|(exchange, said)| entry(url, exchange, said)).collect();
    let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
}

fn entry(url: &str, exchange: &Exchange, said: &Said) -> Value {
    let millis = i64::try_from(exchange.unix_millis).unwrap_or(i64::MAX);
    let began = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX).to_string();
    let answered = exchange.answer.unwrap_or_default();
    let comment = match (exchange.answer, answered.fault) {
        (None, _) => "under way",
        (_, Some(fault)) => fault.name(),
        (_, None) if !answered.delivered => "the client was gone",
        (_, None) => "",
    };
    json!({
        "startedDateTime": began,
        "time": answered.millis,
        "request": request(url, exchange),
        "response": response(answered.status, said),
        "cache": {},
        "timings": {"send": 0, "wait": answered.millis, "receive": 0},
        "connection": exchange.connection.to_string(),
        "comment": comment,
    })
}

fn request(url: &str, exchange: &Exchange) -> Value {
    let query = exchange.target.split_once('?').map_or("", |(_, query)| query);
    let query = form_urlencoded::parse(query.as_bytes());
    let query: Vec<_> = query.map(|(name, value)| pair(&name, &value)).collect();
    let headers = exchange.headers.iter().map(|(name, value)| pair(name, value));
    // Of large bodies only the beginning is kept.
    let length = exchange.header("content-length").and_then(|length| length.parse().ok());
    let mut request = json!({
        "method": exchange.method,
        "url": format!("{url}{}", exchange.target),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers.collect::<Vec<_>>(),
        "queryString": query,
        "headersSize": -1,
        "bodySize": length.unwrap_or(exchange.body.len()),
    });
    if !exchange.body.is_empty() {
        let mime = exchange.header("content-type").unwrap_or_default();
        request["postData"] = json!({"mimeType": mime, "text": exchange.body});
    }
    request
}

fn response(status: Option<u16>, said: &Said) -> Value {
    // Where no status went out, nothing did.
    let none = Said::default();
    let said = if status.is_some() { said } else { &none };
    let named = |wanted: &str| {
        let mut headers = said.headers();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value).unwrap_or_default()
    };
    let mut content = json!({"size": said.size, "mimeType": named("content-type")});
    if let Some(text) = said.text() {
        content["text"] = json!(text);
    }
    json!({
        "status": status.unwrap_or(0),
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": said.headers().map(|(name, value)| pair(name, value)).collect::<Vec<_>>(),
        "content": content,
        "redirectURL": named("location"),
        "headersSize": -1,
        "bodySize": said.size,
    })
}

fn pair(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

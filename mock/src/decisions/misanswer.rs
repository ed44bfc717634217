//! The answers of the faults that are answers: refusals, gateways' pages, and odd kinds of yes.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::decisions::chance::Strike;
use crate::decisions::refuse;
use crate::http::answer::Answer;
use crate::words::fault::Fault;
use crate::words::span::whole_seconds;

const HTML: &str = "text/html";
const PROXY_413: &str = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n\
    <body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n</body>\r\n</html>\r\n";
const PROXY_524: &str = "<!DOCTYPE html>\n<html><head><title>524: A timeout occurred</title></head>\
    <body><h1>A timeout occurred</h1><p>Error code 524</p></body></html>\n";
const LANDING_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\
    <body>It works.</body></html>\n";

/// What a fault that books nothing answers at this time of day. On the wire it may meet a worse
/// fate.
pub(crate) fn refusal(strike: Strike, today: SystemTime) -> Answer {
    match strike.fault {
        Fault::Status307 => elsewhere(),
        Fault::Status400 => {
            invalid(400, "invalid_image_url", "image_url cannot be fetched: the host said 404")
        }
        Fault::Status401 => refuse::unauthorized("this key has expired"),
        Fault::Status402 => refuse::balance_used_up(),
        Fault::Status403 => {
            let what = "this key may not use the model";
            Answer::error(403, "permission_error", "access_denied", what)
        }
        Fault::Status403Proxy => Answer::text(403, "text/plain", "error code: 1010"),
        Fault::Status404 => invalid(404, "model_not_found", "no channel offers this model"),
        Fault::Status408 => invalid(408, "request_timeout", "gave up waiting for the request"),
        Fault::Status409 => refuse::conflict("another request is under way"),
        Fault::Status413Html => Answer::text(413, HTML, PROXY_413),
        Fault::Status422 => {
            let what = "this channel takes no advanced options";
            invalid(422, "unsupported_advanced_options", what)
        }
        Fault::Status429 => refuse::too_many("too many requests", strike.retry_after),
        Fault::Status429Date => retry_at(today + strike.retry_after),
        Fault::Status429Bare => Answer::empty(429),
        Fault::Status429Quota => {
            let what = "you exceeded your current quota";
            Answer::error(429, "insufficient_quota", "insufficient_quota", what)
        }
        Fault::Status503 => {
            gateway(503).header("retry-after", whole_seconds(strike.retry_after).to_string())
        }
        Fault::Status502 => gateway(502),
        Fault::Status504 => gateway(504),
        Fault::Status524Html => Answer::text(524, HTML, PROXY_524),
        Fault::Html => Answer::text(200, HTML, LANDING_PAGE),
        Fault::Empty => Answer::empty(200),
        // The rest are resets and the like, of whose answer nothing is sent.
        _ => gateway(500),
    }
}

/// What a fault that strikes after the create was booked answers instead of `created`.
pub(crate) fn booked(fault: Fault, created: &Value) -> Answer {
    match fault {
        Fault::Status500AfterAccept => gateway(500),
        Fault::Status502AfterAccept => gateway(502),
        Fault::Status504AfterAccept => gateway(504),
        Fault::Status524HtmlAfterAccept => Answer::text(524, HTML, PROXY_524),
        Fault::WithoutIdAfterAccept => Answer::json(200, &without_id(created)),
        Fault::HtmlAfterAccept => Answer::text(200, HTML, LANDING_PAGE),
        Fault::EmptyAfterAccept => Answer::empty(200),
        Fault::OnlyIdAfterAccept => Answer::json(201, &json!({"id": created["id"]})),
        Fault::OddAfterAccept => Answer::json(200, &odd(created)),
        _ => Answer::json(200, created),
    }
}

/// Whether a client that reads the answer whole, and reads it well, learns the task's id.
pub(crate) fn tells_the_id(fault: Option<Fault>) -> bool {
    match fault {
        None => true,
        Some(fault) => matches!(
            fault,
            Fault::DripAfterAccept
                | Fault::HugeAfterAccept
                | Fault::OnlyIdAfterAccept
                | Fault::OddAfterAccept
                | Fault::TwiceAfterAccept
        ),
    }
}

fn invalid(status: u16, code: &str, message: &str) -> Answer {
    Answer::error(status, "invalid_request_error", code, message)
}

fn elsewhere() -> Answer {
    invalid(307, "temporary_redirect", "the endpoint has moved")
        .header("location", "/v2/videos/generations")
}

fn gateway(status: u16) -> Answer {
    let (code, message) = match status {
        502 => ("bad_gateway", "the gateway got no valid answer from upstream"),
        503 => ("service_unavailable", "the service is overloaded"),
        504 => ("gateway_timeout", "upstream did not answer in time"),
        _ => ("internal_error", "something went wrong"),
    };
    Answer::error(status, "server_error", code, message)
}

/// 429 with `Retry-After` as a date. Dates have whole seconds: the wait is rounded up.
fn retry_at(time: SystemTime) -> Answer {
    let date = httpdate::fmt_http_date(time + Duration::from_secs(1));
    Answer::error(429, "rate_limit_error", "rate_limit_exceeded", "too many requests")
        .header("retry-after", date)
}

fn without_id(created: &Value) -> Value {
    let mut body = created.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("id");
    }
    body
}

/// Everything but `id` is unlike the documentation; seen of live services, piece by piece.
fn odd(created: &Value) -> Value {
    json!({
        "id": created["id"], "object": null, "status": "completed", "progress": 100,
        "model": null, "results": null, "task_info": null, "created": "now",
        "usage": {"credits_reserved": 5, "billing_rule": "per_call"}, "unknown": [{"field": 1}],
    })
}

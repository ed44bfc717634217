//! Answers that name no task: in doubt, planned, rejected, or the end of the run.

use crate::answers::{Case, TASK, check, raw};

const DOUBTS: &[Case] = &[
    (
        "a request's id, 500",
        || raw("500 Bad", r#"{"id":"req-1","message":"m"}"#),
        "in_doubt http_500 5",
        "",
    ),
    (
        "a failed task, 500",
        || raw("500 Bad", r#"{"id":"t1","status":"failed"}"#),
        "in_doubt http_500 5",
        "",
    ),
    (
        "an error beside an id",
        || raw("200 OK", r#"{"id":"t1","error":{"message":"busy"}}"#),
        "in_doubt no_task_id 5",
        "busy",
    ),
    (
        "an id elsewhere",
        || raw("200 OK", r#"{"code":"success","data":{"task_id":"t1"}}"#),
        "in_doubt no_task_id 5",
        "",
    ),
    (
        "a page",
        || raw("200 OK", "<html><title>Sign in</title>to the Wi-Fi</html>"),
        "in_doubt not_the_api 5",
        "HTTP 200 with what is not the API's: Sign in to the Wi-Fi",
    ),
    ("a status of nobody", || raw("444 None", ""), "in_doubt http_444 5", ""),
    ("460", || raw("460 None", r#"{"error":{"message":"m"}}"#), "in_doubt http_460 5", ""),
    ("499", || raw("499 None", "<html>"), "in_doubt http_499 5", ""),
    ("an unknown 4xx", || raw("430 None", "<html>"), "in_doubt http_430 5", ""),
    (
        "522",
        || raw("522 None\r\nserver: cloudflare\r\ncf-ray: 1", "error code: 522"),
        "in_doubt http_522 5",
        "error code: 522",
    ),
    (
        "a number without Cloudflare",
        || raw("521 None", "error code: 521"),
        "in_doubt http_521 5",
        "",
    ),
    (
        "a retry of a relay",
        || raw("500 Bad", r#"{"code":"get_channel_failed","message":"无可用渠道（retry）"}"#),
        "in_doubt get_channel_failed 5",
        "",
    ),
    (
        "Envoy, later",
        || {
            raw(
                "503 No",
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            )
        },
        "in_doubt http_503 5",
        "",
    ),
    (
        "a redirect to a task",
        || raw("302 Found\r\nlocation: /v1/tasks/t1", ""),
        "in_doubt http_302 5",
        "points to /v1/tasks/t1",
    ),
    (
        "see other",
        || raw("303 See\r\nlocation: /done?token=SIGNED", ""),
        "in_doubt http_303 5",
        "points to /done?…",
    ),
    (
        "gzip that is broken",
        || raw("200 OK\r\ncontent-encoding: gzip", b"\x1f\x8b\x08rubbish"),
        "in_doubt not_the_api 5",
        "",
    ),
    ("not a number", || raw("2OO OK", TASK), "in_doubt no_answer 5", "invalid HTTP status-code"),
    (
        "a zero byte in the head",
        || raw("200 OK\r\nx: a\0b", TASK),
        "in_doubt no_answer 5",
        "invalid HTTP header",
    ),
    (
        "another protocol",
        || b"RTSP/1.0 200 OK\r\n\r\n{\"id\":\"t1\"}".to_vec(),
        "in_doubt no_answer 5",
        "invalid HTTP version",
    ),
];

#[test]
fn what_may_hide_a_task_is_in_doubt() {
    check(DOUBTS, false);
}

const PLANNED: &[Case] = &[
    (
        "307",
        || raw("307 Away\r\nlocation: /v2/videos", ""),
        "planned not_the_api 4",
        "points to /v2/videos",
    ),
    (
        "a portal",
        || raw("302 Away\r\nlocation: https://portal.example/login?back=SIGNED", ""),
        "planned not_the_api 4",
        "points to https://portal.example/login?…",
    ),
    (
        "404 of a deploy",
        || raw("404 Not Found", "<h1>404</h1> nginx"),
        "planned not_the_api 4",
        "answered HTTP 404 with what is not the API's: 404 nginx",
    ),
    (
        "404 without a word",
        || raw("404 Not Found\r\nserver: envoy", ""),
        "planned not_the_api 4",
        "answered HTTP 404 without a word",
    ),
    (
        "a wrong address",
        || {
            raw(
                "404 No",
                r#"{"error":{"message":"Invalid URL (POST /v1/videos/generations)","type":"invalid_request_error"}}"#,
            )
        },
        "planned not_the_api 4",
        "Invalid URL",
    ),
    ("405", || raw("405 No", "Method Not Allowed"), "planned not_the_api 4", "Method Not Allowed"),
    (
        "407",
        || raw("407 Who", "Proxy Authentication Required"),
        "planned not_the_api 4",
        "http://127.0.0.1",
    ),
    (
        "400 of a proxy",
        || raw("400 Bad", "<center>400 The plain HTTP request was sent to HTTPS port</center>"),
        "planned not_the_api 4",
        "plain HTTP request",
    ),
    ("413 of a proxy", || raw("413 Large", "<html>"), "planned not_the_api 4", ""),
    (
        "the distributor",
        || {
            raw(
                "503 No",
                r#"{"error":{"message":"No available channel for model m (distributor)","type":"new_api_error","code":"model_not_found"}}"#,
            )
        },
        "planned model_not_found 4",
        "(distributor)",
    ),
    (
        "Cloudflare",
        || raw("521 Down\r\ncf-ray: 1", "error code: 521"),
        "planned http_521 4",
        "error code: 521",
    ),
    ("Envoy", || raw("503 No", "no healthy upstream"), "planned http_503 4", "no healthy upstream"),
    ("too many", || raw("429 Slow", ""), "planned http_429 4", ""),
    (
        "too many, a request's id",
        || raw("429 Slow", r#"{"id":"req-1","message":"m"}"#),
        "planned http_429 4",
        "",
    ),
];

#[test]
fn where_nothing_can_have_been_made_the_pair_stays_planned() {
    check(PLANNED, true);
}

const ENDS: &[Case] = &[
    (
        "400",
        || raw("400 Bad", r#"{"error":{"message":"m","code":"bad_image"}}"#),
        "rejected bad_image 3",
        "",
    ),
    (
        "404 with a request's id",
        || raw("404 No", r#"{"id":"req-1","message":"no such model"}"#),
        "rejected http_404 3",
        "no such model",
    ),
    ("flat", || raw("422 No", r#"{"code":50411,"message":"m"}"#), "rejected 50411 3", ""),
    (
        "a relay's own account",
        || raw("403 No", r#"{"code":"fail_to_fetch_task","message":"insufficient_user_quota"}"#),
        "rejected fail_to_fetch_task 3",
        "",
    ),
    (
        "white balance",
        || raw("400 Bad", r#"{"error":{"message":"the white balance is insufficient"}}"#),
        "rejected http_400 3",
        "",
    ),
    (
        "401 with a request's id",
        || raw("401 No", r#"{"id":"req-1","message":"m"}"#),
        "planned http_401 7",
        "does not accept the key",
    ),
    (
        "402 with a request's id",
        || raw("402 No", r#"{"id":"req-1","message":"m"}"#),
        "planned http_402 7",
        "the balance is used up",
    ),
    (
        "the balance in a 200",
        || {
            raw(
                "200 OK",
                r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            )
        },
        "planned 1008 7",
        "the balance is used up",
    ),
    (
        "the balance in a 404",
        || raw("404 No", r#"{"error":{"code":"ModelNotOpen","message":"m"}}"#),
        "planned ModelNotOpen 7",
        "plan",
    ),
    (
        "the key's day",
        || raw("402 No", r#"{"error":{"code":"key_daily_quota_exhausted","message":"m"}}"#),
        "planned key_daily_quota_exhausted 7",
        "midnight",
    ),
    (
        "the edge",
        || raw("403 No\r\ncf-ray: 1", "error code: 1020"),
        "planned http_403 7",
        "error code: 1020",
    ),
];

#[test]
fn refusals_reject_the_pair_and_a_dead_account_stops_the_run() {
    check(ENDS, false);
}

//! A row for each line of what is known about the API's answers.

use super::*;

fn answered(status: u16, body: &str) -> Judgement {
    judge(&Wire::Answered(Received { status, body: body.into(), ..Received::default() }))
}

fn proof(status: u16, body: &str) -> Proof {
    answered(status, body).proof
}

fn evidence(judgement: &Judgement) -> String {
    String::from_utf8_lossy(judgement.evidence.as_deref().unwrap()).into_owned()
}

fn task(id: &str) -> Proof {
    Proof::Created(TaskId::parse(id).unwrap())
}

const DOCUMENTED: &str = r#"{"created":1757165031,"id":"task-unified-1757165031-uyujaw3d",
    "model":"omnihuman-1.5","object":"video.generation.task","progress":0,"status":"pending",
    "task_info":{"can_cancel":true,"estimated_time":45},"type":"video"}"#;

#[test]
fn the_documented_answer_names_a_task_and_keeps_no_evidence() {
    let judgement = answered(200, DOCUMENTED);
    assert_eq!(judgement.proof, task("task-unified-1757165031-uyujaw3d"));
    assert_eq!(judgement.evidence, None);
    assert_eq!((judgement.code.as_str(), judgement.message.as_str()), ("", ""));
}

#[test]
fn a_usable_id_is_kept_however_odd_the_rest_is() {
    for (status, body) in [
        (201, r#"{"id":"t1"}"#),
        (202, r#"{"status":"failed","error":{"code":"x"},"id":"t1"}"#),
        (200, r#"{"id":"t1","created":null,"task_info":[],"status":17}"#),
        (200, "\u{feff}{\"id\":\"t1\"}"),
        (200, r#"{"id":"t1"} trailing"#),
        (200, r#"{"id":"t1","model":"omnihum"#),
        (200, r#"{"id":"t1","id":"t2"}"#),
        (502, r#"{"id":"t1","status":"pending"}"#),
        (409, r#"{"id":"t1","error":null}"#),
    ] {
        assert_eq!(proof(status, body), task("t1"), "{status} {body}");
    }
    assert_eq!(proof(200, r#"{"id":4711}"#), task("4711"));
}

#[test]
fn an_odd_answer_that_names_a_task_is_kept_as_evidence() {
    for (status, body) in [(502, r#"{"id":"t1"}"#), (200, r#"{"id":"t1","x":"#)] {
        assert!(evidence(&answered(status, body)).contains("t1"));
    }
}

#[test]
fn a_success_without_a_usable_id_is_in_doubt() {
    for body in [
        "",
        "OK",
        "<html>queued</html>",
        "{}",
        "[]",
        "null",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":".."}"#,
        r#"{"id":"a/b"}"#,
        r#"{"id":{"id":"t1"}}"#,
        r#"{"data":{"id":"t1"}}"#,
        r#"{"id":"t"#,
        r#"{"error":{"message":"busy"}}"#,
    ] {
        let judgement = answered(200, body);
        assert_eq!(judgement.proof, Proof::InDoubt, "{body}");
        assert!(evidence(&judgement).ends_with(body), "{body}");
    }
    assert_eq!(proof(200, &format!(r#"{{"id":"{}"}}"#, "x".repeat(257))), Proof::InDoubt);
}

#[test]
fn refusals_reject_the_pair() {
    for status in [400, 404, 405, 410, 413, 415, 418, 422, 425, 451] {
        assert_eq!(proof(status, ""), Proof::Rejected, "{status}");
    }
    let body = r#"{"error":{"message":"no such model","type":"invalid_request_error",
        "code":"model_not_found"}}"#;
    let judgement = answered(404, body);
    assert_eq!(judgement.proof, Proof::Rejected);
    assert_eq!(judgement.code, "model_not_found");
    assert_eq!(judgement.message, "no such model");
    assert_eq!(answered(400, r#"{"error":{"code":40001,"message":"m"}}"#).code, "40001");
    assert_eq!(answered(400, r#"{"error":"plain text"}"#).message, "plain text");
    assert_eq!(proof(400, r#"{"id":"req-7","error":{"message":"m"}}"#), Proof::Rejected);
}

#[test]
fn redirects_are_refusals_that_say_where_to() {
    let to = "https://other.example/v1?token=secret".to_owned();
    let headers = vec![("location".to_owned(), to)];
    let received = Received { status: 307, headers, ..Received::default() };
    let judgement = judge(&Wire::Answered(received));
    assert_eq!(judgement.proof, Proof::Rejected);
    assert!(judgement.message.contains("https://other.example/v1?…"), "{}", judgement.message);
}

#[test]
fn statuses_that_may_hide_a_task_are_in_doubt() {
    for status in [408, 409, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 599, 600, 999] {
        assert_eq!(proof(status, "<html>oops</html>"), Proof::InDoubt, "{status}");
    }
}

#[test]
fn a_dead_account_stops_however_it_is_dressed() {
    let stop = Proof::AccountStop;
    assert_eq!(proof(401, ""), stop(Account::Key));
    assert_eq!(proof(403, "error code: 1010"), stop(Account::Forbidden));
    assert_eq!(answered(403, "error code: 1010").message, "HTTP 403: error code: 1010");
    assert_eq!(proof(402, ""), stop(Account::Balance));
    for (status, error) in [
        (429, r#"{"code":"insufficient_quota"}"#),
        (429, r#"{"type":"insufficient_user_quota","code":null}"#),
        (403, r#"{"code":"insufficient_user_quota"}"#),
        (400, r#"{"type":"quota_exceeded","code":4003}"#),
        (500, r#"{"code":"INSUFFICIENT_BALANCE"}"#),
        (200, r#"{"code":402,"message":"top up"}"#),
        (429, r#"{"code":"insufficient_credits"}"#),
    ] {
        let body = format!(r#"{{"error":{error}}}"#);
        assert_eq!(proof(status, &body), stop(Account::Balance), "{status} {error}");
    }
    assert_eq!(proof(429, r#"{"code":"quota_exceeded"}"#), stop(Account::Balance));
}

#[test]
fn too_many_requests_is_a_wait() {
    assert_eq!(proof(429, ""), Proof::Wait);
    assert_eq!(proof(429, r#"{"error":{"code":"rate_limit_exceeded"}}"#), Proof::Wait);
    let headers = vec![("retry-after".to_owned(), "7".to_owned())];
    let received = Received { status: 429, headers, ..Received::default() };
    let judgement = judge(&Wire::Answered(received));
    assert_eq!((judgement.proof, judgement.retry_after.as_deref()), (Proof::Wait, Some("7")));
}

#[test]
fn only_what_was_never_sent_may_be_sent_again() {
    let reason = || "refused".to_owned();
    assert_eq!(judge(&Wire::NotSent { reason: reason() }).proof, Proof::NotSent);
    assert_eq!(judge(&Wire::Unable { reason: reason() }).proof, Proof::Unable);
    assert_eq!(judge(&Wire::Lost { reason: reason() }).proof, Proof::InDoubt);
}

#[test]
fn a_cut_body_says_so() {
    let received = Received {
        status: 200,
        body: b"{\"created\":17".to_vec(),
        cut: Some("reset by peer".to_owned()),
        ..Received::default()
    };
    let judgement = judge(&Wire::Answered(received));
    assert_eq!(judgement.proof, Proof::InDoubt);
    assert!(judgement.message.contains("reset by peer"));
    assert!(evidence(&judgement).contains("{\"created\":17"));
}

#[test]
fn what_is_kept_is_bounded() {
    let judgement = answered(500, &"x".repeat(1_000_000));
    assert!(judgement.evidence.unwrap().len() < 20_000);
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "y".repeat(100_000));
    assert_eq!(answered(400, &long).message.len(), 500);
}

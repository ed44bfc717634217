//! A row for each line of what is known about the API's answers.

mod gateway;

use super::*;

const KEY: &str = "sk-0123456789abcdef";

fn judged(received: Received) -> Judgement {
    judge(&Wire::Answered(received), &ApiKey::parse(KEY).unwrap())
}

fn answered(status: u16, body: &str) -> Judgement {
    judged(Received { status, body: body.into(), ..Received::default() })
}

fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Judgement {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (headers, body) = (headers.collect(), body.into());
    let origin = "https://api.example".to_owned();
    judged(Received { status, headers, body, origin, ..Received::default() })
}

fn proposed(judgement: &Judgement) -> Option<&str> {
    judgement.proposed.as_ref().map(TaskId::as_str)
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
fn the_documented_answer_names_a_task_and_nobody_has_to_look() {
    let judgement = answered(200, DOCUMENTED);
    assert_eq!(judgement.proof, task("task-unified-1757165031-uyujaw3d"));
    assert!(judgement.ordinary);
    assert_eq!((judgement.code.as_str(), judgement.message.as_str()), ("", ""));
}

#[test]
fn a_usable_id_is_kept_however_odd_the_rest_is() {
    for (status, body) in [
        (201, r#"{"id":"t1"}"#),
        (202, r#"{"status":"failed","id":"t1"}"#),
        (200, r#"{"id":"t1","created":null,"task_info":[],"status":17}"#),
        (200, r#"{"id":"t1","message":"queued"}"#),
        (200, r#"{"id":"t1","error":null}"#),
        (200, r#"{"id":"t1","error":false}"#),
        (200, r#"{"id":"t1","error":{}}"#),
        (200, r#"{"id":"t1","error":"","code":0}"#),
        (200, r#"{"id":"t1","code":"Success","message":""}"#),
        (200, r#"{"id":"t1","code":200,"success":true}"#),
        (200, "\u{feff}{\"id\":\"t1\"}"),
        (200, r#"{"x":[NaN,"\ud800"],"id":"t1"}"#),
        (200, r#"{"id":"t1"} trailing"#),
        (200, r#"{"id":"t1"}{"code":"insert_task_failed","id":"t2"}"#),
        (200, r#"{"id":"t1","model":"omnihum"#),
        (200, r#"{"id":"t1","id":"t2"}"#),
        (200, r#"{"id":"t1","object":"video.generation.task","error":{"code":"x"}}"#),
        (502, r#"{"id":"t1","status":"pending"}"#),
        (409, r#"{"id":"t1","status":"Processing","code":0}"#),
        (500, r#"{"id":"t1","status":"completed","error":null}"#),
        (400, r#"{"id":"t1","object":"video.generation.task","code":"x","message":"m"}"#),
        (302, r#"{"id":"t1","object":"video.generation.task","status":"failed"}"#),
    ] {
        assert_eq!(proof(status, body), task("t1"), "{status} {body}");
    }
    for digits in ["4711", "1757165031.50", "123456789012345678901234567890"] {
        assert_eq!(proof(200, &format!("{{\"id\":{digits}}}")), task(digits));
    }
}

#[test]
fn an_odd_answer_that_names_a_task_is_kept_as_evidence() {
    for (status, body) in [
        (502, r#"{"id":"t1","status":"pending"}"#),
        (200, r#"{"id":"t1","x":"#),
        (200, r#"{"id":"t1","x":NaN}"#),
        (200, r#"{"id":"t1"}{}"#),
    ] {
        assert!(evidence(&answered(status, body)).contains("t1"), "{body}");
    }
}

#[test]
fn the_id_of_a_request_is_no_task() {
    for (status, expected) in [
        (400, Proof::Rejected),
        (401, Proof::AccountStop(Account::Key)),
        (402, Proof::AccountStop(Account::Balance)),
        (404, Proof::Rejected),
        (429, Proof::Wait),
        (500, Proof::InDoubt),
    ] {
        for body in [
            r#"{"id":"req-1","message":"something went wrong"}"#,
            r#"{"id":"req-1","code":"x","message":"m","status":"pending"}"#,
            r#"{"id":"req-1","error":{"message":"m"},"status":"failed"}"#,
            r#"{"id":"req-1","object":"error","error":{"message":"m"}}"#,
        ] {
            let judgement = answered(status, body);
            assert_eq!(judgement.proof, expected, "{status} {body}");
            let shown = (expected == Proof::InDoubt).then_some("req-1");
            assert_eq!(proposed(&judgement), shown, "{status} {body}");
        }
    }
}

#[test]
fn an_id_in_another_place_is_proposed() {
    for body in [
        r#"{"task_id":"t1"}"#,
        r#"{"task_id":"t1","data":{"id":17}}"#,
        r#"{"data":{"task_id":"t1","id":17}}"#,
        r#"{"code":"success","message":"","data":{"id":"t1"}}"#,
        r#"{"code":200,"data":[{"status":"submitted","task_id":"t1"}]}"#,
        r#"{"output":{"task_id":"t1","task_status":"PENDING"},"request_id":"r"}"#,
        r#"{"result":{"task":{"id":"t1"}}}"#,
        r#"{"id":"t1","error":{"message":"busy","id":"e"}}"#,
        r#"{"id":"t1","code":"not_quite","message":"m"}"#,
        r#"{"id":"t1","success":false}"#,
        r#"{"data":{"id":"t1"},"x":"#,
    ] {
        let judgement = answered(200, body);
        assert_eq!(judgement.proof, Proof::InDoubt, "{body}");
        assert_eq!(proposed(&judgement), Some("t1"), "{body}");
        assert!(evidence(&judgement).ends_with(body), "{body}");
    }
    for name in ["location", "operation-location"] {
        for link in ["/v1/tasks/t1?x=1", "https://api.example/v1/videos/generations/t1/"] {
            assert_eq!(proposed(&with(202, &[(name, link)], "")), Some("t1"), "{link}");
        }
    }
    for link in ["/v1/videos/generations", "/login/t1", "t1"] {
        assert_eq!(proposed(&with(202, &[("location", link)], "")), None, "{link}");
    }
}

#[test]
fn a_success_without_a_usable_id_is_in_doubt() {
    for (body, code) in [
        ("", "no_task_id"),
        (" \r\n", "no_task_id"),
        ("{}", "no_task_id"),
        ("[]", "no_task_id"),
        (r#"{"id":null}"#, "no_task_id"),
        (r#"{"id":""}"#, "no_task_id"),
        (r#"{"id":".."}"#, "no_task_id"),
        (r#"{"id":"a/b"}"#, "no_task_id"),
        (r#"{"id":"t"#, "no_task_id"),
        (r#"{"id":17"#, "no_task_id"),
        (r#"{"error":{"message":"busy"}}"#, "no_task_id"),
        (r#"{"code":"busy","message":"m"}"#, "busy"),
        ("OK", "not_the_api"),
        ("null", "not_the_api"),
        ("<html>queued</html>", "not_the_api"),
    ] {
        let judgement = answered(200, body);
        assert_eq!(judgement.proof, Proof::InDoubt, "{body}");
        assert_eq!((judgement.code.as_str(), proposed(&judgement)), (code, None), "{body}");
        assert!(evidence(&judgement).ends_with(body), "{body}");
    }
    assert_eq!(proof(200, &format!(r#"{{"id":"{}"}}"#, "x".repeat(257))), Proof::InDoubt);
}

#[test]
fn refusals_in_the_apis_json_reject_the_pair() {
    let body = r#"{"error":{"message":"m","type":"invalid_request_error"}}"#;
    for status in [400, 404, 405, 410, 413, 415, 418, 422, 425, 451] {
        assert_eq!(proof(status, body), Proof::Rejected, "{status}");
        assert_eq!(proof(status, r#"{"code":7,"message":"m"}"#), Proof::Rejected, "{status}");
    }
    let body = r#"{"error":{"message":"no such model","type":"invalid_request_error",
        "code":"model_not_found"}}"#;
    let judgement = answered(404, body);
    assert_eq!(judgement.proof, Proof::Rejected);
    assert_eq!(judgement.code, "model_not_found");
    assert_eq!(judgement.message, "no such model");
    assert_eq!(answered(400, r#"{"error":{"code":40001,"message":"m"}}"#).code, "40001");
    assert_eq!(answered(400, r#"{"error":"plain text"}"#).message, "plain text");
}

#[test]
fn statuses_that_may_hide_a_task_are_in_doubt() {
    for status in [408, 409, 444, 460, 499, 500, 501, 502, 503, 504, 520, 522, 524, 599, 600, 999] {
        for body in ["<html>oops</html>", "", r#"{"error":{"code":"x","message":"m"}}"#] {
            assert_eq!(proof(status, body), Proof::InDoubt, "{status} {body}");
        }
    }
    for status in [406, 410, 412, 418, 422, 423, 424, 425, 428, 451, 480, 498] {
        assert_eq!(proof(status, "<html>oops</html>"), Proof::InDoubt, "{status}");
    }
}

#[test]
fn a_dead_account_stops_however_it_is_dressed() {
    let stop = Proof::AccountStop;
    assert_eq!(proof(401, ""), stop(Account::Key));
    assert_eq!(proof(403, "error code: 1010"), stop(Account::Forbidden));
    assert_eq!(answered(403, "error code: 1010").message, "HTTP 403: error code: 1010");
    assert_eq!(proof(402, "<html>"), stop(Account::Balance));
}

#[test]
fn too_many_requests_is_a_wait() {
    for body in ["", "<html>", "error code: 1015", r#"{"error":{"code":"rate_limit_exceeded"}}"#] {
        assert_eq!(proof(429, body), Proof::Wait);
    }
    let judgement = with(429, &[("retry-after", "7")], "");
    assert_eq!((judgement.proof, judgement.retry_after.as_deref()), (Proof::Wait, Some("7")));
}

#[test]
fn only_what_was_never_sent_may_be_sent_again() {
    let reason = || format!("refused by Bearer {KEY}");
    let key = ApiKey::parse(KEY).unwrap();
    for (wire, expected) in [
        (Wire::NotSent { reason: reason(), lasting: None }, Proof::NotSent),
        (Wire::Unable { reason: reason() }, Proof::Unable),
        (Wire::Lost { reason: reason(), error: reason() }, Proof::InDoubt),
    ] {
        let judgement = judge(&wire, &key);
        assert_eq!(judgement.proof, expected);
        assert_eq!(judgement.message, "refused by Bearer ***");
        let kept = judgement.evidence.map(|bytes| String::from_utf8(bytes).unwrap());
        let expected = (expected == Proof::InDoubt).then_some("no answer\n\nrefused by Bearer ***");
        assert_eq!(kept.as_deref(), expected);
    }
}

#[test]
fn the_key_is_removed_before_anything_is_cut() {
    // Where evidence and messages end, and wherever else.
    let ends = [0, 400, 480, 490, 499, 16_300, 16_370, 16_384];
    for (end, near) in ends.iter().flat_map(|end| (0..40).step_by(3).map(move |near| (end, near))) {
        let text = "x".repeat((end + near) as usize);
        for body in [
            format!("{{\"error\":{{\"message\":\"{text}{KEY}\"}}}}"),
            format!("{text}{KEY}"),
            format!("<p>{text}{}", KEY.replace('-', "&#45;")),
        ] {
            let judgement = answered(502, &body);
            let kept = evidence(&judgement) + &judgement.message;
            assert!(!kept.contains("sk-0") && !kept.contains("sk&#45;0"), "{end} {near}");
        }
    }
    let judgement = answered(200, &format!("{{\"id\":\"{KEY}\",\"task_id\":\"{KEY}\"}}"));
    assert_eq!((judgement.proof.clone(), proposed(&judgement)), (Proof::InDoubt, None));
    assert!(evidence(&judgement).ends_with("{\"id\":\"***\",\"task_id\":\"***\"}"));
}

#[test]
fn a_cut_body_says_so() {
    let received = Received {
        status: 200,
        body: b"{\"created\":17".to_vec(),
        cut: Some("reset by peer".to_owned()),
        ..Received::default()
    };
    let judgement = judged(received);
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

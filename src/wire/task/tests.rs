//! What answers to polls are taken for.

use super::*;

const U: &str = "https://cdn.example/v.mp4";

fn poll(status: u16, body: &str) -> Poll {
    let asked = TaskId::parse("t1").unwrap();
    judge_poll(&Received { status, body: body.into(), ..Received::default() }, &asked)
}

fn news(body: &str) -> TaskNews {
    match poll(200, body) {
        Poll::News(news) => news,
        other => panic!("{body}: {other:?}"),
    }
}

fn completed() -> TaskNews {
    TaskNews::Completed { url: U.to_owned(), bill: Bill::default() }
}

#[test]
fn a_link_is_taken_whatever_the_end_is_called() {
    for status in ["completed", "SUCCEEDED", "dreaming", "failed", "CANCELED", "expired"] {
        let body = format!(r#"{{"status":"{status}","results":["{U}"]}}"#);
        assert_eq!(news(&body), completed(), "{status}");
    }
    assert_eq!(news(&format!(r#"{{"results":["{U}"]}}"#)), completed());
    let preview = news(&format!(r#"{{"status":"processing","results":["{U}"]}}"#));
    assert!(matches!(preview, TaskNews::Working { .. }), "a preview is not the end");
}

#[test]
fn completed_without_a_link_is_not_the_end() {
    for rest in [r#""results":null,"progress":50"#, r#""results":[]"#, r#""results":[{}]"#] {
        let body = format!("{{\"status\":\"completed\",{rest}}}");
        assert_eq!(news(&body), TaskNews::CompletedWithoutResult, "{rest}");
    }
}

#[test]
fn a_failure_has_a_code_in_every_spelling() {
    for (body, code, message) in [
        (r#"{"status":"failed","error":{"code":"x","message":"m"}}"#, "x", "m"),
        (r#"{"status":"FAILED","error":{"code":17}}"#, "17", ""),
        (r#"{"status":"failed","error":"m"}"#, "unknown_error", "m"),
        (r#"{"status":"failed","error":null}"#, "unknown_error", ""),
        (r#"{"status":"cancelled"}"#, "request_cancelled", ""),
        (r#"{"status":"Timeout"}"#, "generation_timeout", ""),
        (r#"{"status":"expired"}"#, "expired", ""),
        (
            r#"{"code":"success","data":{"status":"FAILURE","fail_reason":"m"}}"#,
            "unknown_error",
            "m",
        ),
        (r#"{"code":200,"data":{"state":"fail","failCode":"501","failMsg":"m"}}"#, "501", "m"),
        (r#"{"data":{"task_status":"failed","task_status_msg":"m"}}"#, "unknown_error", "m"),
        (r#"{"code":50413,"message":"m","data":{"status":"done"}}"#, "50413", ""),
    ] {
        let (code, message) = (code.to_owned(), message.to_owned());
        assert_eq!(news(body), TaskNews::Failed { code, message, bill: Bill::default() }, "{body}");
    }
    let done = |code: &str| {
        news(&format!(r#"{{"code":{code},"data":{{"status":"done","video_url":null}}}}"#))
    };
    for code in ["10000", "0", "200", "\"success\"", "null"] {
        assert_eq!(done(code), TaskNews::CompletedWithoutResult, "{code}");
    }
}

#[test]
fn what_goes_on_goes_on() {
    let working = |status: &str, progress| {
        let status = status.to_owned();
        TaskNews::Working { status, progress }
    };
    assert_eq!(news(r#"{"status":"pending","progress":0}"#), working("pending", Some(0)));
    assert_eq!(news(r#"{"status":"processing","progress":"half"}"#), working("processing", None));
    assert_eq!(
        news(r#"{"data":{"status":"IN_PROGRESS","progress":"45.5%"}}"#),
        working("in_progress", Some(45))
    );
    for status in ["dreaming", "unknown", "complete"] {
        let body = format!("{{\"status\":\"{status}\"}}");
        assert_eq!(news(&body), TaskNews::Unknown(status.to_owned()));
    }
    assert_eq!(news("{}"), TaskNews::Unknown(String::new()));
}

#[test]
fn an_answer_that_others_could_not_read_is_read() {
    for body in [
        format!("\u{feff}{{\"status\":\"completed\",\"results\":[\"{U}\"]}}"),
        format!(r#"{{"progress":NaN,"status":"completed","results":["{U}"]}}"#),
        format!("{{\"prompt\":\"a\nb\\ud800\",\"status\":\"completed\",\"results\":[\"{U}\"]}}"),
        format!(r#"{{"status":"completed","results":["{U}"]}}{{"code":"insert_task_failed"}}"#),
        format!(r#"{{"code":200,"message":"","data":{{"status":"SUCCESS","result_url":"{U}"}}}}"#),
        format!(r#"{{"code":"success","data":{{"status":"SUCCESS","fail_reason":"{U}"}}}}"#),
    ] {
        assert_eq!(news(&body), completed(), "{body}");
    }
}

#[test]
fn one_poll_that_went_wrong_means_nothing() {
    for (status, body) in [
        (408, ""),
        (425, ""),
        (429, ""),
        (500, ""),
        (500, r#"{"code":"task_not_exist","message":"the database is away"}"#),
        (502, "<html>"),
        (200, "{"),
        (200, "[]"),
        (200, "<html>Welcome to our hotel</html>"),
        (400, r#"{"error":{"code":"bad_request","message":"task_not_exist is no word"}}"#),
        (200, r#"{"code":500,"message":"m","data":null}"#),
        (200, r#"{"error":{"message":"m"}}"#),
        (404, "<html><h1>404 Not Found</h1>nginx</html>"),
        (404, "error code: 1001"),
        (404, r#"{"error":{"message":"Invalid URL (GET /v1/tasks/t1)","type":"x"}}"#),
    ] {
        assert!(matches!(poll(status, body), Poll::TryAgain { .. }), "{status} {body}");
    }
    for status in [401, 402, 403] {
        assert!(matches!(poll(status, ""), Poll::AccountStop { .. }));
    }
}

#[test]
fn a_task_that_is_not_there_is_said_in_many_ways() {
    for (status, body) in [
        (404, ""),
        (404, "\r\n"),
        (410, "{}"),
        (404, r#"{"error":{"message":"task not found"}}"#),
        (400, r#"{"code":"task_not_exist","message":"task_not_exist","data":null}"#),
        (400, r#"{"error":{"code":"TASK_NOT_EXIST","message":"m"}}"#),
        (422, r#"{"code":404,"msg":"recordInfo is null"}"#),
        (200, r#"{"code":404,"msg":"recordInfo is null","data":null}"#),
        (200, r#"{"code":10000,"data":{"status":"not_found"}}"#),
    ] {
        assert_eq!(poll(status, body), Poll::NotFound, "{status} {body}");
    }
}

#[test]
fn an_answer_about_another_task_is_told_apart() {
    let body = |ids: &str| format!(r#"{{{ids},"status":"completed","results":["{U}"]}}"#);
    let shown = vec![TaskId::parse("t2").unwrap()];
    assert_eq!(poll(200, &body(r#""id":"t2""#)), Poll::Another { shown, news: completed() });
    assert_eq!(news(&body(r#""id":17,"task_id":"t1""#)), completed());
}

#[test]
fn a_link_is_against_the_host_of_the_api() {
    let host = Url::parse("https://api.example").unwrap();
    let poll = poll(200, r#"{"status":"completed","results":["/v/a b.mp4"]}"#).at(&host);
    let url = "https://api.example/v/a%20b.mp4".to_owned();
    assert_eq!(poll, Poll::News(TaskNews::Completed { url, bill: Bill::default() }));
}

#[test]
fn what_the_user_sent_is_not_tried_again() {
    assert!(may_be_tried_again("generation_timeout"));
    assert!(!may_be_tried_again("content_policy_violation") && !may_be_tried_again("new_code"));
}

//! What answers to polls are taken for, and that one task's trouble is its own.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rude::{Rude, answer, reset};
use crate::sheet::{KEY, Sheet, side_by_side};
use crate::stops::until;
use crate::studio::VIDEO;

/// One answer: status, headers, body.
pub(crate) type Reply = (&'static str, &'static str, String);

/// One poll.
pub(crate) struct Asked<'a> {
    pub(crate) task: &'a str,
    /// Counts the polls of this task, from 0.
    pub(crate) nth: usize,
    /// Where the server is.
    pub(crate) host: String,
}

impl Asked<'_> {
    pub(crate) fn completed(&self) -> Reply {
        let Self { task, host, .. } = self;
        ok(&format!(r#"{{"id":"{task}","status":"completed","results":["{host}/{task}.mp4"]}}"#))
    }

    fn working(&self, progress: usize) -> Reply {
        let task = self.task;
        ok(&format!(r#"{{"id":"{task}","status":"processing","progress":{progress}}}"#))
    }
}

pub(crate) fn ok(body: &str) -> Reply {
    ("200 OK", "", body.to_owned())
}

fn unknown() -> Reply {
    ("404 Not Found", "", r#"{"error":{"message":"no such task"}}"#.to_owned())
}

fn refused(status: &'static str) -> Reply {
    (status, "", format!(r#"{{"error":{{"message":"no {KEY}"}}}}"#))
}

/// A task of the API is called after the image of its pair: `t0` is that of `pair-0`.
fn is_ours(task: &str) -> bool {
    task.starts_with('t') && task.len() < 4
}

/// Makes every task, answers polls as it is told, and has the videos. A create takes `delay`.
fn slow_api(delay: Duration, polls: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Rude {
    let seen = Mutex::new(HashMap::new());
    Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let host = format!("http://{}", connection.local_addr().unwrap());
        if request.starts_with("POST") {
            sleep(delay);
            let image =
                request.split("example.com/").nth(1).and_then(|rest| rest.split('.').next());
            let body = format!("{{\"id\":\"t{}\"}}", image.unwrap());
            answer(connection, "200 OK", "", &body);
        } else if let Some(task) = path.strip_prefix("/v1/tasks/") {
            let nth =
                *seen.lock().unwrap().entry(task.to_owned()).and_modify(|n| *n += 1).or_insert(0);
            let (status, headers, body) = polls(&Asked { task, nth, host });
            if status.is_empty() {
                return reset(connection);
            }
            answer(connection, status, headers, &body);
        } else {
            film(path, connection);
        }
    })
}

pub(crate) fn api(polls: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Rude {
    slow_api(Duration::ZERO, polls)
}

/// Another video for each path: equal ones would be pointed out.
pub(crate) fn film(path: &str, connection: &mut TcpStream) {
    let size = u32::try_from(path.len() + 8).unwrap().to_be_bytes();
    let video = [VIDEO, &size, b"free", path.as_bytes()].concat();
    let length = video.len();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = connection.write_all(&[head.as_bytes(), &video].concat());
}

/// How many creates and polls of a task a server has seen.
pub(crate) fn creates(server: &Rude) -> usize {
    server.requests().iter().filter(|request| request.starts_with("POST")).count()
}

pub(crate) fn polls(server: &Rude, task: &str) -> usize {
    let start = format!("GET /v1/tasks/{task} ");
    server.requests().iter().filter(|request| request.starts_with(&start)).count()
}

/// The state and the error's code of a pair.
pub(crate) fn stands(sheet: &Sheet, pair: &str) -> (String, String) {
    let row = sheet.rows().remove(pair).unwrap();
    (row["state"].clone(), row["error_code"].clone())
}

pub(crate) fn standing(state: &str, code: &str) -> (String, String) {
    (state.to_owned(), code.to_owned())
}

#[test]
fn every_dress_of_a_video_is_fetched() {
    let dresses = [
        r#"{"id":"t0","status":"SUCCEEDED","results":["HOST/v.mp4"]}"#,
        r#"{"id":"t0","status":"failed","error":{"code":"x"},"results":[{"url":"HOST/v.mp4"}]}"#,
        r#"{"code":"success","message":"","data":{"task_id":"t0","status":"SUCCESS","result_url":"HOST/v.mp4"}}"#,
        r#"{"code":200,"data":{"id":"t0","status":"completed","result":{"videos":[{"url":["HOST/v.mp4"]}]}}}"#,
        r#"{"code":200,"data":{"state":"success","resultJson":"{\"resultUrls\":[\"HOST/v.mp4\"]}"}}"#,
        r#"{"output":{"task_status":"SUCCEEDED","video_url":"HOST/v.mp4"}}"#,
        r#"{"status":"succeeded","content":{"video_url":"HOST/v.mp4"}}"#,
        r#"{"id":"t0","status":"done","metadata":{"url":"/output/my video.mp4"}}"#,
        r#"{"id":"t0","status":"finished","output":["output/v.mp4"]}"#,
        r#"{"id":17,"task_id":"t0","status":"completed","video_url":"HOST/v.mp4"}"#,
        "\u{feff}{\"id\":\"t0\",\"eta\":NaN,\"prompt\":\"\\ud83d\n\",\"status\":\"completed\",\"url\":\"HOST/v.mp4\"}{\"code\":1}",
        r#"{"data":[{"id":"t9","status":"failed"},{"id":"t0","status":"completed","url":"HOST/v.mp4"}]}"#,
    ];
    side_by_side(dresses, |dress| {
        let server = api(move |asked| ok(&dress.replace("HOST", &asked.host)));
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{dress}: {said}");
        assert_eq!(stands(&sheet, "pair-0"), standing("saved", ""), "{dress}");
        assert_eq!(polls(&server, "t0"), 1, "{dress}");
    });
}

#[test]
fn every_word_for_a_failure_ends_the_task() {
    let failures = [
        (r#"{"id":"t0","status":"Expired"}"#, "expired"),
        (r#"{"id":"t0","status":"REJECTED"}"#, "rejected"),
        (r#"{"id":"t0","status":"aborted"}"#, "aborted"),
        (r#"{"id":"t0","status":"timeout"}"#, "generation_timeout"),
        (r#"{"data":{"task_id":"t0","status":"FAILURE","fail_reason":"x"}}"#, "unknown_error"),
        (r#"{"code":50413,"data":{"status":"done","video_url":""}}"#, "50413"),
    ];
    side_by_side(failures, |(body, code)| {
        let server = api(move |_| ok(body));
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 3, "{body}: {said}");
        assert_eq!(stands(&sheet, "pair-0"), standing("failed", code), "{body}");
    });
}

#[test]
fn what_says_nothing_of_the_task_means_nothing() {
    let nothings: [Reply; 9] = [
        ("404 Not Found", "content-type: text/html\r\n", "<html>nginx</html>".to_owned()),
        ("404 Not Found", "", r#"{"error":{"message":"Invalid URL (GET /v1/tasks)"}}"#.to_owned()),
        ("400 Bad Request", "", r#"{"code":"task_not_exist","data":null}"#.to_owned()),
        ("404 Not Found", "", String::new()),
        ("429 Slow", "retry-after: 1\r\n", String::new()),
        ("503 Away", "", "no healthy upstream".to_owned()),
        ("302 Found", "location: http://hotel.example/login\r\n", String::new()),
        ok("<html>Welcome to our hotel</html>"),
        ok(r#"{"code":500,"message":"busy","data":null}"#),
    ];
    side_by_side(nothings, |nothing| {
        let what = format!("{nothing:?}");
        let server = api(move |asked| match asked.nth {
            0 | 1 => nothing.clone(),
            _ => asked.completed(),
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{what}: {said}");
        assert_eq!(polls(&server, "t0"), 3, "{what}");
    });
}

#[test]
fn one_refusal_ends_nothing_and_holds_nobody_up() {
    side_by_side(["401 No", "402 Pay", "403 Never"], |status| {
        let server = slow_api(Duration::from_millis(150), move |asked| match asked.task {
            "t0" if asked.nth < 2 => refused(status),
            task if is_ours(task) => asked.completed(),
            _ => unknown(),
        });
        let sheet = Sheet::pairs(6, &server.url, "concurrency: 1");
        let said = sheet.run_whole(&[]);
        assert_eq!((said.code, creates(&server)), (0, 6), "{status}: {said}");
        assert_eq!(sheet.states()["saved"], 6, "{status}: {said}");
        assert_eq!(said.err.matches("the API does not tell of its task").count(), 1, "{said}");
        assert!(!said.to_string().contains(KEY), "{said}");
    });
}

#[test]
fn creating_stops_only_when_a_free_question_confirms_that_the_key_is_dead() {
    side_by_side([true, false], |dead| {
        let server = slow_api(Duration::from_millis(300), move |asked| match asked.task {
            "t0" if asked.nth < 2 => refused("401 No"),
            "t0" => asked.completed(),
            task if is_ours(task) => asked.completed(),
            _ if dead => refused("401 No"),
            _ => unknown(),
        });
        let sheet = Sheet::pairs(8, &server.url, "concurrency: 1");
        let said = sheet.run_whole(&[]);
        let saved = sheet.states()["saved"];
        match dead {
            true => {
                assert_eq!(said.code, 7, "{said}");
                assert!(creates(&server) < 5, "{said}");
                assert_eq!(saved, creates(&server), "what was made is waited for: {said}");
                assert_eq!(sheet.states()["planned"], 8 - saved);
            }
            false => assert_eq!((said.code, saved), (0, 8), "{said}"),
        }
    });
}

#[test]
fn three_tasks_in_a_row_that_are_refused_end_polling_and_not_downloads() {
    let server = api(|asked| match asked.task {
        "t0" => asked.completed(),
        _ if asked.nth == 0 => asked.working(1),
        _ => refused("403 Never"),
    });
    let sheet = Sheet::pairs(5, &server.url, "");
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 7, "{said}");
    assert_eq!((sheet.states()["saved"], sheet.states()["created"]), (1, 4), "{said}");
}

#[test]
fn tasks_of_somebody_else_are_given_up_without_stopping_the_others() {
    let server = api(|asked| match asked.task {
        "t0" | "t1" | "t2" => refused("403 Not yours"),
        task if is_ours(task) && asked.nth < 15 => asked.working(asked.nth),
        task if is_ours(task) => asked.completed(),
        _ => unknown(),
    });
    let sheet = Sheet::pairs(6, &server.url, "");
    let said = sheet.run_whole(&["--stale-after", "2s"]);
    assert_eq!(said.code, 4, "{said}");
    assert_eq!((sheet.states()["saved"], sheet.states()["created"]), (3, 3), "{said}");
    assert!(said.err.contains("pair-0: no news of its task t0 for 2 s"), "{said}");
}

#[test]
fn a_pause_that_is_asked_for_is_one_tasks_until_three_ask_for_it() {
    side_by_side([1, 3], |asking| {
        let (refusals, asked) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
        let log = asked.clone();
        let server = api(move |asked| {
            log.lock().unwrap().push((asked.task.to_owned(), Instant::now()));
            let number: usize = asked.task[1..].parse().unwrap();
            match asked.nth {
                0 if number < asking => {
                    refusals.fetch_add(1, Ordering::SeqCst);
                    ("429 Slow", "retry-after: 2\r\n", String::new())
                }
                0 => {
                    // So that those who ask for a pause are heard one after the other.
                    until("all refusals", || refusals.load(Ordering::SeqCst) == asking);
                    sleep(Duration::from_millis(300));
                    asked.working(0)
                }
                1 => asked.working(1),
                _ => asked.completed(),
            }
        });
        let sheet = Sheet::pairs(5, &server.url, "concurrency: 5");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{said}");
        let asked = asked.lock().unwrap();
        let second = |task| asked.iter().filter(|(of, _)| of == task).nth(1).unwrap().1;
        let ahead = second("t0").saturating_duration_since(second("t4"));
        let held = ahead < Duration::from_millis(500);
        assert_eq!(held, asking == 3, "{asking} asked for a pause, t4 was {ahead:?} ahead");
        assert_eq!(polls(&server, "t0"), 3);
    });
}

#[test]
fn polls_that_get_nowhere_end_polling_and_not_creating() {
    let dead: [Reply; 3] = [
        ("503 Away", "", String::new()),
        ("502 Bad", "", "<html>".to_owned()),
        ("", "", String::new()),
    ];
    side_by_side(dead, |reply| {
        let what = format!("{reply:?}");
        let server = slow_api(Duration::from_millis(250), move |_| reply.clone());
        let sheet = Sheet::pairs(10, &server.url, "concurrency: 1");
        let said = sheet.run_whole(&["--retry-for", "1s"]);
        assert_eq!((said.code, creates(&server)), (4, 10), "{what}: {said}");
        assert!(said.err.contains("gave up after 1 s: "), "{what}: {said}");
        assert_eq!(sheet.states()["created"], 10, "{what}");
    });
}

#[test]
fn creates_that_wait_for_a_tasks_end_do_not_wait_for_ever() {
    let server = api(|_| ("503 Away", "", String::new()));
    let sheet = Sheet::pairs(5, &server.url, "in_flight: 2");
    let started = Instant::now();
    let said = sheet.run_whole(&["--retry-for", "1s"]);
    assert_eq!((said.code, creates(&server)), (4, 2), "{said}");
    assert_eq!(sheet.states()["planned"], 3);
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_task_that_is_not_found_stays_created_and_may_come_back() {
    let gone: [Reply; 3] = [
        unknown(),
        ("404 Not Found", "", String::new()),
        ("400 Bad Request", "", r#"{"code":"task_not_exist","data":null}"#.to_owned()),
    ];
    side_by_side(gone, |reply| {
        let what = format!("{reply:?}");
        let back = Arc::new(AtomicBool::new(false));
        let known = back.clone();
        let server = api(move |asked| match asked.task {
            "t0" if !known.load(Ordering::SeqCst) => reply.clone(),
            _ => asked.completed(),
        });
        let sheet = Sheet::pairs(2, &server.url, "");
        let said = sheet.run_whole(&["--hurry", "600"]);
        assert_eq!(said.code, 4, "{what}: {said}");
        assert_eq!(stands(&sheet, "pair-0"), standing("created", "task_not_found"), "{what}");
        assert_eq!(stands(&sheet, "pair-1"), standing("saved", ""), "{what}");
        assert!(said.err.contains("pair-0: the server does not know its task t0; the"), "{said}");
        back.store(true, Ordering::SeqCst);
        let said = sheet.run_whole(&[]);
        assert_eq!((said.code, creates(&server)), (0, 2), "{what}: {said}");
        let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
        let told = ["not_found", "found"]
            .map(|event| events.matches(&format!("\"event\":\"{event}\"")).count());
        assert_eq!(told, [1, 1], "{events}");
    });
}

#[test]
fn a_task_is_lost_only_after_long_and_while_the_server_knows_others() {
    side_by_side([true, false], |others| {
        let server = api(move |asked| match asked.task {
            "t0" => unknown(),
            _ if !others => unknown(),
            _ if asked.nth < 25 => asked.working(asked.nth),
            _ => asked.completed(),
        });
        let sheet = Sheet::pairs(2, &server.url, "");
        // A day is a second now, and ten minutes are seven milliseconds.
        let said = sheet.run_whole(&["--hurry", "86400"]);
        let (code, state) = if others { (3, "failed") } else { (4, "created") };
        assert_eq!(said.code, code, "{said}");
        assert_eq!(stands(&sheet, "pair-0"), standing(state, "task_not_found"), "{said}");
    });
}

#[test]
fn a_task_that_is_not_found_makes_room_for_others() {
    let server = api(|asked| match asked.task {
        "t0" => unknown(),
        _ => asked.completed(),
    });
    let sheet = Sheet::pairs(3, &server.url, "in_flight: 1\nconcurrency: 1");
    let said = sheet.run_whole(&["--hurry", "600"]);
    assert_eq!((said.code, creates(&server)), (4, 3), "{said}");
    assert_eq!(sheet.states()["saved"], 2, "{said}");
}

#[test]
fn a_task_without_news_is_not_waited_for_for_ever() {
    let server = api(|asked| match asked.task {
        "t0" => asked.working(10),
        "t1" => ok(r#"{"id":"t1","status":"Dreaming"}"#),
        "t2" => ("500 Oops", "", String::new()),
        "t3" if asked.nth < 20 => asked.working(asked.nth),
        _ => asked.completed(),
    });
    let sheet = Sheet::pairs(4, &server.url, "");
    let said = sheet.run_whole(&["--stale-after", "1s"]);
    assert_eq!(said.code, 4, "{said}");
    for task in 0..3 {
        let named = format!("pair-{task}: no news of its task t{task} for 1 s");
        assert!(said.err.contains(&named), "{named}: {said}");
        assert_eq!(stands(&sheet, &format!("pair-{task}")), standing("created", ""));
    }
    assert_eq!(stands(&sheet, "pair-3"), standing("saved", ""), "its progress is news");
    assert!(said.err.contains("a task has the unknown status \"dreaming\""), "{said}");
    assert!(said.err.contains("a status that nobody knows: \"dreaming\" (1)"), "{said}");
}

#[test]
fn completed_without_a_link_for_long_is_told_once() {
    let server = api(|asked| match asked.nth {
        0..25 => ok(r#"{"id":"t0","status":"completed","results":null,"progress":50}"#),
        _ => asked.completed(),
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run_whole(&["--hurry", "600"]);
    assert_eq!(said.code, 0, "{said}");
    let told = said.err.matches("pair-0: its task t0 is completed, and there is no link").count();
    assert_eq!(told, 1, "{said}");
}

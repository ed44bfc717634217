//! Answers to polls that are about another task, and links that two tasks share.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::polls::{Asked, api, creates, film, ok, polls, standing, stands};
use crate::rude::{Rude, answer};
use crate::sheet::{Sheet, side_by_side};

#[test]
fn the_video_of_another_pair_is_never_taken() {
    // A cache that keeps what it saw first.
    let dresses =
        ["{\"id\":\"t1\",REST", "{\"data\":{\"task_id\":\"t1\",REST}", "{\"task_id\":\"t1\",REST"];
    side_by_side(dresses, |dress| {
        let server = api(move |asked| {
            let rest = format!("\"status\":\"completed\",\"url\":\"{}/t1.mp4\"}}", asked.host);
            ok(&dress.replace("REST", &rest))
        });
        let sheet = Sheet::pairs(2, &server.url, "");
        let said = sheet.run_whole(&["--stale-after", "2s", "--hurry", "600"]);
        assert_eq!(said.code, 4, "{dress}: {said}");
        assert_eq!(stands(&sheet, "pair-0"), standing("created", ""), "{dress}: {said}");
        assert_eq!(stands(&sheet, "pair-1"), standing("saved", ""), "{dress}: {said}");
        assert!(said.err.contains("answered about t1, the task of pair-1"), "{dress}: {said}");
    });
}

#[test]
fn a_mixed_up_connection_is_not_asked_again() {
    // It tells of the first task that it was asked for, whatever it is asked for afterwards.
    let (seen, mixed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let (connections, told) = (seen.clone(), mixed.clone());
    let server = Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let Some(task) = path.strip_prefix("/v1/tasks/") else {
            let image =
                request.split("example.com/").nth(1).and_then(|rest| rest.split('.').next());
            return match image {
                Some(image) => {
                    answer(connection, "200 OK", "", &format!("{{\"id\":\"t{image}\"}}"))
                }
                None => film(path, connection),
            };
        };
        connections.lock().unwrap().push(task.to_owned());
        let host = format!("http://{}", connection.local_addr().unwrap());
        let asked = Asked { task, nth: 0, host };
        let mut buffer = [0; 4096];
        loop {
            let (_, _, body) = asked.completed();
            let length = body.len();
            let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            let _ = connection.write_all(whole.as_bytes());
            match connection.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(_) => told.store(true, Ordering::SeqCst),
            }
        }
    });
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let said = sheet.run_whole(&["--hurry", "600", "--stale-after", "10s", "--poll-rate", "4/s"]);
    assert!(mixed.load(Ordering::SeqCst), "no connection was used twice: {said}");
    assert_eq!((said.code, sheet.states()["saved"]), (0, 2), "{said}");
    assert_eq!(*seen.lock().unwrap(), ["t0", "t1"], "{said}");
}

#[test]
fn the_id_of_nobody_is_believed_the_third_time_and_noted() {
    side_by_side([true, false], |same| {
        let server = api(move |asked| {
            let id = if same { 9 } else { asked.nth };
            ok(&format!(r#"{{"id":"x{id}","status":"completed","url":"{}/x.mp4"}}"#, asked.host))
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&["--stale-after", "3s", "--hurry", "60"]);
        let (state, code) = if same { ("saved", "other_id") } else { ("created", "") };
        assert_eq!(stands(&sheet, "pair-0"), standing(state, code), "{said}");
        assert!(polls(&server, "t0") >= 3, "{said}");
        assert!(said.err.contains("about a task that is not known here, not about t0"), "{said}");
        match same {
            true => assert!(said.code == 0 || said.code == 3, "{said}"),
            false => assert_eq!(said.code, 4, "{said}"),
        }
    });
}

#[test]
fn one_link_for_two_tasks_is_pointed_out() {
    let server = api(|asked| {
        let Asked { task, host, .. } = asked;
        ok(&format!(r#"{{"id":"{task}","status":"completed","url":"{host}/v.mp4?sig=SECRET"}}"#))
    });
    let sheet = Sheet::pairs(2, &server.url, "");
    let said = sheet.run_whole(&["-vv"]);
    let mut stands = [stands(&sheet, "pair-0"), stands(&sheet, "pair-1")];
    stands.sort_unstable();
    assert_eq!(stands, [standing("saved", ""), standing("saved", "same_link")], "{said}");
    assert!(said.err.contains("has the very same link"), "{said}");
    assert!(!said.err.contains("SECRET"), "{said}");
    let again = sheet.run_whole(&[]);
    assert_eq!(creates(&server), 2, "{again}");
    assert!(!again.err.contains("cannot be fetched"), "{again}");
}

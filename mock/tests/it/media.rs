//! `media: check`: pictures and sounds are fetched, from this machine only, and held to the limits.

use std::time::{Duration, Instant};

use callsheet_mock::{KEY, Media, MockApi, Options, Scenario, Work};
use serde_json::{Value, json};

use crate::client::{Client, request, with_key};
use crate::elsewhere::Server;

/// A WAV of 8-bit silence.
fn wave(seconds: u32) -> Vec<u8> {
    let rate = 8000_u32;
    let size = |n: u32| n.to_le_bytes();
    let fmt = [&size(16)[..], &[1, 0, 1, 0], &size(rate), &size(rate), &[1, 0, 8, 0]].concat();
    let sound =
        [b"data", &size(rate * seconds)[..], &vec![128; (rate * seconds) as usize]].concat();
    [b"RIFF\0\0\0\0WAVEfmt ", &fmt[..], &sound].concat()
}

fn checking() -> Scenario {
    Scenario { media: Media::Check, work: Work::AtOnce, ..Scenario::default() }
}

/// The task of these two, once it has ended.
fn ended(client: &mut Client, image: &str, audio: &str, more: &Value) -> Value {
    let mut body = json!({"model": "omnihuman-1.5", "image_url": image, "audio_url": audio});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let id = client.create(&body).json()["id"].as_str().unwrap().to_owned();
    let started = Instant::now();
    loop {
        let task = client.task(&id);
        if !["pending", "processing"].contains(&task["status"].as_str().unwrap()) {
            return task;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "{task}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn code(task: &Value) -> (&str, &str, &str) {
    let text =
        |value: &'_ Value| value.as_str().unwrap_or_default().to_owned().leak() as &'static str;
    (text(&task["status"]), text(&task["error"]["code"]), text(&task["error"]["message"]))
}

#[tokio::test]
async fn what_is_good_becomes_a_video_as_long_as_its_sound() {
    let api = MockApi::start(checking()).await.unwrap();
    let mut client = Client::to(&api);
    let server = Server::start(|path| match path {
        "/seven.wav" => (200, "", wave(7)),
        "/over.jpg" => (302, "location: /anna.jpg\r\n", Vec::new()),
        _ => (200, "", b"\xff\xd8\xff\xe0 a picture".to_vec()),
    });
    let samples = |name: &str| format!("{}/samples/{name}", api.url());
    let task = ended(&mut client, &samples("anna.jpg"), &samples("hello-en.mp3"), &json!({}));
    assert_eq!(task["status"], "completed", "{task}");
    let (image, audio) = (server.at("/over.jpg"), server.at("/seven.wav"));
    let task = ended(&mut client, &image, &audio, &json!({}));
    assert_eq!(
        (task["status"].as_str(), task["usage"]["credits_reserved"].as_u64()),
        (Some("completed"), Some(7))
    );
}

#[tokio::test]
async fn what_is_not_to_be_had_or_not_as_it_must_be_fails_the_task() {
    let api = MockApi::start(checking()).await.unwrap();
    let mut client = Client::to(&api);
    let server = Server::start(|path| match path {
        "/long.wav" => (200, "", wave(31)),
        "/short.wav" => (200, "", wave(1)),
        "/vast.jpg" => (200, "", [b"\xff\xd8\xff".to_vec(), vec![0; 5_000_000]].concat()),
        "/page.jpg" => (200, "", b"<html>".to_vec()),
        "/away.jpg" => (302, "location: http://192.0.2.1/x.jpg\r\n", Vec::new()),
        "/round.jpg" => (302, "location: /round.jpg\r\n", Vec::new()),
        "/good.jpg" => (200, "", b"\xff\xd8\xff\xe0 a picture".to_vec()),
        _ => (404, "", Vec::new()),
    });
    let (good, short) = (server.at("/good.jpg"), server.at("/short.wav"));
    let mut fails = |image: &str, audio: &str, wanted: &str, why: &str| {
        let task = ended(&mut client, image, audio, &json!({}));
        let (status, code, message) = code(&task);
        assert_eq!((status, code), ("failed", wanted), "{task}");
        assert!(message.contains(why), "{message}");
    };
    let picture = "image_processing_error";
    fails(&server.at("/none.jpg"), &short, picture, "its host answered 404");
    fails(&server.at("/page.jpg"), &short, picture, "not a JPG");
    fails(&server.at("/vast.jpg"), &short, picture, "too large");
    fails(&server.at("/away.jpg"), &short, picture, "the fake may not go to 192.0.2.1");
    fails(&server.at("/round.jpg"), &short, picture, "redirected too often");
    fails("https://example.com/a.jpg", &short, picture, "the fake may not go to example.com");
    fails("http://127.0.0.1:9/a.jpg", &short, picture, "the fake may not go to 127.0.0.1");
    fails(&good, &server.at("/long.wav"), "invalid_parameters", "31.0 s long, and at most 30 s");
    fails(&good, &server.at("/good.jpg"), "invalid_parameters", "not an MP3");
    fails(&good, &server.at("/none.wav"), "invalid_parameters", "audio_url cannot be fetched");
    let long = ended(&mut client, &good, &server.at("/long.wav"), &json!({"resolution": "720p"}));
    assert_eq!(long["status"], "completed", "{long}");
    assert_eq!(api.book().entries.len(), 11, "all of it was accepted, and is paid for");
}

#[tokio::test]
async fn a_slow_host_keeps_a_task_from_its_end_and_nobody_from_being_answered() {
    let options = Options { any_key: true, ..Options::default() };
    let api = MockApi::start_with(checking(), options).await.unwrap();
    let mut client = Client::to(&api);
    let server = Server::start(|path| {
        if path == "/slow.jpg" {
            std::thread::sleep(Duration::from_millis(700));
        }
        match path {
            "/a.wav" => (200, "", wave(1)),
            _ => (200, "", b"\xff\xd8\xff\xe0".to_vec()),
        }
    });
    let body = json!({"model": "omnihuman-1.5", "image_url": server.at("/slow.jpg"),
        "audio_url": server.at("/a.wav")});
    let created = client.create(&body).json();
    let id = created["id"].as_str().unwrap();
    let started = Instant::now();
    assert_eq!(client.task(id)["status"], "processing");
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(client.task(id)["status"], "completed", "in the world of its own key");
    // A reset leaves nothing behind that an errand could stumble over.
    client.create(&body);
    client.write(request("POST", "/__mock/reset", &with_key(KEY), ""));
    assert_eq!(client.read_answer(true).unwrap().status, 204);
}

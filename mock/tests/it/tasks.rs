//! The life of tasks, their videos, and the samples, as a client sees them.

use std::time::Duration;

use callsheet_mock::{
    Account, Failure, FailureCode, Fault, KEY, Length, Links, MockApi, On, Rule, Scenario, Span,
    Work,
};
use serde_json::{Value, json};

use crate::client::{Client, filters, pair, request, with_key};

async fn start(scenario: Scenario) -> (MockApi, Client) {
    let api = MockApi::start(scenario).await.unwrap();
    let client = Client::to(&api);
    (api, client)
}

fn create(client: &mut Client) -> String {
    client.create(&pair("a.jpg")).json()["id"].as_str().unwrap().to_owned()
}

/// Status, progress, and whether there is a link.
fn stand(task: &Value) -> (&str, u64, bool) {
    let status = task["status"].as_str().unwrap();
    (status, task["progress"].as_u64().unwrap(), task["results"].is_array())
}

#[tokio::test]
async fn a_task_from_pending_to_completed() {
    let work = Work::Elapsed(Span::secs(3600));
    let (api, mut client) = start(Scenario { work, ..Scenario::default() }).await;
    let created = client.create(&pair("a.jpg")).json();
    assert_eq!(created["task_info"]["estimated_time"], 3600);
    let id = created["id"].as_str().unwrap();
    let mut shown = vec![client.task(id)];
    for share in [2, 2] {
        api.advance(Duration::from_secs(3600 / share));
        shown.push(client.task(id));
    }
    assert_eq!(api.state().tasks.completed, 1);
    filters().bind(|| {
        insta::assert_snapshot!("task_life", format!("{:#}", Value::from(shown)));
    });
}

#[tokio::test]
async fn a_task_that_fails() {
    let failures = vec![Failure {
        code: FailureCode::ContentPolicyViolation,
        share: None,
        matching: Some("rude".into()),
    }];
    let (api, mut client) =
        start(Scenario { failures, work: Work::AtOnce, ..Scenario::default() }).await;
    let ids =
        ["nice.jpg", "rude.jpg"].map(|image| client.create(&pair(image)).json()["id"].clone());
    assert_eq!(stand(&client.task(ids[0].as_str().unwrap())), ("completed", 100, true));
    let failed = client.task(ids[1].as_str().unwrap());
    assert_eq!(api.state().tasks.failed, 1);
    filters().bind(|| insta::assert_snapshot!("task_failed", format!("{failed:#}")));
}

#[tokio::test]
async fn the_race_of_production() {
    let scenario = Scenario { work: Work::Polls(2), race: 2, ..Scenario::default() };
    let (_api, mut client) = start(scenario).await;
    let id = create(&mut client);
    let seen: Vec<_> = (0..4).map(|_| client.task(&id)).collect();
    let seen: Vec<_> = seen.iter().map(stand).collect();
    let race = ("completed", 50, false);
    assert_eq!(seen, [("processing", 50, false), race, race, ("completed", 100, true)]);
}

#[tokio::test]
async fn queries_that_are_refused() {
    let other = Account::new("other-key");
    let keys = vec![Account::new(KEY), other];
    let (_api, mut client) = start(Scenario { keys, ..Scenario::default() }).await;
    let id = create(&mut client);
    let path = format!("/v1/tasks/{id}");
    let mut get = |path: &str, head: &str| client.send("GET", path, head, "");
    let head = with_key(KEY);
    assert_eq!(get(&format!("{path}?sync_upstream=true"), &head).status, 200);
    let shown = [
        ("unknown", get("/v1/tasks/task-unified-1-xxxxxxxx", &head).shown()),
        ("bad_sync", get(&format!("{path}?sync_upstream=perhaps"), &head).shown()),
        ("no_key", get(&path, "").shown()),
    ];
    let others = get(&path, &with_key("other-key"));
    assert_eq!(others.status, 404, "an account sees its own tasks only");
    for (name, shown) in shown {
        filters().bind(|| insta::assert_snapshot!(format!("task_{name}"), shown));
    }
}

/// The link's path and query, after a look at its host.
fn link(client: &mut Client, api: &MockApi, id: &str) -> String {
    let task = client.task(id);
    let url = task["results"][0]["url"].as_str().unwrap();
    // The host that the client spoke of: here the test's invented one has no port.
    url.strip_prefix(api.url()).unwrap().to_owned()
}

#[tokio::test]
async fn videos_are_files_with_ranges_and_tags() {
    let lengths = vec![Length { matching: "speech".into(), length: Span::millis(2500) }];
    let scenario = Scenario { work: Work::AtOnce, lengths, ..Scenario::default() };
    let (api, mut client) = start(scenario).await;
    let id = create(&mut client);
    let link = link(&mut client, &api, &id);
    let whole = client.send("GET", &link, "", "");
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(&whole.body[4..8], b"ftyp");
    let moov = whole.body.windows(4).position(|name| name == b"mvhd").unwrap();
    assert_eq!(whole.body[moov + 20..moov + 24], 2500_u32.to_be_bytes(), "2500 ms long");

    let tag = whole.header("etag").unwrap().to_owned();
    let mut ask = |head: String| client.send("GET", &link, &head, "");
    let part = ask("Range: bytes=100-199\r\n".into());
    assert_eq!(part.status, 206);
    assert_eq!(part.body, whole.body[100..200]);
    let range = format!("bytes 100-199/{}", whole.body.len());
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let tail = ask(format!("Range: bytes=-10\r\nIf-Range: {tag}\r\n"));
    assert_eq!((tail.status, tail.body), (206, whole.body[whole.body.len() - 10..].to_vec()));
    let changed = ask("Range: bytes=100-199\r\nIf-Range: \"other\"\r\n".into());
    assert_eq!((changed.status, changed.body.len()), (200, whole.body.len()));
    assert_eq!(ask("Range: bytes=9999999-\r\n".into()).status, 416);
    let same = ask(format!("If-None-Match: {tag}\r\n"));
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(client.send("HEAD", &link, "", "").status, 200);
}

#[tokio::test]
async fn links_die_and_keys_do_not_belong_there() {
    let links = Links { live: Span::secs(60), renewed: true };
    let (api, mut client) =
        start(Scenario { work: Work::AtOnce, links, ..Scenario::default() }).await;
    let id = create(&mut client);
    let first = link(&mut client, &api, &id);
    let mut get = |path: &str, head: &str| client.send("GET", path, head, "");
    assert_eq!(get(&first, "").status, 200);
    let forged = first.replace("signature=", "signature=0");
    assert_eq!(get(&forged, "").status, 403);
    let with_a_key = get(&first, "Authorization: Bearer mock-key\r\n");
    filters().bind(|| insta::assert_snapshot!("link_with_a_key", with_a_key.shown()));
    api.advance(Duration::from_secs(61));
    let dead = get(&first, "");
    filters().bind(|| insta::assert_snapshot!("link_dead", dead.shown()));
    let second = link(&mut client, &api, &id);
    assert_ne!(first, second);
    assert_eq!(client.send("GET", &second, "", "").status, 200);
    assert_eq!(api.breaches().len(), 1, "the key at the link is a breach");
}

#[tokio::test]
async fn samples_are_there_to_be_sent() {
    let (api, mut client) = start(Scenario { work: Work::AtOnce, ..Scenario::default() }).await;
    let listed = client.get("/samples/");
    for name in listed["samples"].as_array().unwrap() {
        let answer = client.send("GET", &format!("/samples/{}", name.as_str().unwrap()), "", "");
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() > 1000, "{name}");
    }
    let body = json!({"model": "omnihuman-1.5",
        "image_url": format!("{}/samples/anna.jpg", api.url()),
        "audio_url": format!("{}/samples/hello-en.mp3", api.url())});
    let id = client.create(&body).json()["id"].as_str().unwrap().to_owned();
    let link = link(&mut client, &api, &id);
    let video = client.send("GET", &link, "", "").body;
    let moov = video.windows(4).position(|name| name == b"mvhd").unwrap();
    assert_eq!(video[moov + 20..moov + 24], 3384_u32.to_be_bytes(), "as long as the speech");
}

#[tokio::test]
async fn polls_and_downloads_meet_faults_of_their_own() {
    let faults = vec![
        Rule::new(Fault::Status502).on(On::Poll).first(1),
        Rule::new(Fault::Truncated).on(On::Media).first(1),
    ];
    let scenario = Scenario { work: Work::AtOnce, faults, ..Scenario::default() };
    let (api, mut client) = start(scenario).await;
    let id = create(&mut client);
    let failed = client.send("GET", &format!("/v1/tasks/{id}"), &with_key(KEY), "");
    assert_eq!(failed.status, 502);
    let link = link(&mut client, &api, &id);
    client.write(request("GET", &link, "", ""));
    assert!(client.read_answer(true).is_err(), "the body breaks off");
    assert_eq!(Client::to(&api).send("GET", &link, "", "").status, 200);
    let faults: Vec<_> = api.journal().iter().filter_map(|e| e.answer?.fault).collect();
    assert_eq!(faults, [Fault::Status502, Fault::Truncated]);
}

//! `callback_url`: who is told, in which order, how often, and that it is genuine.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use callsheet_mock::{KEY, MockApi, Scenario};
use serde_json::{Value, json};

use crate::client::{Client, pair};
use crate::elsewhere::{Came, Server};

/// Waits until so many messages have come.
fn heard(server: &Server, count: usize) -> Vec<Came> {
    let started = Instant::now();
    while server.came().len() < count {
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", server.came());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.came()
}

fn told(came: &Came) -> Value {
    serde_json::from_str(&came.body).unwrap()
}

fn create(client: &mut Client, image: &str, callback: &str) -> String {
    let mut body = pair(image);
    body["callback_url"] = json!(callback);
    client.create(&body).json()["id"].as_str().unwrap().to_owned()
}

async fn calling(yaml: &str) -> (MockApi, Client) {
    let api = MockApi::start(Scenario::from_yaml(yaml).unwrap()).await.unwrap();
    let client = Client::to(&api);
    (api, client)
}

#[tokio::test]
async fn each_change_is_told_signed_and_the_end_with_a_link_that_works() {
    let yaml = "{work: {elapsed: 600ms}, callbacks: {secret: whsec_c2VjcmV0}}";
    let (api, mut client) = calling(yaml).await;
    let server = Server::start(|_| (204, "", Vec::new()));
    let id = create(&mut client, "a.jpg", &server.at("/hook?for=me"));
    let came = heard(&server, 3);
    let statuses: Vec<_> = came.iter().map(|one| told(one)["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "processing", "completed"]);
    for one in &came {
        assert_eq!((one.path.as_str(), told(one)["id"].as_str()), ("/hook?for=me", Some(&*id)));
        assert!(one.header("webhook-signature").unwrap().starts_with("v1,"));
        assert!(one.header("webhook-id").unwrap().starts_with(&format!("msg_{id}_")));
        assert!(one.header("authorization").is_none());
    }
    let task = client.task(&id);
    assert_eq!(told(&came[2]), task, "what a query is answered");
    let link = task["results"][0]["url"].as_str().unwrap().strip_prefix(api.url()).unwrap();
    assert_eq!(client.send("GET", link, "", "").status, 200);
    let noted = client.get("/__mock/callbacks");
    assert_eq!(noted["callbacks"].as_array().unwrap().len(), 3, "{noted}");
    assert_eq!(noted["callbacks"][0]["answered"], 204);
    let shown = client.get("/__mock/scenario");
    assert_eq!(shown["callbacks"]["secret"], "***");
}

#[tokio::test]
async fn who_does_not_hear_is_told_again_and_some_are_told_twice() {
    let yaml = "{work: at_once, callbacks: {retries: [50ms, 100ms], twice: 1}}";
    let (_api, mut client) = calling(yaml).await;
    let tries = AtomicU32::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => (503, "", Vec::new()),
        1 => (302, "location: /elsewhere\r\n", Vec::new()),
        _ => (200, "", Vec::new()),
    });
    create(&mut client, "a.jpg", &server.at("/hook"));
    let came = heard(&server, 4);
    assert!(came.iter().all(|one| one.path == "/hook"), "no redirect is followed: {came:?}");
    let ids: Vec<_> = came.iter().map(|one| one.header("webhook-id").unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one message: {ids:?}");
    std::thread::sleep(Duration::from_millis(300));
    let noted = client.get("/__mock/callbacks");
    let attempts: Vec<_> =
        noted["callbacks"].as_array().unwrap().iter().map(|one| one["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3, 1], "{noted}");
}

#[tokio::test]
async fn messages_overtake_each_other() {
    let yaml = "{work: {elapsed: 200ms}, callbacks: {late: {uniform: [0s, 1s]}}}";
    let (_api, mut client) = calling(yaml).await;
    let server = Server::start(|_| (200, "", Vec::new()));
    let ids: Vec<_> =
        (0..6).map(|n| create(&mut client, &format!("{n}.jpg"), &server.at("/"))).collect();
    let came = heard(&server, 18);
    let in_order = |id: &String| {
        let of_one = came.iter().map(told).filter(|told| told["id"] == id.as_str());
        of_one.map(|told| told["status"].clone()).eq(["pending", "processing", "completed"])
    };
    let orderly = ids.iter().filter(|id| in_order(id)).count();
    assert!(orderly < ids.len(), "{orderly} of {} came in order", ids.len());
}

#[tokio::test]
async fn nobody_is_told_where_the_fake_may_not_go_or_the_scenario_does_not_say() {
    let (_api, mut client) = calling("{work: at_once, callbacks: {}}").await;
    let id = create(&mut client, "a.jpg", "http://192.0.2.1/hook");
    let started = Instant::now();
    let noted = loop {
        let noted = client.get("/__mock/callbacks");
        if !noted["callbacks"].as_array().unwrap().is_empty() {
            break noted;
        }
        assert!(started.elapsed() < Duration::from_secs(15));
    };
    assert_eq!(noted["callbacks"][0]["task"], id.as_str());
    assert_eq!(noted["callbacks"][0]["error"], "the fake may not go to 192.0.2.1");
    assert!(!noted.to_string().contains(KEY));

    let server = Server::start(|_| (200, "", Vec::new()));
    let (_api, mut silent) = calling("{work: at_once}").await;
    let id = create(&mut silent, "a.jpg", &server.at("/"));
    assert_eq!(silent.task(&id)["status"], "completed");
    std::thread::sleep(Duration::from_millis(200));
    assert!(server.came().is_empty());
}

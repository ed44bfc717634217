//! A world for each key: tests that share a process and nothing else.

use std::time::Duration;

use callsheet_mock::{MockApi, Options, Scenario, Work};
use serde_json::{Value, json};

use crate::client::{CREATE, Client, pair, with_key};

async fn start() -> MockApi {
    let scenario = Scenario { work: Work::Polls(1), balance: Some(2), ..Scenario::default() };
    let options = Options { any_key: true, ..Options::default() };
    MockApi::start_with(scenario, options).await.unwrap()
}

fn create(client: &mut Client, key: &str) -> (u16, Value) {
    let answer = client.send("POST", CREATE, &with_key(key), &pair("a.jpg").to_string());
    (answer.status, answer.json())
}

#[tokio::test]
async fn each_key_has_a_book_a_clock_a_scenario_and_a_balance() {
    let api = start().await;
    let mut client = Client::to(&api);
    let asked = |client: &mut Client, key: &str, method: &str, what: &str, body: &str| {
        client.send(method, &format!("/__mock/{what}"), &with_key(key), body)
    };
    assert_eq!(asked(&mut client, "two", "PUT", "scenario", "balance: 1\nseed: 9\n").status, 204);
    let made = ["one", "one", "one", "two", "two"].map(|key| create(&mut client, key).0);
    assert_eq!(made, [200, 200, 402, 200, 402]);
    let count =
        |client: &mut Client, key| asked(client, key, "GET", "book", "").json()["creates"].clone();
    assert_eq!([count(&mut client, "one"), count(&mut client, "two")], [json!(2), json!(1)]);
    let by_path = client.get("/__mock/accounts/one/book");
    assert_eq!(
        (&by_path["creates"], by_path["duplicates"][0]["tasks"].as_array().unwrap().len()),
        (&json!(2), 2)
    );

    let now = |client: &mut Client, key| {
        asked(client, key, "GET", "clock", "").json()["unix_millis"].as_u64().unwrap()
    };
    asked(&mut client, "two", "POST", "clock", r#"{"advance": "24h"}"#);
    assert!(now(&mut client, "two") > now(&mut client, "one") + 23 * 3_600_000);
    assert_eq!(asked(&mut client, "two", "POST", "reset", "").status, 204);
    assert_eq!([count(&mut client, "one"), count(&mut client, "two")], [json!(2), json!(0)]);
    let journal = asked(&mut client, "one", "GET", "journal", "").json();
    assert_eq!(journal.as_array().unwrap().len(), 3, "only its own");
    assert!(!journal.to_string().contains("one"), "no key is shown: {journal}");
    assert_eq!(api.book().entries.len(), 2, "the caller sees them all");
}

#[tokio::test]
async fn links_lead_back_into_their_world_without_a_key() {
    let api = start().await;
    let mut client = Client::to(&api);
    let ids =
        ["one", "two"].map(|key| create(&mut client, key).1["id"].as_str().unwrap().to_owned());
    for (key, id) in ["one", "two"].into_iter().zip(&ids) {
        let task = client.send("GET", &format!("/v1/tasks/{id}"), &with_key(key), "").json();
        let link = task["results"][0]["url"].as_str().unwrap().strip_prefix(api.url()).unwrap();
        let video = client.send("GET", link, "", "");
        assert_eq!(video.status, 200, "{link}");
        assert!(video.body.ends_with(id.as_bytes()));
        assert!(!link.contains(key), "no key is given away: {link}");
        let elsewhere = link.split("&account").next().unwrap();
        assert_eq!(client.send("GET", elsewhere, "", "").status, 403);
    }
    let upload = json!({"file_data": "R0lG", "file_name": "a.gif"}).to_string();
    let stored = client.send("POST", "/v1/files/upload/base64", &with_key("one"), &upload).json();
    let file = stored["url"].as_str().unwrap().strip_prefix(api.url()).unwrap().to_owned();
    assert_eq!(client.send("GET", &file, "", "").body, b"GIF");
    let other = client.send("GET", &format!("/v1/tasks/{}", ids[0]), &with_key("three"), "");
    assert_eq!(other.status, 404, "another key's task is unknown");
}

#[tokio::test]
async fn a_world_can_be_ended_and_nobody_has_one_without_a_key() {
    let api = start().await;
    let mut client = Client::to(&api);
    assert_eq!(create(&mut client, "one").0, 200);
    assert_eq!(client.send("DELETE", "/__mock/accounts/one", "", "").status, 204);
    assert_eq!(client.send("DELETE", "/__mock/accounts/one", "", "").status, 404);
    assert_eq!(client.get("/__mock/accounts/one/book")["creates"], 0);
    let nobody = client.send("GET", "/__mock/book", "", "");
    assert_eq!(nobody.status, 401);
    assert!(nobody.json()["error"]["message"].as_str().unwrap().contains("/__mock/accounts/KEY"));
    assert_eq!(client.send("POST", CREATE, "Content-Type: application/json\r\n", "{}").status, 401);

    let shared = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&shared);
    let told = client.send("GET", "/__mock/accounts/one/book", "", "");
    assert_eq!(told.status, 404);
    assert!(told.json()["error"]["message"].as_str().unwrap().contains("--any-key"));
    assert_eq!(client.get("/__mock/book")["creates"], 0);
}

#[tokio::test]
async fn many_keys_at_once_keep_to_themselves() {
    let api = start().await;
    let url = api.url().to_owned();
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let url = url.clone();
            std::thread::spawn(move || {
                let (mut client, key) = (Client::to_url(&url), format!("key-{n}"));
                (0..4).map(|_| create(&mut client, &key).0).collect::<Vec<_>>()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), [200, 200, 402, 402]);
    }
    assert_eq!(api.book().entries.len(), 32);
    api.advance(Duration::from_secs(1));
}

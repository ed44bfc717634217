//! The dialects, and scripts for single pairs.

use callsheet_mock::{Dialect, Failure, FailureCode, Fault, KEY, MockApi, Scenario, Work};
use serde_json::{Value, json};

use crate::client::{CREATE, Client, filters, pair, request, with_key};

async fn speaking(dialect: Dialect) -> (MockApi, Client) {
    let failures = vec![Failure {
        code: FailureCode::RequestCancelled,
        share: None,
        matching: Some("cancelled".into()),
    }];
    let scenario = Scenario { dialect, failures, work: Work::AtOnce, ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let client = Client::to(&api);
    (api, client)
}

fn evolink(image: &str) -> Value {
    json!({"model": "omnihuman-1.5", "image_urls": [format!("https://example.com/{image}")],
        "audio_url": "https://example.com/speech.mp3"})
}

#[tokio::test]
async fn the_older_page() {
    let (_api, mut client) = speaking(Dialect::FoxapiOlder).await;
    let mut task = |image: &str| {
        let id = client.create(&pair(image)).json()["id"].as_str().unwrap().to_owned();
        client.task(&id)
    };
    let shown = format!("{:#}", json!([task("a.jpg"), task("cancelled.jpg")]));
    filters().bind(|| insta::assert_snapshot!("dialect_older", shown));
}

#[tokio::test]
async fn evolink_has_other_fields_and_codes() {
    let (_api, mut client) = speaking(Dialect::Evolink).await;
    let created = client.create(&evolink("a.jpg")).json();
    let task = client.task(created["id"].as_str().unwrap());
    let refused = client.create(&pair("a.jpg")).json();
    let shown = format!("{:#}", json!([created, task, refused]));
    filters().bind(|| insta::assert_snapshot!("dialect_evolink", shown));
}

#[tokio::test]
async fn evolink_repeats_its_answer_under_the_same_key() {
    let (api, mut client) = speaking(Dialect::Evolink).await;
    let mut create = |key: &str, image: &str| {
        let head = format!("{}Idempotency-Key: {key}\r\n", with_key(KEY));
        client.write(request("POST", CREATE, &head, &evolink(image).to_string()));
        let answer = client.read_answer(true);
        if answer.is_err() {
            client = Client::to(&api);
        }
        answer
    };
    assert!(create("one", "a.jpg?fault=close-after-accept").is_err());
    let again = create("one", "a.jpg?fault=close-after-accept").unwrap();
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(create("one", "b.jpg").unwrap().status, 409);
    assert_eq!(create("two", "b.jpg").unwrap().header("idempotency-replayed"), None);
    let book = api.book();
    assert_eq!((book.entries.len(), book.creates_read), (2, 4), "a repetition costs nothing");
    assert_eq!(again.json()["id"], book.entries[0].task.as_str());
}

#[tokio::test]
async fn a_scenario_says_whether_keys_of_creates_are_known_and_for_how_long() {
    for (yaml, same, later) in [
        ("{}", false, false),
        ("{idempotency: honoured}", true, true),
        ("{idempotency: {window: 1h}}", true, false),
        ("{dialect: evolink, idempotency: ignored}", false, false),
    ] {
        let scenario = Scenario::from_yaml(yaml).unwrap();
        let body =
            if scenario.dialect == Dialect::Evolink { evolink("a.jpg") } else { pair("a.jpg") };
        let api = MockApi::start(scenario).await.unwrap();
        let mut client = Client::to(&api);
        let head = format!("{}Idempotency-Key: the-same-for-all\r\n", with_key(KEY));
        let mut replayed = || {
            let answer = client.send("POST", CREATE, &head, &body.to_string());
            assert_eq!(answer.status, 200, "{yaml}");
            answer.header("idempotency-replayed").is_some()
        };
        assert_eq!((replayed(), replayed()), (false, same), "{yaml}");
        api.advance(std::time::Duration::from_secs(3600));
        assert_eq!(replayed(), later, "{yaml}");
        let paid = 1 + usize::from(!same) + usize::from(!later);
        assert_eq!(api.book().entries.len(), paid, "{yaml}");
    }
}

#[tokio::test]
async fn a_script_says_what_happens_to_each_try() {
    let yaml = "\
scripts:
  - {match: anna, tries: [status-429, ok, close-after-accept]}
faults:
  - {fault: status-500}
";
    let api = MockApi::start(Scenario::from_yaml(yaml).unwrap()).await.unwrap();
    let mut client = Client::to(&api);
    let mut tries = |image: &str| client.create(&pair(image)).status;
    assert_eq!([tries("anna.jpg"), tries("anna.jpg")], [429, 200]);
    assert_eq!(tries("ben.jpg"), 500, "rules are for the others");
    client.write(request("POST", CREATE, &with_key(KEY), &pair("anna.jpg").to_string()));
    assert!(client.read_answer(true).is_err());
    assert_eq!(Client::to(&api).create(&pair("anna.jpg")).status, 200, "the script is over");
    let book = api.book();
    assert_eq!(book.entries.len(), 3);
    assert_eq!(book.entries[1].fault, Some(Fault::CloseAfterAccept));
}

//! What the book and the journal tell.

use callsheet_mock::{Fault, KEY, MockApi, Options, Rule, Scenario};
use serde_json::Value;

use crate::client::{CREATE, Client, filters, pair, request, with_key};

#[tokio::test]
async fn the_book_tells_what_was_paid_twice() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    for image in ["a.jpg", "b.jpg", "a.jpg"] {
        assert_eq!(client.create(&pair(image)).status, 200);
    }
    // The order of keys and the blanks do not make another request.
    let reordered = r#"{"audio_url": "https://example.com/speech.mp3",
        "image_url": "https://example.com/a.jpg", "model": "omnihuman-1.5"}"#;
    client.send("POST", CREATE, &with_key(KEY), reordered);
    let book = api.book();
    assert_eq!((book.creates_read, book.entries.len()), (4, 4));
    let duplicates = book.duplicates();
    assert_eq!(duplicates.len(), 1);
    let tasks: Vec<_> = [0, 2, 3].map(|n: usize| book.entries[n].task.clone()).to_vec();
    assert_eq!(duplicates[0].tasks, tasks);
    assert_eq!(book.entries[1].request_json(), pair("b.jpg"));

    let served = client.get("/__mock/book");
    assert_eq!((&served["creates"], &served["creates_read"]), (&4.into(), &4.into()));
    assert_eq!(served["duplicates"][0]["tasks"][2], book.entries[3].task.as_str());
    assert_eq!(served["entries"][1]["request"], pair("b.jpg"));
}

#[tokio::test]
async fn a_lost_answer_and_its_retry_are_two_creates() {
    let faults = vec![Rule::new(Fault::CloseAfterAccept).matching("*/anna.*").first(1)];
    let api = MockApi::start(Scenario { faults, ..Scenario::default() }).await.unwrap();
    let body = pair("anna.jpg").to_string();
    let mut client = Client::to(&api);
    client.write(request("POST", CREATE, &with_key(KEY), &body));
    assert!(client.read_answer(true).is_err());
    let id = Client::to(&api).create(&pair("anna.jpg")).json()["id"].clone();
    let book = api.shutdown().await;
    assert_eq!(book.duplicates()[0].tasks.len(), 2);
    let delivered: Vec<_> = book.entries.iter().map(|entry| entry.delivered).collect();
    assert_eq!(delivered, [false, true]);
    assert_eq!(book.entries[1].task.as_str(), id);
}

#[tokio::test]
async fn the_journal_holds_requests_as_they_came_but_no_key() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let head = format!("{}X-Api-Key: s3cret\r\nX-Odd: [{KEY}]\r\n", with_key(KEY));
    client.send("POST", &format!("{CREATE}?key={KEY}"), &head, &pair(KEY).to_string());
    client.send("POST", CREATE, &with_key("an-unknown-key"), "{}");
    Client::to(&api).create(&pair("b.jpg"));

    let journal = api.journal();
    assert_eq!(journal[0].header("authorization"), Some("Bearer ***"));
    let connections: Vec<_> = journal.iter().map(|exchange| exchange.connection).collect();
    assert_eq!(connections, [1, 1, 2]);
    let shown = serde_json::to_string_pretty(&journal[..2]).unwrap();
    for secret in [KEY, "s3cret", "an-unknown-key"] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!client.get("/__mock/journal").to_string().contains(secret));
    }
    let mut settings = filters();
    settings.add_filter(r#""(unix_millis|millis)": \d+"#, r#""$1": "[time]""#);
    settings.bind(|| insta::assert_snapshot!("journal", shown));
}

#[tokio::test]
async fn the_journal_is_bounded() {
    let api = MockApi::start(Scenario { journal: 10, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    for n in 0..25 {
        client.create(&pair(&n.to_string()));
    }
    let numbers: Vec<_> = api.journal().iter().map(|exchange| exchange.number).collect();
    assert_eq!(numbers, (16..=25).collect::<Vec<_>>());
    assert_eq!(api.book().entries.len(), 25, "the book forgets nothing");
}

#[tokio::test]
async fn the_book_is_on_disk_before_the_answer_leaves() {
    let path = std::env::temp_dir().join(format!("callsheet-mock-book-{}", std::process::id()));
    let options = Options { book_file: Some(path.clone()), ..Options::default() };
    let api = MockApi::start_with(Scenario::default(), options).await.unwrap();
    let mut client = Client::to(&api);
    for n in 1..=3 {
        let id = client.create(&pair(&n.to_string())).json()["id"].clone();
        let text = std::fs::read_to_string(&path).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["number"], &last["task"]), (&n.into(), &id));
    }
    std::fs::remove_file(&path).unwrap();
}

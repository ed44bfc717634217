//! Uploads: three ways in, one way out, and an end after 72 hours.

use std::time::Duration;

use callsheet_mock::{KEY, MockApi, Scenario};
use serde_json::{Value, json};

use crate::client::{Answer, Client, filters, with_key};

fn form(parts: &str) -> (String, String) {
    let head = format!(
        "Authorization: Bearer {KEY}\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    );
    (head, format!("{parts}--XX--\r\n"))
}

const FILE: &str = "--XX\r\nContent-Disposition: form-data; name=\"file\"; \
    filename=\"my photo.jpg\"\r\n\r\nJPEG\r\n";

fn path_of<'a>(api: &MockApi, stored: &'a Value) -> &'a str {
    stored["url"].as_str().unwrap().strip_prefix(api.url()).unwrap()
}

#[tokio::test]
async fn three_ways_in_and_one_out() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let (head, body) = form(FILE);
    let streamed = client.send("POST", "/v1/files/upload/stream", &head, &body).json();
    let mut post = |way: &str, body: Value| {
        let path = format!("/v1/files/upload/{way}");
        client.send("POST", &path, &with_key(KEY), &body.to_string()).json()
    };
    let encoded =
        post("base64", json!({"file_data": "data:image/png;base64,UE5H", "file_name": "a.png"}));
    let fetched = post("url", json!({"url": "https://example.com/x/speech.mp3?sig=1"}));
    for (stored, mime, bytes) in
        [(&streamed, "image/jpeg", &b"JPEG"[..]), (&encoded, "image/png", b"PNG")]
    {
        let answer = client.send("GET", path_of(&api, stored), "", "");
        assert_eq!((answer.header("content-type"), &answer.body[..]), (Some(mime), bytes));
    }
    let speech = client.send("GET", path_of(&api, &fetched), "", "");
    assert_eq!(speech.body, client.send("GET", "/samples/hello-en.mp3", "", "").body);
    let mut settings = filters();
    settings.add_filter(r"file-\d+-", "file-[time]-");
    settings.bind(|| insta::assert_snapshot!("uploaded", format!("{streamed:#}")));
    api.advance(Duration::from_secs(72 * 3600));
    assert_eq!(client.send("GET", path_of(&api, &encoded), "", "").status, 404);
}

#[tokio::test]
async fn uploads_that_are_refused() {
    let api = MockApi::start(Scenario { storage: 5, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    let mut stream = |parts: &str| {
        let (head, body) = form(parts);
        client.send("POST", "/v1/files/upload/stream", &head, &body)
    };
    assert_eq!(stream(FILE).status, 200);
    let keep = "--XX\r\nContent-Disposition: form-data; name=\"auto_cleanup\"\r\n\r\nfalse\r\n";
    let full = stream(&format!("{keep}{FILE}"));
    let misspelt = stream(&format!("{}{FILE}", keep.replace("auto_c", "autoc")));
    let no_file = stream(keep);
    assert_eq!(stream(FILE).status, 200, "auto_cleanup makes room");
    let mut base64 =
        |body: &str| client.send("POST", "/v1/files/upload/base64", &with_key(KEY), body);
    let not_base64 = base64(r#"{"file_data": "???", "auto_cleanup": "no"}"#);
    let large = format!(r#"{{"file_data": "{}"}}"#, "A".repeat(14 << 20));
    let large = base64(&large);
    let no_key = client.send("POST", "/v1/files/upload/url", "", "{}");
    let shown = |answer: &Answer| (answer.status, answer.json()["error"]["message"].clone());
    insta::assert_snapshot!(format!(
        "{:#?}",
        [full, no_file, misspelt, not_base64, large, no_key].map(|a| shown(&a))
    ));
}

//! Each documented answer.

use callsheet_mock::{Fault, KEY, MockApi, Rate, Rule, Scenario, Span};
use serde_json::json;

use crate::client::{CREATE, Client, filters, pair, request, with_key};

#[tokio::test]
async fn a_create_that_keeps_the_contract() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let everything = json!({
        "model": "omnihuman-1.5",
        "image_url": "https://example.com/portrait.jpg",
        "audio_url": "https://example.com/speech.mp3",
        "prompt": null, "turbo_mode": true, "advanced": {"seed": 5}, "resolution": "720p",
    });
    let mut client = Client::to(&api);
    let answers = [client.create(&pair("a.jpg")), client.create(&everything)];
    assert_ne!(answers[0].json()["id"], answers[1].json()["id"]);
    filters().bind(|| {
        insta::assert_snapshot!("created", answers[0].shown());
        insta::assert_snapshot!("created", answers[1].shown());
    });
}

#[tokio::test]
async fn requests_that_break_the_contract() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let body = pair("a.jpg").to_string();
    let all_wrong = json!({"image_url": "ftp://h/a.jpg", "audio_url": 5, "turbo_mode": "yes"});
    let json = "Content-Type: application/json\r\n";
    let mut answer = |method, path, head: &str, body: &str| {
        filters().bind(|| client.send(method, path, head, body).shown())
    };
    let text = "Authorization: Bearer mock-key\r\nContent-Type: text/plain\r\n";
    let shown = [
        ("no_key", answer("POST", CREATE, json, &body)),
        ("basic_scheme", answer("POST", CREATE, &format!("Authorization: Basic x\r\n{json}"), "")),
        ("wrong_key", answer("POST", CREATE, &with_key("other"), &body)),
        ("text", answer("POST", CREATE, text, &body)),
        ("not_json", answer("POST", CREATE, &with_key(KEY), "{\"model\": }")),
        ("empty_body", answer("POST", CREATE, &with_key(KEY), "")),
        ("all_wrong", answer("POST", CREATE, &with_key(KEY), &all_wrong.to_string())),
        ("wrong_method", answer("GET", CREATE, &with_key(KEY), "")),
        ("no_such_path", answer("GET", "/v1/nothing/here?x=1", &with_key(KEY), "")),
    ];
    for (name, shown) in shown {
        filters().bind(|| insta::assert_snapshot!(format!("broken_{name}"), shown));
    }
    let wrong_model =
        json!({"model": "sora", "image_url": "http://h/a", "audio_url": "http://h/b"});
    filters().bind(|| {
        insta::assert_snapshot!("broken_model", client.create(&wrong_model).shown());
        insta::assert_snapshot!("broken_fault", client.create(&pair("a?fault=oops")).shown());
    });
    assert_eq!(api.book().entries, [], "nothing of this is billed");
    assert_eq!(api.book().creates_read, 9);
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let body = format!("\"{}\"", "x".repeat(1 << 20));
    let answer = Client::to(&api).send("POST", CREATE, &with_key(KEY), &body);
    insta::assert_snapshot!(answer.json()["error"]["message"].as_str().unwrap(),
        @"the body is larger than 1048576 bytes");
    assert_eq!(answer.status, 413);

    let mut client = Client::to(&api);
    client.write(format!("POST {CREATE} HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"));
    let answer = client.read_answer(true).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
}

#[tokio::test]
async fn answers_that_are_faults() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let answers = Fault::ALL.iter().filter(|fault| {
        let name = fault.name();
        name.starts_with("status-")
            || ["html-after", "empty-after"].iter().any(|n| name.starts_with(n))
    });
    for fault in answers {
        let body = pair(&format!("a.jpg?fault={fault}")).to_string();
        let mut client = Client::to(&api);
        client.write(request("POST", CREATE, &with_key(KEY), &body));
        let answer = client.read_answer(true).unwrap();
        if fault.name().starts_with("status-") {
            // The documented ones must also keep the contract.
            let kept = Client::to(&api).send("POST", CREATE, &with_key(KEY), &body);
            assert_eq!(kept.status, answer.status);
        }
        filters().bind(|| insta::assert_snapshot!(format!("fault_{fault}"), answer.shown()));
    }
}

#[tokio::test]
async fn odd_answers_that_still_have_an_id() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    for fault in [Fault::OnlyIdAfterAccept, Fault::OddAfterAccept, Fault::WithoutIdAfterAccept] {
        let mut client = Client::to(&api);
        let body = pair(&format!("a.jpg?fault={fault}")).to_string();
        client.write(request("POST", CREATE, &with_key(KEY), &body));
        let answer = client.read_answer(true).unwrap();
        filters().bind(|| insta::assert_snapshot!(format!("fault_{fault}"), answer.shown()));
    }
    let delivered: Vec<_> = api.shutdown().await.entries.iter().map(|e| e.delivered).collect();
    assert_eq!(delivered, [true, true, false]);
}

#[tokio::test]
async fn limits_of_rate_and_balance() {
    let rate = Some(Rate { requests: 2, per: Span::secs(60) });
    let scenario = Scenario { rate, balance: Some(3), ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let mut client = Client::to(&api);
    let mut create = |n: u8| client.create(&pair(&format!("{n}.jpg")));
    assert_eq!([create(1).status, create(2).status], [200, 200]);
    // Only the fake's clock moves, so that a busy machine makes no difference.
    let mut settings = filters();
    settings.add_filter(r"retry-after: (60|5\d)", "retry-after: [nearly a minute]");
    settings.bind(|| insta::assert_snapshot!("too_many_per_minute", create(3).shown()));
    api.advance(std::time::Duration::from_secs(60));
    assert_eq!(create(3).status, 200, "the window opens again");
    filters().bind(|| insta::assert_snapshot!("balance_used_up", create(4).shown()));
    assert_eq!(api.book().entries.len(), 3, "what is refused is not billed");
}

#[tokio::test]
async fn a_limit_of_concurrency() {
    let latency = callsheet_mock::Latency::Fixed(Span::millis(300));
    let scenario = Scenario { concurrency: Some(2), latency, ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| Client::to(&api)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let body = pair(&format!("{n}.jpg")).to_string();
        client.write(request("POST", CREATE, &with_key(KEY), &body));
    }
    let mut answers: Vec<_> =
        clients.iter_mut().map(|client| client.read_answer(true).unwrap()).collect();
    answers.sort_by_key(|answer| answer.status);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    filters().bind(|| insta::assert_snapshot!("too_many_at_once", answers[2].shown()));
    assert_eq!(clients[0].create(&pair("later.jpg")).status, 200, "a place is free again");
}

#[tokio::test]
async fn accounts_have_balances_of_their_own() {
    let account = |key: &str, balance| callsheet_mock::Account { key: key.into(), balance };
    let keys = vec![account("rich-key", None), account("poor-key", Some(1))];
    let api = MockApi::start(Scenario { keys, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    let mut create = |key: &str, n: u8| {
        client.send("POST", CREATE, &with_key(key), &pair(&n.to_string()).to_string()).status
    };
    assert_eq!([create("poor-key", 1), create("poor-key", 2)], [200, 402]);
    assert_eq!([create("rich-key", 3), create("rich-key", 4)], [200, 200]);
    assert_eq!(create(KEY, 5), 401);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run_in_any_order() {
    let faults = vec![Rule::new(Fault::Status500).share(0.5)];
    let run = async |order: &mut dyn Iterator<Item = u32>| {
        let scenario = Scenario { seed: 11, faults: faults.clone(), ..Scenario::default() };
        let api = MockApi::start(scenario).await.unwrap();
        let mut client = Client::to(&api);
        let mut told: Vec<_> = order
            .map(|n| {
                let answer = client.create(&pair(&n.to_string())).json();
                (n, answer["id"].as_str().map(|id| id.rsplit('-').next().unwrap().to_owned()))
            })
            .collect();
        told.sort();
        told
    };
    let there = run(&mut (0..60)).await;
    assert_eq!(there, run(&mut (0..60).rev()).await);
    let lost = there.iter().filter(|(_, id)| id.is_none()).count();
    assert!((15..45).contains(&lost), "{lost} of 60 at a share of one half");
}

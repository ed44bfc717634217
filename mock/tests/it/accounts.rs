//! What an account has left, and the log of its key, as the kin of the service have them.

use callsheet_mock::{
    Account, KEY, Length, ListShape, Listing, MockApi, OPENAPI, Scenario, Span, Work,
};
use serde_json::{Value, json};

use crate::client::{Client, pair, request, with_key};

async fn kin(list: Listing, credits: Option<u64>) -> (MockApi, Client) {
    let lengths = vec![Length { matching: "speech".to_owned(), length: Span::secs(3) }];
    let keys = vec![Account::new(KEY), Account::new("another")];
    let scenario =
        Scenario { list, credits, lengths, keys, work: Work::AtOnce, ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let client = Client::to(&api);
    (api, client)
}

fn relay(named: bool) -> Listing {
    Listing { shape: ListShape::Relay, named, ..Listing::default() }
}

fn ask(client: &mut Client, target: &str, key: &str) -> (u16, Value) {
    client.write(request("GET", target, &with_key(key), ""));
    let answer = client.read_answer(true).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// The answer has to be what the contract says of the kin's.
fn keeps(name: &str, answer: &Value) {
    let document: Value = serde_yaml::from_str(OPENAPI).unwrap();
    let schema = json!({"$ref": format!("#/x-kin/{name}"), "x-kin": document["x-kin"]});
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {answer:#}");
}

#[tokio::test]
async fn the_documented_service_tells_nothing() {
    let (_api, mut client) = kin(Listing::default(), Some(9)).await;
    for target in ["/v1/credits", "/api/usage/token/", "/api/usage/token", "/api/log/token"] {
        assert_eq!(ask(&mut client, target, KEY).0, 404, "{target}");
    }
}

#[tokio::test]
async fn credits_are_taken_by_the_second_until_they_do_not_last() {
    let list = Listing { shape: ListShape::Evolink, ..Listing::default() };
    let (_api, mut client) = kin(list, Some(7)).await;
    let left = |client: &mut Client, key: &str| {
        let (status, answer) = ask(client, "/v1/credits", key);
        assert_eq!(status, 200);
        keeps("EvolinkCredits", &answer);
        answer["data"]["token"]["remaining_credits"].as_u64().unwrap()
    };
    assert_eq!(left(&mut client, KEY), 7);
    client.create(&pair("1.jpg"));
    client.create(&pair("2.jpg"));
    assert_eq!((left(&mut client, KEY), left(&mut client, "another")), (1, 7));
    let refused =
        client.send("POST", "/v1/videos/generations", &with_key(KEY), &pair("3.jpg").to_string());
    assert_eq!((refused.status, left(&mut client, KEY)), (402, 1));
    assert_eq!(ask(&mut client, "/v1/credits", "nobody").0, 401);
}

#[tokio::test]
async fn a_relay_tells_what_its_key_has_left_and_not_too_often() {
    let (api, mut client) = kin(relay(false), Some(7)).await;
    client.create(&pair("1.jpg"));
    let (_, usage) = ask(&mut client, "/api/usage/token/", KEY);
    keeps("RelayTokenUsage", &usage);
    let usage = &usage["data"];
    assert_eq!((&usage["total_available"], &usage["total_used"]), (&json!(4), &json!(3)));
    assert_eq!(usage["unlimited_quota"], false);
    assert_eq!(ask(&mut client, "/api/usage/token", KEY).0, 301);
    let (status, refused) = ask(&mut client, "/api/usage/token/", "nobody");
    assert_eq!((status, &refused["success"]), (200, &json!(false)));
    for _ in 2..20 {
        assert_eq!(ask(&mut client, "/api/log/token", KEY).0, 200);
    }
    assert_eq!(ask(&mut client, "/api/log/token", KEY), (429, Value::Null));
    assert_eq!(ask(&mut client, "/api/usage/token/", KEY), (429, Value::Null));
    api.advance(std::time::Duration::from_secs(20 * 60));
    assert_eq!(ask(&mut client, "/api/log/token", KEY).0, 200);
}

#[tokio::test]
async fn a_relays_log_has_the_requests_and_only_some_name_the_task() {
    for named in [false, true] {
        let list = Listing { late: Span::secs(60), strangers: 1.0, ..relay(named) };
        let (api, mut client) = kin(list, None).await;
        let body = pair("1.jpg").to_string();
        let created = client.send("POST", "/v1/videos/generations", &with_key(KEY), &body);
        let request = created.header("x-oneapi-request-id").unwrap();
        assert_eq!(ask(&mut client, "/api/log/token", KEY).1["data"], json!([]), "not yet");
        api.advance(std::time::Duration::from_secs(61));
        let (_, log) = ask(&mut client, "/api/log/token", KEY);
        keeps("RelayTokenLog", &log);
        let rows = log["data"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "a stranger's beside it: {log}");
        let row = rows.iter().find(|row| row["request_id"] == request).unwrap();
        let other: Value = serde_json::from_str(row["other"].as_str().unwrap()).unwrap();
        let task = other.get("task_id").and_then(Value::as_str);
        assert_eq!(
            task,
            named.then(|| created.json()["id"].as_str().unwrap().to_owned()).as_deref()
        );
        assert_eq!(ask(&mut client, "/api/log/token", "another").1["data"], json!([]));
    }
}

//! The account's own list of tasks, as the kin of the service have it.

use callsheet_mock::{
    Failure, FailureCode, KEY, ListShape, Listing, MockApi, Scenario, Span, Work,
};
use serde_json::Value;

use crate::client::{Client, pair, request, with_key};

async fn listing(list: Listing) -> (MockApi, Client) {
    let scenario = Scenario { list, work: Work::AtOnce, ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let client = Client::to(&api);
    (api, client)
}

fn ids(list: &Value, name: &str) -> Vec<String> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

fn ask(client: &mut Client, target: &str, headers: &str) -> (u16, Value) {
    // The documented contract has no lists, so it says nothing of these answers.
    client.write(request("GET", target, headers, ""));
    let answer = client.read_answer(true).unwrap();
    (answer.status, answer.json())
}

#[tokio::test]
async fn the_documented_service_has_none() {
    let (_api, mut client) = listing(Listing::default()).await;
    for target in ["/v1/tasks", "/api/task/self"] {
        assert_eq!(ask(&mut client, target, &with_key(KEY)).0, 404, "{target}");
    }
}

#[tokio::test]
async fn evolinks_is_paged_and_has_strangers_in_it() {
    let list = Listing { shape: ListShape::Evolink, strangers: 0.5, ..Listing::default() };
    let (api, mut client) = listing(list).await;
    for n in 0..20 {
        client.create(&pair(&format!("{n}.jpg")));
    }
    let mut all = Vec::new();
    for page in 1..=6 {
        let target = format!("/v1/tasks?page={page}&page_size=7");
        let (status, list) = ask(&mut client, &target, &with_key(KEY));
        assert_eq!((status, list["page"].as_u64()), (200, Some(page)));
        all.extend(ids(&list["data"], "id"));
        assert!(list["total"].as_u64().unwrap() > 20, "{list}");
        assert!(list["data"][0].get("input").is_none());
    }
    assert!(all.len() > 22 && all.len() < 40, "{}", all.len());
    let book = api.book();
    assert!(book.tasks().all(|task| all.contains(&task.to_string())));
    let stranger = all.iter().find(|id| !book.tasks().any(|task| task.as_str() == *id)).unwrap();
    assert_eq!(client.task(stranger)["status"], "completed", "it can be asked for like any other");
    assert_eq!(ask(&mut client, "/v1/tasks", "").0, 401);
}

#[tokio::test]
async fn a_relays_wants_its_own_token_and_comes_late() {
    let list = Listing { shape: ListShape::Relay, late: Span::secs(60), ..Listing::default() };
    let (api, mut client) = listing(list).await;
    client.create(&pair("a.jpg"));
    let user = format!("authorization: {KEY}\r\nnew-api-user: 7\r\n");
    let (status, none) = ask(&mut client, "/api/task/self?p=1&page_size=100", &user);
    assert_eq!((status, none["data"]["total"].as_u64()), (200, Some(0)), "{none}");
    api.advance(std::time::Duration::from_secs(61));
    let (_, list) = ask(&mut client, "/api/task/self", &user);
    assert_eq!(ids(&list["data"]["items"], "task_id").len(), 1);
    let (status, refused) = ask(&mut client, "/api/task/self", &with_key(KEY));
    assert_eq!((status, refused["success"].as_bool()), (200, Some(false)));
}

#[tokio::test]
async fn evolinks_is_filtered_and_tasks_are_asked_for_by_the_dozen() {
    let failures = vec![Failure {
        code: FailureCode::RequestCancelled,
        share: None,
        matching: Some("cancelled".into()),
    }];
    let list = Listing { shape: ListShape::Evolink, ..Listing::default() };
    let scenario = Scenario { list, failures, work: Work::AtOnce, ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let mut client = Client::to(&api);
    let mut made = Vec::new();
    for image in ["a.jpg", "b.jpg", "cancelled.jpg"] {
        made.push(client.create(&pair(image)).json()["id"].as_str().unwrap().to_owned());
    }
    let mut total = |query: &str| {
        let (status, list) = ask(&mut client, &format!("/v1/tasks?{query}"), &with_key(KEY));
        assert_eq!(status, 200);
        list["total"].as_u64().unwrap()
    };
    assert_eq!((total("status=completed"), total("status=cancelled")), (2, 1));
    assert_eq!((total("status=failed"), total("status=processing")), (0, 0));
    assert_eq!((total("model=omnihuman-1.5&type=video"), total("model=other")), (3, 0));
    let mut batch = |ids: &Value| {
        let body = serde_json::json!({ "task_ids": ids }).to_string();
        client.write(request("POST", "/v1/tasks/batch", &with_key(KEY), &body));
        client.read_answer(true).unwrap()
    };
    let found = batch(&serde_json::json!([made[1], "unheard-of", made[2]])).json();
    assert_eq!(ids(&found["data"], "id"), made[1..]);
    assert!(found["data"][0]["results"][0]["url"].is_string(), "{found}");
    assert_eq!(batch(&vec!["x"; 51].into()).status, 400);
}

#[tokio::test]
async fn a_relays_list_and_log_are_filtered_and_paged() {
    let list = Listing { shape: ListShape::Relay, ..Listing::default() };
    let (_api, mut client) = listing(list).await;
    let mut made = Vec::new();
    for n in 0..12 {
        let created = client.create(&pair(&format!("{n}.jpg")));
        let request = created.header("x-oneapi-request-id").unwrap().to_owned();
        made.push((created.json()["id"].as_str().unwrap().to_owned(), request));
    }
    let user = format!("authorization: Bearer {KEY}\r\nnew-api-user: 7\r\n");
    let mut items = |target: &str| {
        let (status, list) = ask(&mut client, target, &user);
        assert_eq!((status, list["success"].as_bool()), (200, Some(true)), "{list}");
        let data = &list["data"];
        (data["total"].as_u64().unwrap(), data["items"].as_array().unwrap().clone())
    };
    let (task, request) = &made[4];
    let (total, rows) = items(&format!("/api/task/self?task_id={task}&status=SUCCESS"));
    assert_eq!((total, rows[0]["task_id"].as_str()), (1, Some(task.as_str())));
    assert!(rows[0]["finish_time"].as_u64() > rows[0]["submit_time"].as_u64(), "{rows:?}");
    assert_eq!(rows[0]["properties"]["input"], "");
    assert_eq!(items("/api/task/self?status=FAILURE").0, 0);
    assert_eq!(items("/api/task/self?end_timestamp=1000").0, 0);
    let (total, rows) = items("/api/task/self?p=2&ps=5");
    assert_eq!((total, rows.len()), (12, 5));
    let (total, rows) = items("/api/log/self?p=3&page_size=5&type=2");
    assert_eq!((total, rows.len()), (12, 2));
    let (total, rows) = items(&format!("/api/log/self?request_id={request}"));
    assert_eq!((total, rows[0]["request_id"].as_str()), (1, Some(request.as_str())));
    assert_eq!(items("/api/log/self?type=6").0, 0);
    let (_, refused) = ask(&mut client, "/api/log/self", &with_key(KEY));
    assert_eq!(refused["success"], false);
}

#[tokio::test]
async fn a_list_may_say_what_tasks_were_made_of() {
    let list = Listing { shape: ListShape::Evolink, inputs: true, ..Listing::default() };
    let (_api, mut client) = listing(list).await;
    client.create(&pair("a.jpg"));
    let (_, list) = ask(&mut client, "/v1/tasks", &with_key(KEY));
    let image = list["data"][0]["input"]["image_url"].as_str().unwrap();
    assert!(image.ends_with("a.jpg"), "{list}");
}

//! The account's own list of tasks, as the kin of the service have it.

use callsheet_mock::{KEY, ListShape, Listing, MockApi, Scenario, Span, Work};
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
async fn a_list_may_say_what_tasks_were_made_of() {
    let list = Listing { shape: ListShape::Evolink, inputs: true, ..Listing::default() };
    let (_api, mut client) = listing(list).await;
    client.create(&pair("a.jpg"));
    let (_, list) = ask(&mut client, "/v1/tasks", &with_key(KEY));
    let image = list["data"][0]["input"]["image_url"].as_str().unwrap();
    assert!(image.ends_with("a.jpg"), "{list}");
}

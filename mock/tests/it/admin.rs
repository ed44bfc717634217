//! The fake about itself: state, reset, clock, scenario, contract, strictness.

use std::panic::{AssertUnwindSafe, catch_unwind};

use callsheet_mock::{KEY, MockApi, OPENAPI, Options, Scenario};
use serde_json::{Value, json};

use crate::client::{CREATE, Client, filters, pair, with_key};

#[tokio::test]
async fn the_clock_the_state_and_the_reset() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    client.create(&pair("a.jpg"));
    assert_eq!(client.get("/__mock/state")["tasks"]["pending"], 1);
    let told = client.get("/__mock/clock")["unix_millis"].as_u64().unwrap();
    let advanced = client.send("POST", "/__mock/clock", "", r#"{"advance": "24h"}"#).json();
    assert!(advanced["unix_millis"].as_u64().unwrap() >= told + 24 * 3_600_000);
    assert_eq!(client.get("/__mock/state")["tasks"]["completed"], 1);
    let wrong = client.send("POST", "/__mock/clock", "", r#"{"advance": 5}"#);
    assert_eq!(wrong.status, 400);
    filters().bind(|| insta::assert_snapshot!("clock_wrong", wrong.shown()));
    assert_eq!(client.send("POST", "/__mock/reset", "", "").status, 204);
    assert_eq!(client.get("/__mock/book")["creates"], 0);
    assert_eq!(client.get("/__mock/journal"), json!([]));
    assert_eq!(client.get("/__mock/state")["tasks"]["completed"], 0);
    client.create(&pair("a.jpg"));
    assert_eq!(api.book().entries.len(), 1);
}

#[tokio::test]
async fn the_scenario_is_swapped_while_running() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    assert_eq!(client.create(&pair("a.jpg")).status, 200);
    let swapped = client.send("PUT", "/__mock/scenario", "", "balance: 1\n");
    assert_eq!(swapped.status, 204);
    assert_eq!(client.create(&pair("b.jpg")).status, 402, "what was paid before counts");
    let shown = client.get("/__mock/scenario");
    assert_eq!((&shown["balance"], &shown["keys"][0]["key"]), (&json!(1), &json!("***")));
    let wrong = client.send("PUT", "/__mock/scenario", "", "balanc: 1\n");
    assert_eq!(wrong.status, 400);
    insta::assert_snapshot!(wrong.json()["error"]["message"].as_str().unwrap(), @r###"
    a mistake in the scenario
    error: unknown field `balanc`; did you mean `balance`?
     --> scenario:1:1
      |
    1 | balanc: 1
      | ^^^^^^
    "###);
    assert_eq!(api.scenario().balance, Some(1), "a mistake changes nothing");
}

#[tokio::test]
async fn a_broken_scenario_locks_nobody_out() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let deep = "[".repeat(100_000);
    let wide = format!("faults: [{}", "ä".repeat(5_000));
    for broken in [
        "kéys: [ä",
        "seed: 東京\nfaults:\n - {fault: é}",
        "\u{feff}bal\u{301}ance: [",
        "a: *b",
        "seed: !!binary ä",
        "? [é]\n: é",
        "keys: []",
        "keys: [{key: 'é'}]",
        "- é\n- \"\\xff",
        "a: &a [*a]",
        "seed: 1\r\nbälance: 1\r\n",
        "\u{0}",
        "%YAML 9.9\n---\né: 1",
        "seed: 99999999999999999999999999",
        &deep,
        &wide,
    ] {
        let answer = client.send("PUT", "/__mock/scenario", "", broken);
        let shown: String = broken.chars().take(20).collect();
        assert_eq!(answer.status, 400, "{shown:?}: {}", answer.shown());
        assert_eq!(client.create(&pair("a.jpg")).status, 200, "{shown:?}");
    }
    assert_eq!(*api.scenario(), Scenario::default());
}

#[tokio::test]
async fn a_scenario_that_was_asked_for_can_be_put_back() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let mut shown = client.get("/__mock/scenario");
    shown["balance"] = json!(1);
    let put = |client: &mut Client, body: &Value| {
        client.send("PUT", "/__mock/scenario", "", &body.to_string())
    };
    assert_eq!(put(&mut client, &shown).status, 204);
    assert_eq!(client.create(&pair("a.jpg")).status, 200, "the keys are what they were");
    assert_eq!(client.create(&pair("a.jpg")).status, 402, "and the rest is new");
    shown["keys"] = json!([{"key": "***"}, {"key": "***"}]);
    let refused = put(&mut client, &shown);
    assert_eq!(refused.status, 400);
    let told = refused.json()["error"]["message"].clone();
    assert_eq!(told, "/keys/1/key: no key is hidden behind ***");
}

#[tokio::test]
async fn the_contract_is_served() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let yaml = client.send("GET", "/openapi.yaml", "", "");
    let yaml: Value = serde_yaml::from_str(str::from_utf8(&yaml.body).unwrap()).unwrap();
    let json = client.get("/openapi.json");
    assert_eq!(json, yaml);
    assert_eq!(json["servers"][0]["url"], api.url(), "nobody is led to where creates are paid for");
    let mut parsed: Value = serde_yaml::from_str(OPENAPI).unwrap();
    parsed["servers"] = json["servers"].clone();
    assert_eq!(json, parsed);
    filters().bind(|| insta::assert_snapshot!("openapi", format!("{json:#}")));
}

#[tokio::test]
async fn strictness_fails_the_test_that_broke_the_contract() {
    let start = async || {
        let options = Options { strict: true, ..Options::default() };
        MockApi::start_with(Scenario::default(), options).await.unwrap()
    };
    let kept = start().await;
    assert_eq!(Client::to(&kept).create(&pair("a.jpg")).status, 200);
    assert_eq!(Client::to(&kept).send("POST", CREATE, &with_key("wrong"), "").status, 401);
    drop(kept);

    let broken = start().await;
    Client::to(&broken).send("POST", CREATE, &with_key(KEY), r#"{"model": 5}"#);
    Client::to(&broken).send("GET", "/v2/nothing", "", "");
    let panic = catch_unwind(AssertUnwindSafe(|| drop(broken))).unwrap_err();
    insta::assert_snapshot!(panic.downcast_ref::<String>().unwrap(), @r###"
    requests broke the contract:
    POST /v1/videos/generations: the request breaks the contract: /audio_url: "audio_url" is a required property; /image_url: "image_url" is a required property; /model: 5 is not of type "string"
    GET /v2/nothing: no such path: `/v2/nothing` (there are: /v1/videos/generations, /v1/tasks/{task_id}, /v1/files/upload/{stream, base64, url}, /samples/, /files/{id}/{name}, /output/{file}, /openapi.yaml, /openapi.json, /__mock/{ready, book, journal, journal.har, state, reset, clock, scenario, unmatched, callbacks, verify, tasks/{task_id}})
    "###);
}

#[tokio::test]
async fn a_scenario_goes_by_its_name_and_a_wrong_one_is_told() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let mut put = |body: &str| client.send("PUT", "/__mock/scenario", "", body);
    assert_eq!(put(r#"{"name": "lossy"}"#).status, 204);
    assert_eq!(*api.scenario(), Scenario::named("lossy").unwrap());
    let wrong = put(r#"{"name": "losy"}"#);
    assert_eq!(wrong.status, 400);
    let told = wrong.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("no scenario `losy`; there are calm, busy, lossy"), "{told}");
    assert_eq!(api.scenario().seed, 3, "a mistake changes nothing");
}

#[tokio::test]
async fn a_task_is_driven_by_hand() {
    let work = callsheet_mock::Work::Elapsed(callsheet_mock::Span::secs(10));
    let api = MockApi::start(Scenario { work, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    let [one, two] = ["a.jpg", "b.jpg"]
        .map(|name| client.create(&pair(name)).json()["id"].as_str().unwrap().to_owned());
    let drive = |client: &mut Client, id: &str, body: &str| {
        let answer = client.send("POST", &format!("/__mock/tasks/{id}"), "", body);
        (answer.status, answer.json())
    };
    let (_, aged) = drive(&mut client, &one, r#"{"advance": "5s"}"#);
    assert_eq!((&aged["status"], &aged["progress"]), (&json!("processing"), &json!(50)));
    assert_eq!(client.task(&two)["status"], "pending", "only the one is older");
    drive(&mut client, &one, r#"{"status": "failed", "code": "content_policy_violation"}"#);
    let failed = client.task(&one);
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("content_policy_violation"))
    );
    drive(&mut client, &two, r#"{"status": "completed"}"#);
    let done = client.task(&two);
    assert!(done["results"][0]["url"].is_string() && done["error"].is_null(), "{done}");
    drive(&mut client, &two, r#"{"status": "processing", "progress": 7}"#);
    assert_eq!(client.task(&two)["progress"], 7, "and back");

    let (status, misspelt) = drive(&mut client, &two, r#"{"statsu": "failed"}"#);
    let told = misspelt["error"]["message"].as_str().unwrap();
    assert!(
        status == 400 && told.ends_with("unknown field `statsu`; did you mean `status`?"),
        "{told}"
    );
    for wrong in
        [r#"{"code": "service_error"}"#, r#"{"progress": 5}"#, "{}", r#"{"status": "done"}"#, "[]"]
    {
        assert_eq!(drive(&mut client, &two, wrong).0, 400, "{wrong}");
    }
    assert_eq!(drive(&mut client, "task-unknown", r#"{"status": "failed"}"#).0, 404);
}

#[tokio::test]
async fn what_was_accepted_is_verified_and_what_fits_nothing_is_listed() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    for (image, prompt) in [("anna.jpg", "smile"), ("anna.jpg", "frown"), ("ben.jpg", "smile")] {
        let mut body = pair(image);
        body["prompt"] = json!(prompt);
        client.create(&body);
    }
    let mut verify = |body: &Value| {
        let answer = client.send("POST", "/__mock/verify", "", &body.to_string());
        (answer.status, answer.json())
    };
    let (status, verified) = verify(&json!({"fields": {"prompt": "smile"}, "exactly": 2}));
    assert_eq!((status, &verified["count"]), (200, &json!(2)));
    let (status, report) = verify(&json!({"match": "ben", "fields": {"prompt": "frown"}}));
    let report = report["error"]["message"].as_str().unwrap();
    assert_eq!(status, 406, "{report}");
    assert!(report.starts_with("expected at least 1 accepted creates"), "{report}");
    assert!(report.contains("there were 0 among 3\nclosest: task-"), "{report}");
    assert_eq!(verify(&json!({"exactl": 2})).0, 400);
    assert_eq!(verify(&json!({"on": "delete"})).0, 400, "nobody counts those");

    client.send("POST", "/v1/video/generations", &with_key(KEY), "{}");
    client.send("POST", CREATE, &with_key(KEY), r#"{"model": 5}"#);
    let unmatched = client.get("/__mock/unmatched")["unmatched"].clone();
    let told = |n: usize| unmatched[n]["message"].as_str().unwrap();
    assert_eq!(unmatched.as_array().unwrap().len(), 2);
    assert!(told(0).ends_with("did you mean /v1/videos/generations?"), "{}", told(0));
    assert!(told(1).contains("/model: 5 is not of type"), "{}", told(1));
}

#[tokio::test]
async fn polls_and_downloads_are_verified_by_the_pair_that_they_are_about() {
    let work = callsheet_mock::Work::AtOnce;
    let api = MockApi::start(Scenario { work, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    for (image, polls) in [("anna.jpg", 3), ("ben.jpg", 1)] {
        let id = client.create(&pair(image)).json()["id"].as_str().unwrap().to_owned();
        for _ in 0..polls {
            client.task(&id);
        }
        let task = client.task(&id);
        let link = task["results"][0]["url"].as_str().unwrap();
        client.send("GET", link.strip_prefix(api.url()).unwrap(), "", "");
    }
    let mut verify = |body: Value| {
        let answer = client.send("POST", "/__mock/verify", "", &body.to_string());
        (answer.status, answer.json())
    };
    let counted = |(status, body): (u16, Value)| (status, body["count"].as_u64());
    let anna = json!({"on": "poll", "match": "anna", "exactly": 4});
    assert_eq!(counted(verify(anna)), (200, Some(4)));
    assert_eq!(counted(verify(json!({"on": "poll", "at_least": 6}))), (200, Some(6)));
    assert_eq!(counted(verify(json!({"on": "media", "exactly": 2}))), (200, Some(2)));
    let (status, report) = verify(json!({"on": "media", "match": "anna", "at_most": 0}));
    let report = report["error"]["message"].as_str().unwrap();
    assert_eq!(status, 406);
    let begins = "expected at most 0 downloads of videos with a URL that matches anna; \
        there were 1 among 2\ncounted: task-";
    assert!(report.starts_with(begins), "{report}");
}

#[tokio::test]
async fn uploads_are_verified_by_name_source_and_what_was_asked() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let mut upload = |way: &str, body: Value| {
        let path = format!("/v1/files/upload/{way}");
        client.send("POST", &path, &with_key(KEY), &body.to_string()).status
    };
    let anna = json!({"file_data": "QUJD", "file_name": "anna.jpg", "auto_cleanup": false});
    assert_eq!(upload("base64", anna), 200);
    assert_eq!(upload("url", json!({"url": "https://example.com/hello.mp3"})), 200);
    assert_eq!(upload("base64", json!({"file_data": "QUJD", "auto_clean": false})), 200);
    assert_eq!(upload("base64", json!({"file_data": "?"})), 400);
    let mut verify = |body: Value| {
        let answer = client.send("POST", "/__mock/verify", "", &body.to_string());
        (answer.status, answer.json())
    };
    for good in [
        json!({"on": "upload", "exactly": 3}),
        json!({"on": "upload", "match": "anna", "fields": {"auto_cleanup": false, "size": 3}, "exactly": 1}),
        json!({"on": "upload", "match": "https://example.com/*", "exactly": 1}),
    ] {
        let (status, told) = verify(good);
        assert_eq!(status, 200, "{told}");
    }
    let (status, report) =
        verify(json!({"on": "upload", "fields": {"auto_cleanup": true}, "at_most": 0}));
    assert_eq!(status, 406);
    let report = report["error"]["message"].as_str().unwrap();
    assert!(
        report.starts_with("expected at most 0 uploads with auto_cleanup true; there were 2"),
        "{report}"
    );
    client.send("POST", "/__mock/reset", "", "");
    let none = json!({"on": "upload", "exactly": 0}).to_string();
    assert_eq!(client.send("POST", "/__mock/verify", "", &none).status, 200);
}

#[tokio::test]
async fn the_journal_is_an_http_archive_without_keys() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let id = client.create(&pair("a.jpg")).json()["id"].as_str().unwrap().to_owned();
    client.send("GET", &format!("/v1/tasks/{id}?sync_upstream=true"), &with_key(KEY), "");
    client.send("GET", "/samples/anna.jpg", "", "");
    client.write(crate::client::request(
        "POST",
        CREATE,
        &with_key(KEY),
        &pair(&format!("{KEY}.jpg?fault=reset-after-accept")).to_string(),
    ));
    assert!(client.read_answer(true).is_err());
    let answer = Client::to(&api).send("GET", "/__mock/journal.har", "", "");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(!text.contains(KEY), "{text}");
    let log = answer.json()["log"].clone();
    assert_eq!(
        (&log["version"], &log["creator"]["name"]),
        (&json!("1.2"), &json!("callsheet-mock"))
    );
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    let [create, poll, sample, lost] = &entries[..] else { panic!("{entries:?}") };
    let body: Value =
        serde_json::from_str(create["response"]["content"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(body["id"], json!(id));
    assert_eq!(create["request"]["postData"]["mimeType"], "application/json");
    assert_eq!(poll["request"]["queryString"], json!([{"name": "sync_upstream", "value": "true"}]));
    assert_eq!(
        poll["request"]["url"],
        json!(format!("{}/v1/tasks/{id}?sync_upstream=true", api.url()))
    );
    let content = &sample["response"]["content"];
    assert_eq!((&content["mimeType"], &content["text"]), (&json!("image/jpeg"), &Value::Null));
    assert!(content["size"].as_u64().unwrap() > 1000);
    assert_eq!(
        (&lost["response"]["status"], &lost["comment"]),
        (&json!(0), &json!("reset-after-accept"))
    );
    let began = create["startedDateTime"].as_str().unwrap();
    assert!(began.starts_with("20") && began.ends_with('Z'), "{began}");
}

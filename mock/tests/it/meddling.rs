//! What a scenario has for polls, downloads and uploads, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callsheet_mock::{KEY, MockApi, Scenario};
use serde_json::json;

use crate::client::{Answer, CREATE, Client, pair, request, with_key};

async fn api(yaml: &str) -> MockApi {
    MockApi::start(Scenario::from_yaml(yaml).unwrap()).await.unwrap()
}

fn created(client: &mut Client, image: &str) -> String {
    client.create(&pair(image)).json()["id"].as_str().unwrap().to_owned()
}

/// Asks without holding the answer to the contract, which a fault may break.
fn ask(client: &mut Client, method: &str, path: &str, head: &str, body: &str) -> Answer {
    client.write(request(method, path, head, body));
    client.read_answer(true).unwrap()
}

fn polled(client: &mut Client, id: &str) -> u16 {
    ask(client, "GET", &format!("/v1/tasks/{id}"), &with_key(KEY), "").status
}

fn uploaded(client: &mut Client, name: &str) -> u16 {
    let body = json!({"file_data": "UE5H", "file_name": name}).to_string();
    ask(client, "POST", "/v1/files/upload/base64", &with_key(KEY), &body).status
}

#[tokio::test]
async fn the_polls_and_downloads_of_one_pair_are_meant_by_its_urls() {
    let api = api("
work: at_once
faults:
  - {on: poll, fault: status-502, match: anna, first: 2}
  - {on: media, fault: status-503, match: '*/ben.jpg', first: 1}
scripts:
  - {on: poll, match: carla, tries: [ok, status-404, ok]}
")
    .await;
    let mut client = Client::to(&api);
    let [anna, ben, carla] = ["anna.jpg", "ben.jpg", "carla.jpg"].map(|i| created(&mut client, i));
    let mut statuses = |id: &str| [(); 3].map(|()| polled(&mut client, id));
    assert_eq!(statuses(&anna), [502, 502, 200], "fails twice, then succeeds");
    assert_eq!(statuses(&ben), [200; 3]);
    assert_eq!(statuses(&carla), [200, 404, 200]);
    for (id, downloads) in [(anna, [200, 200]), (ben, [503, 200])] {
        let task = client.task(&id);
        let link = task["results"][0]["url"].as_str().unwrap();
        let path = link.strip_prefix(api.url()).unwrap();
        let met = [(); 2].map(|()| ask(&mut client, "GET", path, "", "").status);
        assert_eq!(met, downloads, "{id}");
    }
}

#[tokio::test]
async fn uploads_meet_faults_and_what_is_refused_is_not_stored() {
    // Room for one file: a refused one would have taken the place of the first.
    let api = api("
storage: 3
faults:
  - {on: upload, fault: status-503, match: anna, first: 2}
  - {on: upload, fault: truncated, match: 'https://h/*'}
")
    .await;
    let mut client = Client::to(&api);
    let head = with_key(KEY);
    let body = json!({"file_data": "UE5H", "file_name": "ben.png"}).to_string();
    let ben = ask(&mut client, "POST", "/v1/files/upload/base64", &head, &body).json();
    let ben = ben["url"].as_str().unwrap().strip_prefix(api.url()).unwrap().to_owned();
    assert_eq!([(); 2].map(|()| uploaded(&mut client, "anna.png")), [503, 503]);
    assert_eq!(client.send("GET", &ben, "", "").status, 200, "still there");
    assert_eq!(uploaded(&mut client, "anna.png"), 200);
    assert_eq!(client.send("GET", &ben, "", "").status, 404, "made room");
    let body = json!({"url": "https://h/a.jpg"}).to_string();
    client.write(request("POST", "/v1/files/upload/url", &head, &body));
    assert!(client.read_answer(true).is_err(), "its answer breaks off");
}

#[tokio::test]
async fn rules_count_creates_in_the_order_of_arrival() {
    let api = api("faults: [{fault: status-500, every: 3}, {fault: status-402, from: 5}]").await;
    let mut client = Client::to(&api);
    let mut create = |n| {
        let body = pair(&format!("{n}.jpg")).to_string();
        ask(&mut client, "POST", CREATE, &with_key(KEY), &body).status
    };
    let met: Vec<_> = (1..8).map(&mut create).collect();
    assert_eq!(met, [200, 200, 500, 200, 402, 500, 402]);
    api.set_scenario((*api.scenario()).clone());
    let again: Vec<_> = (11..14).map(create).collect();
    assert_eq!(again, [200, 200, 500], "a scenario begins when it is set");
}

#[tokio::test]
async fn an_outage_is_a_window_of_the_fakes_clock() {
    let api = api("
faults:
  - {fault: status-503, between: [1h, 2h]}
  - {on: poll, fault: status-504, between: [1h, 2h]}
")
    .await;
    let mut client = Client::to(&api);
    let id = created(&mut client, "a.jpg");
    let mut both = |n: u32| {
        let body = pair(&format!("{n}.jpg")).to_string();
        let created = ask(&mut client, "POST", CREATE, &with_key(KEY), &body).status;
        [created, polled(&mut client, &id)]
    };
    assert_eq!(both(1), [200, 200]);
    api.advance(Duration::from_secs(3600));
    assert_eq!(both(2), [503, 504]);
    api.advance(Duration::from_secs(3600));
    assert_eq!(both(3), [200, 200]);
    api.set_scenario((*api.scenario()).clone());
    api.advance(Duration::from_secs(3600));
    assert_eq!(both(4), [503, 504], "counted anew");
}

#[tokio::test]
async fn polls_downloads_and_uploads_take_their_time() {
    let api = api("
work: at_once
latencies:
  poll: {fixed: 60ms}
  media: {uniform: [80ms, 90ms]}
  upload: {lognormal: {median: 70ms, sigma: 0.0, max: 1s}}
")
    .await;
    let mut client = Client::to(&api);
    let mut least = |millis: u64, work: &mut dyn FnMut(&mut Client)| {
        let started = Instant::now();
        work(&mut client);
        assert!(started.elapsed() >= Duration::from_millis(millis), "{:?}", started.elapsed());
    };
    let (mut id, mut link) = (String::new(), String::new());
    least(0, &mut |client| id = created(client, "a.jpg"));
    least(60, &mut |client| {
        link = client.task(&id)["results"][0]["url"].as_str().unwrap().to_owned();
    });
    let path = link.strip_prefix(api.url()).unwrap();
    least(80, &mut |client| assert_eq!(client.send("GET", path, "", "").status, 200));
    least(70, &mut |client| assert_eq!(uploaded(client, "a.png"), 200));
}

/// What each pair meets: creates, polls and downloads follow from the seed and what is asked alone.
#[tokio::test]
async fn a_seed_gives_the_same_run_whatever_the_order_and_the_hour() {
    const YAML: &str = "
seed: 11
work: at_once
faults:
  - {fault: status-500, share: 0.3, first: 1}
  - {on: poll, fault: status-502, share: 0.5}
  - {on: media, fault: status-503, share: 0.5}
";
    async fn run(order: &[usize], connections: usize, hours: u64) -> BTreeMap<usize, Vec<u16>> {
        let api = api(YAML).await;
        api.advance(Duration::from_secs(3600 * hours));
        let mut clients: Vec<_> = (0..connections).map(|_| Client::to(&api)).collect();
        let mut met = BTreeMap::<usize, Vec<u16>>::new();
        let mut ids = BTreeMap::new();
        for round in 0..2 {
            for n in order {
                let client = &mut clients[(n + round) % connections];
                let body = pair(&format!("{n}.jpg")).to_string();
                let answer = ask(client, "POST", CREATE, &with_key(KEY), &body);
                met.entry(*n).or_default().push(answer.status);
                if answer.status == 200 {
                    ids.insert(*n, answer.json()["id"].as_str().unwrap().to_owned());
                }
            }
        }
        for round in 0..6 {
            for n in order {
                let client = &mut clients[(n + round) % connections];
                let path = format!("/v1/tasks/{}", ids[n]);
                let answer = ask(client, "GET", &path, &with_key(KEY), "");
                let seen = met.get_mut(n).unwrap();
                seen.push(answer.status);
                if answer.status == 200 {
                    let task = answer.json();
                    let link = task["results"][0]["url"].as_str().unwrap();
                    let path = link.strip_prefix(api.url()).unwrap();
                    seen.push(ask(client, "GET", path, "", "").status);
                }
            }
        }
        met
    }
    let there: Vec<_> = (0..8).collect();
    let back: Vec<_> = (0..8).rev().collect();
    let met = run(&there, 1, 0).await;
    assert_eq!(met, run(&back, 3, 5).await);
    let all: Vec<_> = met.values().flatten().collect();
    for status in [200, 500, 502, 503] {
        assert!(all.contains(&&status), "{status} is missing: {met:?}");
    }
}

/// The same on a connection of its own for each pair, all at once: who is served first is left to the
/// system, what each meets is not.
#[tokio::test]
async fn a_seed_gives_the_same_run_to_all_who_come_at_once() {
    const YAML: &str = "
seed: 5
work: {polls: 2}
race: 1
latency: {uniform: [0ms, 20ms]}
faults:
  - {fault: status-503, share: 0.4, first: 2}
  - {on: poll, fault: status-502, share: 0.4}
  - {on: media, fault: status-504, share: 0.4}
";
    /// Three creates of a pair, five polls of its last task, and the downloads of what those told.
    fn life(url: &str, n: usize) -> (usize, Vec<u16>) {
        let (mut client, mut met, mut id) = (Client::to_url(url), Vec::new(), None);
        for _ in 0..3 {
            let body = pair(&format!("{n}.jpg")).to_string();
            let answer = ask(&mut client, "POST", CREATE, &with_key(KEY), &body);
            met.push(answer.status);
            if answer.status == 200 {
                id = Some(answer.json()["id"].as_str().unwrap().to_owned());
            }
        }
        for _ in 0..5 {
            let path = format!("/v1/tasks/{}", id.as_deref().unwrap());
            let answer = ask(&mut client, "GET", &path, &with_key(KEY), "");
            met.push(answer.status);
            let task = if answer.status == 200 { answer.json() } else { json!(null) };
            if let Some(link) = task["results"][0]["url"].as_str() {
                let path = link.strip_prefix(url).unwrap();
                met.push(ask(&mut client, "GET", path, "", "").status);
            }
        }
        (n, met)
    }
    async fn run(one_by_one: bool) -> BTreeMap<usize, Vec<u16>> {
        let api = api(YAML).await;
        let url = api.url();
        if one_by_one {
            return (0..16).map(|n| life(url, n)).collect();
        }
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|n| scope.spawn(move || life(url, n))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }
    let met = run(true).await;
    assert_eq!(met, run(false).await);
    let all: Vec<_> = met.values().flatten().collect();
    for status in [200, 502, 503, 504] {
        assert!(all.contains(&&status), "{status} is missing: {met:?}");
    }
}

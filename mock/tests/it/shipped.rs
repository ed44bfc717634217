//! The shipped scenarios: each day ends as the README says.

use std::collections::BTreeMap;

use callsheet_mock::{Book, KEY, MockApi, Scenario};

use crate::client::{CREATE, Client, pair, request, with_key};

const PAIRS: usize = 120;

/// What a client without any patience meets, counted, and the book.
async fn day(name: &str) -> (BTreeMap<String, usize>, Book) {
    let api = MockApi::start(Scenario::named(name).unwrap()).await.unwrap();
    let mut client = Client::to(&api);
    let mut met = BTreeMap::new();
    for n in 0..PAIRS {
        let body = pair(&format!("{n}.jpg")).to_string();
        client.write(request("POST", CREATE, &with_key(KEY), &body));
        let answer = client.read_answer(true);
        let ends = answer.as_ref().map_or(true, |a| a.header("connection") == Some("close"));
        if ends {
            client = Client::to(&api);
        }
        let what = answer.map_or_else(|_| "lost".to_owned(), |answer| answer.status.to_string());
        *met.entry(what).or_default() += 1;
    }
    (met, api.shutdown().await)
}

#[test]
fn the_example_of_the_readme_is_a_scenario() {
    let readme = include_str!("../../README.md");
    let example = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    Scenario::from_yaml(example).unwrap_or_else(|error| panic!("{error}"));
}

fn counted(met: &BTreeMap<String, usize>, what: &str) -> usize {
    met.get(what).copied().unwrap_or(0)
}

#[tokio::test]
async fn calm() {
    let (met, book) = day("calm").await;
    assert_eq!(counted(&met, "200"), PAIRS, "{met:?}");
    assert_eq!((book.entries.len(), book.undelivered().count()), (PAIRS, 0));
}

#[tokio::test]
async fn busy() {
    let (met, book) = day("busy").await;
    assert!(counted(&met, "429") > 2, "{met:?}");
    assert_eq!(counted(&met, "200") + counted(&met, "429"), PAIRS, "{met:?}");
    assert_eq!(book.entries.len(), counted(&met, "200"), "a 429 costs nothing");
}

#[tokio::test]
async fn lossy() {
    let (met, book) = day("lossy").await;
    // The same with every run: chance follows from the seed and the requests alone.
    insta::assert_snapshot!(format!("{met:?}"), @r###"{"200": 96, "502": 5, "lost": 19}"###);
    assert_eq!(book.entries.len(), PAIRS, "everything is paid for");
    assert_eq!(book.undelivered().count(), PAIRS - counted(&met, "200"));
}

#[tokio::test]
async fn broke() {
    let (met, book) = day("broke").await;
    assert_eq!((counted(&met, "200"), counted(&met, "402")), (3, PAIRS - 3), "{met:?}");
    assert_eq!(book.entries.len(), 3);
}

#[tokio::test]
async fn hostile() {
    let (met, book) = day("hostile").await;
    for what in ["200", "201", "400", "429", "500", "502", "524", "lost"] {
        assert!(counted(&met, what) > 0, "{what} is missing: {met:?}");
    }
    assert!(book.entries.len() < PAIRS && book.undelivered().count() > 5);
    assert!(book.duplicates().is_empty(), "nothing was sent twice");
}

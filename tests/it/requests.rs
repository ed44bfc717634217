//! The exact HTTP request for each kind of pair in `jobs/`.

use crate::sheet::{KEY, Sheet, fake, stable};
use callsheet_mock::{MockApi, Scenario};

/// What the fake received, sorted by pair: concurrent creates have no order.
fn received(api: &MockApi) -> String {
    let mut requests: Vec<_> = api.journal().iter().map(one).collect();
    requests.sort();
    requests.join("\n")
}

fn one(exchange: &callsheet_mock::Exchange) -> String {
    let body: serde_json::Value = serde_json::from_str(&exchange.body).unwrap();
    let mut headers: Vec<_> =
        exchange.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    let (method, target) = (&exchange.method, &exchange.target);
    format!("{body:#}\n{method} {target}\n{}\n", headers.join("\n"))
}

fn requests_of(job: &str) -> String {
    let api = fake(Scenario::default());
    let sheet = Sheet::job(job);
    let said = sheet.run(&["--endpoint", api.url()]);
    assert_eq!(said.code, 0, "{said}");
    let received = received(&api);
    assert!(!received.contains(KEY));
    received
}

#[test]
fn of_the_demo() {
    stable(|| insta::assert_snapshot!("requests_of_the_demo", requests_of("demo.yaml")));
}

#[test]
fn of_the_presenters() {
    stable(|| {
        insta::assert_snapshot!("requests_of_the_presenters", requests_of("presenters.yaml"));
    });
}

//! callsheet as a part of another program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callsheet::{Batch, Exit, RunOptions, State, Step};
use callsheet_mock::{Latency, Scenario, Span};
use futures::StreamExt;
use futures::executor::block_on;

use crate::sheet::{KEY, Sheet, fake};

/// With the key beside the manifest, since the environment is every test's.
fn options(sheet: &Sheet) -> RunOptions {
    let key = sheet.folder().join("key");
    std::fs::write(&key, KEY).unwrap();
    let mut options = RunOptions::default();
    options.api_key_file = Some(key);
    options.until_created = true;
    options
}

fn batch(sheet: &Sheet) -> Batch {
    Batch::open(sheet.folder().join("batch.yaml")).unwrap()
}

#[test]
fn a_run_tells_what_was_committed_and_the_same_run_again_sends_nothing() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(12, api.url(), "");
    let batch = batch(&sheet);
    assert_eq!(batch.plan().unwrap().plan.of(Step::Create).pairs, 12);
    for expected in [12, 0] {
        let mut run = batch.run(options(&sheet)).unwrap();
        let (created, summary) = block_on(async {
            let mut created = 0;
            while let Some(event) = run.next().await {
                created += usize::from(event.state == State::Created && event.task_id.is_some());
            }
            (created, run.end().await.unwrap())
        });
        assert_eq!((created, summary.exit), (expected, Exit::Done));
        assert_eq!(summary.states().unwrap()["created"], 12);
    }
    assert_eq!(api.book().entries.len(), 12);
    let report = batch.report().unwrap();
    assert_eq!(std::fs::read_to_string(report.tasks_csv).unwrap().lines().count(), 13);
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_in_doubt_and_goes_on_later() {
    let latency = Latency::Fixed(Span::millis(100));
    let api = fake(Scenario { latency, ..Scenario::default() });
    let sheet = Sheet::pairs(30, api.url(), "concurrency: 2");
    let batch = batch(&sheet);
    let mut run = batch.run(options(&sheet)).unwrap();
    let stop = run.stop_handle();
    let heard = Arc::new(AtomicUsize::new(0));
    let summary = block_on(async {
        while run.next().await.is_some() {
            if heard.fetch_add(1, Ordering::Relaxed) == 4 {
                stop.stop();
            }
        }
        run.end().await.unwrap()
    });
    let states = summary.states().unwrap();
    assert_eq!((summary.exit, states["in_doubt"].as_u64()), (Exit::WorkLeft, Some(0)));
    assert!(states["planned"].as_u64().unwrap() > 10, "{states:?}");
    assert_eq!(block_on(batch.run(options(&sheet)).unwrap().end()).unwrap().exit, Exit::Done);
    assert_eq!(api.book().entries.len(), 30);
}

#[test]
fn what_is_wrong_comes_as_a_value() {
    let sheet = Sheet::new("version: 1\nconcurency: 3\npairs: []\n");
    let error = Batch::open(sheet.folder().join("batch.yaml")).unwrap_err();
    assert_eq!(error.exit, Exit::Usage);
    assert!(error.message.contains("concurency") && error.message.contains(":2:1"), "{error}");
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(1, api.url(), "");
    let mut keyless = options(&sheet);
    keyless.api_key_file = Some(sheet.folder().join("no-key"));
    let error = block_on(batch(&sheet).run(keyless).unwrap().end()).unwrap_err();
    assert_eq!((error.exit, api.book().creates_read), (Exit::Usage, 0), "{error}");
}

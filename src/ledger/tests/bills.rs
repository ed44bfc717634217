//! What the service says that tasks cost, against real files.

use super::*;
use crate::price::{Compared, Credits, Money, Rules, Tariff};
use crate::wire::Bill;

fn bill(number: &str) -> Bill {
    let credits = Credits::read(number).map(|credits| (credits, number.to_owned()));
    Bill { usage: Some(format!("{{\"credits\":{number}}}")), credits }
}

fn billed(id: &str, number: &str) -> Judgement {
    Judgement { bill: bill(number), ..created(id) }
}

fn bills(folder: &Path) -> Bills {
    View::open(folder).unwrap().unwrap().bills().unwrap()
}

fn told(news: News, bill: Bill) -> Told {
    Told { news, bill }
}

#[test]
fn what_is_said_at_the_end_wins_and_silence_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&["a", "b", "c", "d"].map(|id| pair(id, id))).unwrap();
    store.measure(&["a", "b", "c", "d"].map(|id| (id, Duration::from_secs(10)))).unwrap();
    let price = Some(Tariff::per_second(Money::of(0.5)));
    store.limit(Rules { price, ..Rules::default() }).unwrap();
    let mut feed = store.follow().unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, billed("t1", "5"));
    settle(&ledger, billed("t2", "5"));
    settle(&ledger, created("t3"));
    settle(&ledger, billed("t4", "5.25"));
    let [a, b, _, d] = std::array::from_fn(|_| feed.created.try_recv().unwrap());
    block_on(ledger.note(&a, told(News::Completed("u".into()), bill("4.5")))).unwrap();
    block_on(ledger.note(&b, News::Completed("u".into()))).unwrap();
    let failed = News::Failed("unknown_error".to_owned(), String::new());
    block_on(ledger.note(&d, told(failed, Bill::default()))).unwrap();
    ledger.close().unwrap();
    let shown = |row: Row| row.credits.map(|credits| credits.to_string());
    let rows: Vec<_> = rows(folder.path()).into_iter().map(shown).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(rows, [some("4.5"), some("5"), None, some("5.25")]);
    let sums = bills(folder.path());
    assert_eq!((sums.credits, sums.tasks), (Credits::of(9.5), 2));
    assert_eq!((sums.spoilt, sums.spoilt_tasks, sums.without), (Credits::of(5.25), 1, 1));
    assert_eq!((sums.compared.reckoned, sums.compared.seconds), (Money::of(10.0), 20));
    let written = "SELECT credits FROM standings WHERE task_id = 't2'";
    let ledger = open(folder.path());
    let written: String = ledger.connection.query_row(written, (), |row| row.get(0)).unwrap();
    assert_eq!(written, "5");
    ledger.close().unwrap();
    // A retry keeps what the first task took, and knows nothing of the second's yet.
    let mut store = open(folder.path());
    store.retry(&["d".to_owned()]).unwrap();
    store.close().unwrap();
    assert_eq!(bills(folder.path()), sums);
    let row = super::rows(folder.path()).pop().unwrap();
    assert_eq!((row.state, row.credits), (State::Planned, None));
}

#[test]
fn no_number_is_too_large_to_be_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let ids: Vec<_> = (0..20).map(|n| format!("p{n}")).collect();
    store.list(&ids.iter().map(|id| pair(id, id)).collect::<Vec<_>>()).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    for n in 0..20 {
        settle(&ledger, billed(&format!("t{n}"), "1000000000000"));
    }
    ledger.close().unwrap();
    let sums = bills(folder.path());
    assert_eq!((sums.tasks, sums.credits), (20, Credits::from_millionths(u64::MAX)));
    assert!(sums.compared == Compared::default(), "of none the length is known");
}

#[test]
fn a_late_tasks_bill_is_kept_with_it() {
    let left = "UPDATE standings SET state = 'abandoned' WHERE pair = 1";
    let (folder, settled) = fence::answered(left, billed("t1", "7"));
    assert_eq!(settled.unwrap(), State::Abandoned);
    let sums = bills(folder.path());
    assert_eq!((sums.tasks, sums.spoilt, sums.spoilt_tasks), (0, Credits::of(7.0), 1));
}

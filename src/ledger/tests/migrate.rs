//! Ledgers of older formats, against the one that the first release left.

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/ledger-v1/run");
const OLD: &str = "http://127.0.0.1:18999";

fn old() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [FILE, "ledger.sqlite-wal", "events.jsonl"] {
        fs::copy(Path::new(FIXTURE).join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// Tables with their columns, and indexes, in the order of their names.
fn shape(folder: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    let ask = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let columns = "SELECT t.name || ' ' || t.wr || ' ' || c.cid || ' ' || c.name || ' ' || c.type
            || ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '') || ' ' || c.pk
        FROM pragma_table_list t, pragma_table_info(t.name) c
        WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid";
    let indexes =
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL ORDER BY name";
    [ask(columns), ask(indexes)].concat()
}

#[test]
fn a_migrated_ledger_has_the_shape_of_a_new_one() {
    let (old, new) = (old(), tempfile::tempdir().unwrap());
    Store::open(old.path(), OLD).unwrap().close().unwrap();
    open(new.path()).close().unwrap();
    assert_eq!(shape(old.path()), shape(new.path()));
}

#[test]
fn a_migration_that_was_cut_off_after_the_copy_is_done_again() {
    let folder = old();
    fs::write(folder.path().join("ledger.v1.sqlite"), "half a copy").unwrap();
    let store = Store::open(folder.path(), OLD).unwrap();
    let migrated = store.migrated().unwrap();
    assert_eq!((migrated.from, migrated.doubts), (1, 4));
    let kept = fs::read(&migrated.copy).unwrap();
    assert!(kept.starts_with(b"SQLite format 3\0"));
    assert_eq!(kept[18..20], [1, 1], "it needs no write-ahead log beside it");
    assert_eq!(store.recovered(), 1);
    drop(store);
    assert_eq!(Store::open(folder.path(), OLD).unwrap().migrated(), None);
}

#[test]
fn a_reader_sees_it_migrated_without_its_lock() {
    let folder = old();
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let view = View::open(folder.path()).unwrap().unwrap();
    assert!(view.is_copy());
    assert_eq!(view.doubts().unwrap().len(), 6, "two, and four that were judged anew");
    let owner = view.owner_of(&TaskId::parse("task-first").unwrap()).unwrap();
    assert_eq!(owner.as_deref(), Some("retried"), "its task before the retry");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
    assert!(!open(tempfile::tempdir().unwrap().path()).view().unwrap().is_copy());
}

#[test]
fn money_that_may_be_spent_is_counted_for_what_was_judged_anew() {
    use crate::price::{Amount, Rules};
    let folder = old();
    let before = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let kept = "SELECT count(*) FROM attempts WHERE event IN ('accepted', 'lost')";
    let before: u64 = before.query_row(kept, (), |row| row.get(0)).unwrap();
    let store = Store::open(folder.path(), OLD).unwrap();
    let budget = Some(Amount::Seconds(1));
    let most = Duration::from_secs(1);
    let rules = Rules { price: None, budget, max_pair_cost: None, most };
    // The two refusals that prove nothing, and the create that was under way.
    assert_eq!(store.view().unwrap().spent(&rules).unwrap(), before + 2 + 1);
}

#[test]
fn events_that_the_killed_run_could_not_log_are_not_lost() {
    let folder = old();
    let path = folder.path().join("events.jsonl");
    let logged = fs::read_to_string(&path).unwrap();
    let last = logged.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&path, &logged[..last]).unwrap();
    Store::open(folder.path(), OLD).unwrap().close().unwrap();
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.starts_with(&logged) && now.lines().count() == logged.lines().count() + 4 + 1);
}

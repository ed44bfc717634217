//! Lists that are listed, listed again, and not listed again.

use super::*;

const DIGEST: &str = "a digest";

fn list_as(store: &mut Store, digest: &str, pairs: &[Pair]) -> Listing {
    store
        .list_from(Some(digest), |list| {
            pairs.iter().try_for_each(list)?;
            Ok::<(), LedgerError>(())
        })
        .unwrap()
}

fn journal_mode(store: &Store) -> String {
    store.connection.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap()
}

fn indexes(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'pairs'
        AND sql NOT NULL";
    store.connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[test]
fn a_new_ledger_is_loaded_whole_and_goes_on_with_its_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let pairs: Vec<_> = (0..100).map(|n| pair(&format!("p{n}"), &n.to_string())).collect();
    assert_eq!(store.list(&pairs).unwrap().new, 100);
    assert_eq!((journal_mode(&store), indexes(&store)), ("wal".to_owned(), 2));
    assert_eq!(store.view().unwrap().counts().unwrap(), [(State::Planned, 100)]);
    let order: Vec<_> = rows(folder.path()).into_iter().map(|row| row.id).collect();
    assert!(order.iter().eq(pairs.iter().map(|pair| pair.id.as_str())), "{order:?}");
}

#[test]
fn what_a_list_that_breaks_off_has_listed_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let listed = store.list_from(Some(DIGEST), |list| {
        list(&pair("a", "x"))?;
        Err(LedgerError::Unknown { id: "b".to_owned() })
    });
    assert!(matches!(listed, Err(LedgerError::Unknown { .. })));
    assert_eq!((journal_mode(&store), indexes(&store)), ("wal".to_owned(), 2));
    assert!(rows(folder.path()).is_empty() && !store.view().unwrap().has_listed(DIGEST).unwrap());
    assert_eq!(store.list(&[pair("b", "y")]).unwrap().new, 1);
}

#[test]
fn a_list_is_known_by_its_digest_until_another_one_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    assert!(!store.view().unwrap().has_listed(DIGEST).unwrap());
    list_as(&mut store, DIGEST, &[pair("a", "x"), pair("b", "y")]);
    assert!(
        store.view().unwrap().has_listed(DIGEST).unwrap()
            && !store.view().unwrap().has_listed("another").unwrap()
    );
    store.close().unwrap();
    let mut store = open(folder.path());
    assert!(store.view().unwrap().has_listed(DIGEST).unwrap(), "it is durable");
    store.list(&[pair("a", "x")]).unwrap();
    assert!(!store.view().unwrap().has_listed(DIGEST).unwrap());
}

#[test]
fn what_was_changed_after_it_was_sent_is_looked_at_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    list_as(&mut store, DIGEST, &[pair("a", "x")]);
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    ledger.close().unwrap();
    let mut store = open(folder.path());
    let found = list_as(&mut store, "changed", &[pair("a", "new")]);
    assert_eq!(found.changed, 1);
    assert!(
        !store.view().unwrap().has_listed("changed").unwrap(),
        "its task may fail, and then it is sent anew"
    );
}

#[test]
fn listing_the_same_again_writes_no_pair_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let pairs: Vec<_> = (0..100).map(|n| pair(&format!("p{n}"), &n.to_string())).collect();
    store.list(&pairs).unwrap();
    let written = |store: &Store| -> i64 {
        store.connection.query_row("SELECT total_changes()", (), |row| row.get(0)).unwrap()
    };
    let before = written(&store);
    assert_eq!(store.list(&pairs).unwrap().known, 100);
    assert!(written(&store) - before < 10, "{}", written(&store) - before);
    // One more in front moves all of them.
    let more: Vec<_> = [pair("new", "x")].into_iter().chain(pairs).collect();
    let found = store.list(&more).unwrap();
    assert_eq!((found.known, found.new), (100, 1));
    let order: Vec<_> = rows(folder.path()).into_iter().map(|row| row.id).collect();
    assert!(order.iter().eq(more.iter().map(|pair| pair.id.as_str())), "{order:?}");
}

#[test]
fn what_the_manifest_has_no_more_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let both = [pair("a", "x"), pair("b", "y")];
    store.list(&both).unwrap();
    let count = |store: &Store| store.view().unwrap().counts().unwrap();
    store.list(&both[..1]).unwrap();
    assert_eq!(count(&store), [(State::Planned, 1)]);
    store.list(&both[1..]).unwrap();
    assert_eq!(count(&store), [(State::Planned, 1)]);
    assert_eq!(store.view().unwrap().planned(None, 9).unwrap()[0].id.as_ref(), "b");
    assert_eq!(store.list(&both).unwrap().known, 2);
    assert_eq!(count(&store), [(State::Planned, 2)]);
}

//! A run that another one has pushed aside: nothing new, and every answer.

use super::*;

/// Another run takes the ledger over, and does what the SQL says with the pair.
fn taken(folder: &Path, sql: &str) {
    let other = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    let takes = "BEGIN IMMEDIATE;
        INSERT OR IGNORE INTO runs (run, began, process, host)
            VALUES ('other', 0, '4711', 'elsewhere');
        UPDATE batch SET run = 'other';
        UPDATE standings SET state = 'in_doubt' WHERE state = 'sending';
        INSERT INTO attempts (pair, attempt, intended, settled, event, code)
            SELECT pair, attempt, since, 1, 'lost', 'stopped' FROM standings WHERE state = 'in_doubt';";
    other.execute_batch(&format!("{takes} {sql}; COMMIT")).unwrap();
}

/// What becomes of an answer to the first create, after that.
pub(super) fn answered(
    sql: &str,
    judgement: Judgement,
) -> (tempfile::TempDir, Result<State, LedgerError>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let (receipt, _) = intend(&ledger).spend();
    taken(folder.path(), sql);
    assert!(matches!(ledger.look(), Err(LedgerError::PushedAside { .. })));
    let planned = ledger.view().planned(None, 1).unwrap().pop().unwrap();
    let refused = block_on(ledger.intend(planned)).unwrap_err();
    assert!(refused.to_string().contains("process 4711 on elsewhere"), "{refused}");
    let settled = block_on(ledger.settle(receipt, judgement)).map(|settled| settled.state);
    // Also what lies beside it is another's now.
    fs::write(folder.path().join("ledger.reserve"), "another's").unwrap();
    let closed = ledger.close().unwrap_err();
    assert!(folder.path().join("ledger.reserve").exists());
    assert!(matches!(closed, LedgerError::PushedAside { .. }), "{closed}");
    (folder, settled)
}

fn attempt(folder: &Path) -> (String, String) {
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    let sql = "SELECT event, coalesce(proposed, '') FROM attempts WHERE pair = 1 AND attempt = 1";
    connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn a_late_answer_proves_what_it_would_have_proved_in_time() {
    for (judgement, state, event) in [
        (created("t1"), State::Created, "accepted"),
        (judgement(Proof::Rejected), State::Rejected, "refused"),
        (judgement(Proof::NotSent), State::Planned, "not_made"),
        (judgement(Proof::InDoubt), State::InDoubt, "lost"),
    ] {
        let (folder, settled) = answered("SELECT 1", judgement);
        assert_eq!(settled.unwrap(), state);
        assert_eq!((states(folder.path())[0].1, &*attempt(folder.path()).0), (state, event));
        assert!(matches!(states(folder.path())[1].1, State::Planned), "the other was not sent");
    }
}

#[test]
fn a_late_task_is_kept_whatever_a_person_has_decided_meanwhile() {
    let resent = "UPDATE standings SET state = 'planned' WHERE pair = 1";
    let (folder, settled) = answered(resent, created("t1"));
    assert_eq!(settled.unwrap(), State::Created, "it was not sent again yet");
    assert_eq!(rows(folder.path())[0].task_id.as_deref(), Some("t1"));

    for (gone_on, state) in [
        ("UPDATE standings SET state = 'sending', attempt = 2 WHERE pair = 1", State::Sending),
        ("UPDATE standings SET state = 'abandoned' WHERE pair = 1", State::Abandoned),
        ("UPDATE standings SET state = 'created', task_id = 't2' WHERE pair = 1", State::Created),
    ] {
        let (folder, settled) = answered(gone_on, created("t1"));
        assert_eq!(settled.unwrap(), state, "{gone_on}");
        assert_eq!(attempt(folder.path()).1, "t1");
        let view = View::open(folder.path()).unwrap().unwrap();
        let [late] = &view.late_tasks().unwrap()[..] else { panic!("nobody is told of it") };
        assert_eq!((&*late.id, &*late.task_id, late.attempt), ("a", "t1", 1));
        let owner = view.owner_of(&TaskId::parse("t1").unwrap()).unwrap();
        assert_eq!(owner.as_deref(), Some("a"), "no other pair's: {gone_on}");
    }
}

#[test]
fn a_late_answer_says_nothing_of_a_later_create() {
    let gone_on = "UPDATE standings SET state = 'in_doubt', attempt = 2 WHERE pair = 1";
    let (folder, settled) = answered(gone_on, judgement(Proof::NotSent));
    assert!(matches!(settled, Err(LedgerError::Forbidden { .. })));
    assert_eq!(states(folder.path())[0].1, State::InDoubt);
}

#[test]
fn only_answers_are_taken_from_a_run_that_was_pushed_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x")]).unwrap();
    let mut feed = store.follow().unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    let task = feed.created.try_recv().unwrap();
    taken(folder.path(), "SELECT 1");
    let news = block_on(ledger.note(&task, News::Completed("u".into())));
    assert!(matches!(news, Err(LedgerError::PushedAside { .. })));
    assert_eq!(states(folder.path())[0].1, State::Created);
    drop(ledger.close());

    let mut store = open(folder.path());
    taken(folder.path(), "SELECT 1");
    let listed = store.list(&[pair("b", "x")]);
    assert!(matches!(listed, Err(LedgerError::PushedAside { .. })));
    let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let in_use = |c: &rusqlite::Connection| {
        c.query_row("SELECT in_use FROM batch", (), |row| row.get::<_, bool>(0)).unwrap()
    };
    assert!(store.close().is_err());
    assert!(in_use(&connection), "the other one has it");
}

//! Ledgers that are put back to an earlier moment, and what their logs say of later ones.

use super::*;
use crate::ledger::event_log::{AppendedBy, Parts, write_all};
use crate::ledger::restored::{Lost, Newer};
use crate::ledger::write::Trace;

fn quiet() -> Waiting {
    Box::new(|| ())
}

fn restore(folder: &Path) -> Newer {
    let (store, newer) = Store::restore(folder, ENDPOINT, quiet()).unwrap().unwrap();
    store.close().unwrap();
    newer
}

/// Two pairs; after the first was sent, the ledger is put back to before that.
fn put_back() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    store.close().unwrap();
    let old = fs::read(folder.path().join(FILE)).unwrap();
    let ledger = open(folder.path()).start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    ledger.close().unwrap();
    fs::write(folder.path().join(FILE), old).unwrap();
    folder
}

fn is_refused(folder: &Path) -> bool {
    matches!(Store::open(folder, ENDPOINT), Err(LedgerError::Behind { .. }))
}

#[test]
fn a_kill_leaves_the_refusal_or_the_knowledge() {
    let folder = put_back();
    let (folder, log) = (folder.path(), folder.path().join("events.jsonl"));
    let newer = fs::read(&log).unwrap();
    // Killed before the commit.
    let mut lost = Lost::of(Parts::new(folder)).unwrap().unwrap();
    lost.keep(folder).unwrap();
    assert!(is_refused(folder));
    // Killed after it, before the log was written.
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    lost.take_up(&connection, &quiet()).unwrap();
    drop(connection);
    fs::write(&log, &newer).unwrap();
    open(folder).close().unwrap();
    let row = &rows(folder)[0];
    assert_eq!((row.state, row.task_id.as_deref()), (State::Created, Some("t1")));
    let whole = fs::read(&log).unwrap();
    View::open(folder).unwrap().unwrap().write_events().unwrap();
    assert_eq!(fs::read(&log).unwrap(), whole);
    assert!(Store::restore(folder, ENDPOINT, quiet()).unwrap().is_none(), "nothing is lost now");
    let kept = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.to_string_lossy().contains("newer-than-ledger"));
    assert!(kept.into_iter().all(|path| fs::read(path).unwrap() == newer), "the log as it was");
}

#[test]
fn a_log_of_several_files_is_read_whole_kept_whole_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pairs = ["a", "b", "c", "d"].map(|id| pair(id, id));
    let mut store = open(folder);
    store.list(&pairs).unwrap();
    let tasks = |ids: &[&str]| {
        let tasks =
            ids.iter().map(|id| (id.to_string(), TaskId::parse(&format!("t{id}")).unwrap()));
        tasks.collect::<Vec<_>>()
    };
    store.adopt(&tasks(&["a"])).unwrap();
    store.close().unwrap();
    let old = fs::read(folder.join(FILE)).unwrap();
    let mut store = open(folder);
    store.adopt(&tasks(&["b", "c", "d"])).unwrap();
    let parts = Parts::of_size(folder, 2);
    fs::remove_file(folder.join("events.jsonl")).unwrap();
    let files = write_all(&parts, &store.connection, AppendedBy::Nobody).unwrap();
    let newer: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    store.close().unwrap();
    fs::write(folder.join(FILE), old).unwrap();

    let mut lost = Lost::of(parts.clone()).unwrap().unwrap();
    lost.keep(folder).unwrap();
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    lost.take_up(&connection, &quiet()).unwrap();
    let kept = || fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = kept().filter(|path| path.to_string_lossy().contains("newer")).collect();
    kept.sort();
    let kept: Vec<_> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(kept, [newer[1].clone(), newer[0].clone()], "events-2 comes before events");
    let read = || -> Vec<_> { (0..4).map(|part| fs::read(parts.path(part)).ok()).collect() };
    let written = read();
    write_all(&parts, &connection, AppendedBy::Nobody).unwrap();
    assert_eq!(read(), written, "as the ledger has it");
    assert!(rows(folder).iter().all(|row| row.state == State::Created));
}

#[test]
fn a_task_has_the_time_at_which_it_was_made() {
    let folder = put_back();
    let log = folder.path().join("events.jsonl");
    let made = Timestamp::from_second(1_757_165_031).unwrap();
    let text = fs::read_to_string(&log).unwrap();
    let dated: String = text
        .lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["at"] = made.to_string().into();
            format!("{line}\n")
        })
        .collect();
    fs::write(&log, dated).unwrap();
    restore(folder.path());
    assert_eq!(rows(folder.path())[0].created_at, Some(made));
    let view = View::open(folder.path()).unwrap().unwrap();
    assert!(view.paces().unwrap().0.unwrap() < Duration::from_secs(1), "as fast as it was");
}

/// What really happened to a pair.
#[derive(Debug, Default, Clone)]
struct Truth {
    /// The tasks that were made.
    tasks: Vec<String>,
    /// Whether the last create may have made something, and no person has said otherwise since.
    paid: bool,
}

/// Something happens to a pair, as far as it can.
fn happens(store: &mut Store, id: &str, truth: &mut Truth, task: &str) {
    let state = states(store.path.parent().unwrap());
    let (_, state) = state.into_iter().find(|(found, _)| found == id).unwrap();
    let ids = [id.to_owned()];
    let answer = |proof| judgement(proof);
    match state {
        State::Planned => {
            let planned = store.view().unwrap().planned(None, 99).unwrap();
            let planned = planned.into_iter().find(|planned| &*planned.id == id).unwrap();
            store.write(|write| write.intend(&planned).map(drop)).unwrap();
            truth.paid = true;
        }
        State::Sending => {
            let outcome = match fastrand::u8(..5) {
                0 => answer(Proof::NotSent),
                1 => answer(Proof::Rejected),
                2 => answer(Proof::InDoubt),
                _ => created(task),
            };
            match outcome.proof {
                Proof::Created(_) => truth.tasks.push(task.to_owned()),
                Proof::InDoubt => {}
                _ => truth.paid = false,
            }
            store
                .write(|write| {
                    let pending = write.pending()?;
                    let intent = pending.iter().find(|intent| &*intent.id == id).unwrap();
                    write.settle(intent, &outcome)
                })
                .unwrap();
        }
        State::Created => {
            store
                .write(|write| {
                    let known = write.known(id)?;
                    let trace = Trace { code: "broken", ..Trace::default() };
                    write.apply(&known.intent, State::Created, Event::Failed, &trace)
                })
                .unwrap();
        }
        State::Failed => {
            store.retry(&ids).unwrap();
            truth.paid = false;
        }
        State::Rejected => store.retry_rejected(&ids).unwrap(),
        State::InDoubt if fastrand::bool() => {
            store.adopt(&[(id.to_owned(), TaskId::parse(task).unwrap())]).unwrap();
            truth.tasks.push(task.to_owned());
        }
        State::InDoubt => {
            store.resolve(&ids, &Verdict::Resend).unwrap();
            truth.paid = false;
        }
        State::Completed | State::Saved | State::Abandoned => {}
    }
}

/// To each moment of a long day, with the ledger gone altogether as one of them.
#[test]
fn whenever_the_backup_was_made_nothing_paid_for_is_planned_and_no_task_is_lost() {
    let ids: Vec<_> = (0..20).map(|n| format!("p{n}")).collect();
    let pairs: Vec<_> = ids.iter().map(|id| pair(id, id)).collect();
    fastrand::seed(14);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut store = open(path);
    store.list(&pairs).unwrap();
    // No power cut is about to come.
    store.connection.pragma_update(None, "synchronous", "OFF").unwrap();
    let (mut truths, mut backups) = (vec![Truth::default(); ids.len()], Vec::new());
    for n in 0..160 {
        if n % 40 == 0 {
            // Whole, as SQLite's own way makes one.
            let backup = path.join(format!("backup-{n}"));
            let into = format!("VACUUM INTO '{}'", backup.display());
            store.connection.execute_batch(&into).unwrap();
            backups.push(Some(backup));
        }
        let one = fastrand::usize(..ids.len());
        happens(&mut store, &ids[one], &mut truths[one], &format!("t{n}"));
    }
    store.close().unwrap();
    backups.push(None);
    let log = fs::read(path.join("events.jsonl")).unwrap();
    for backup in backups {
        fs::remove_file(path.join(FILE)).unwrap();
        fs::write(path.join("events.jsonl"), &log).unwrap();
        if let Some(backup) = &backup {
            fs::copy(backup, path.join(FILE)).unwrap();
        }
        restore(path);
        let mut store = open(path);
        store.list(&pairs).unwrap();
        store.close().unwrap();
        let (view, states) = (View::open(path).unwrap().unwrap(), states(path));
        for (id, truth) in ids.iter().zip(&truths) {
            let case = format!("{backup:?}: {id} {truth:?}");
            let (_, state) = states.iter().find(|(found, _)| found == id).unwrap();
            assert!(!truth.paid || *state != State::Planned, "{case}: {state}");
            for task in &truth.tasks {
                let owner = view.owner_of(&TaskId::parse(task).unwrap()).unwrap();
                assert_eq!(owner.as_ref(), Some(id), "{case}: {task}");
            }
        }
    }
}

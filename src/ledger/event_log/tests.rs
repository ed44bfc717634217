//! The log against a ledger's events, in files of three events each.

use std::fs;

use rusqlite::params;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    ledger: Connection,
}

impl Place {
    /// With this many events in the ledger, and none in the log.
    fn with(events: u64) -> Self {
        let ledger = Connection::open_in_memory().unwrap();
        ledger.execute_batch(include_str!("../schema.sql")).unwrap();
        let batch = "INSERT INTO batch (only_row, endpoint, events) VALUES (1, 'x', 0)";
        ledger.execute(batch, ()).unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), ledger };
        place.happens(events);
        place
    }

    fn happens(&self, events: u64) {
        for _ in 0..events {
            let n = last_event(&self.ledger, self.folder.path()).unwrap() + 1;
            let sql = "INSERT INTO events VALUES (?1, 1757165031000 + ?1, 1, 'pair', 'not_made',
                'sending', 'planned', 1, NULL, 'odd \" code', '', NULL)";
            self.ledger.execute(sql, [n]).unwrap();
            self.ledger.execute("UPDATE batch SET events = ?1", params![n]).unwrap();
        }
    }

    fn parts(&self) -> Parts {
        Parts::of_size(self.folder.path(), 3)
    }

    fn open(&self, trust: Trust) -> EventLog {
        EventLog::open(self.parts(), &self.ledger, trust).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// The files with their numbers of lines, in the order of their names.
    fn files(&self) -> Vec<(String, usize)> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), self.read(&name).lines().count()))
            .collect();
        files.sort();
        files
    }

    fn whole(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| self.read(&name)).collect()
    }
}

#[test]
fn each_file_has_the_events_of_fixed_numbers() {
    let place = Place::with(8);
    drop(place.open(Trust::Closed));
    let names = [("events-2.jsonl", 3), ("events-3.jsonl", 2), ("events.jsonl", 3)];
    assert_eq!(place.files(), names.map(|(name, lines)| (name.to_owned(), lines)));
    let line = "{\"v\":1,\"n\":4,\"at\":\"2025-09-06T13:23:51.004Z\",\"id\":\"pair\",\
        \"event\":\"not_made\",\"from\":\"sending\",\"state\":\"planned\",\"attempt\":1,\
        \"error_code\":\"odd \\\" code\"}\n";
    assert!(place.read("events-2.jsonl").starts_with(line), "{}", place.read("events-2.jsonl"));
    assert_eq!(place.parts().last_number().unwrap(), Some(8));
}

#[test]
fn whatever_was_done_to_the_files_the_same_bytes_come_back() {
    let place = Place::with(8);
    drop(place.open(Trust::Closed));
    let right = place.whole();
    let at = |name: &str| place.folder.path().join(name);
    for name in ["events.jsonl", "events-2.jsonl", "events-3.jsonl"] {
        let bytes = fs::read(at(name)).unwrap();
        let half = bytes.len() / 2;
        let middle = [&bytes[..half], b"garbage", &bytes[half..]].concat();
        let zeros = [&bytes[..half], &vec![0; bytes.len() - half][..]].concat();
        let twice = [&bytes[..], &bytes[..]].concat();
        for broken in [&b""[..], &bytes[..half], &middle, &zeros, &twice] {
            fs::write(at(name), broken).unwrap();
            write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap();
            assert_eq!(place.whole(), right, "{name}: written again");
            fs::remove_file(at(name)).unwrap();
            write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap();
            assert_eq!(place.whole(), right, "{name}: deleted and written again");
            if name == "events-3.jsonl" {
                fs::write(at(name), broken).unwrap();
                drop(place.open(Trust::Nothing));
                assert_eq!(place.whole(), right, "{name}: opened after a kill");
            }
        }
        fs::remove_file(at(name)).unwrap();
        drop(place.open(Trust::Closed));
        assert_eq!(place.whole(), right, "{name}: deleted");
    }
    for lines in 0..3 {
        let all = place.read("events-3.jsonl");
        let some: String = all.split_inclusive('\n').take(lines).collect();
        fs::write(at("events-3.jsonl"), some + "{\"v\":1,\"n\":8,\"at").unwrap();
        drop(place.open(Trust::Closed));
        assert_eq!(place.whole(), right, "half a line after {lines}");
    }
}

#[test]
fn what_a_killed_run_could_not_log_is_appended_and_nothing_else_is_touched() {
    let place = Place::with(4);
    drop(place.open(Trust::Closed));
    let before = crate::files::Identity::at(&place.folder.path().join("events-2.jsonl")).unwrap();
    place.happens(2);
    drop(place.open(Trust::Nothing));
    let after = crate::files::Identity::at(&place.folder.path().join("events-2.jsonl")).unwrap();
    assert_eq!(before, after, "who follows it goes on");
    assert_eq!(place.read("events-2.jsonl").lines().count(), 3);
}

/// As the ledger has it.
fn change(number: u64) -> Change {
    Change {
        pair: 1,
        number,
        at: jiff::Timestamp::from_millisecond(1_757_165_031_000 + i64::try_from(number).unwrap())
            .unwrap(),
        id: "pair".into(),
        event: crate::state::Event::NotMade,
        from: crate::state::State::Sending,
        state: crate::state::State::Planned,
        attempt: 1,
        take: 1,
        task_id: None,
        code: "odd \" code".to_owned(),
        message: String::new(),
        media: ["".into(), "".into()],
        audio: None,
        estimate: None,
        video_url: None,
        credits: None,
        worker: None,
    }
}

#[test]
fn events_of_another_run_come_in_their_order() {
    let place = Place::with(1);
    let mut log = place.open(Trust::Closed);
    // Three by somebody else, one of ours.
    place.happens(4);
    let change = change(5);
    log.append(&place.ledger, std::slice::from_ref(&change)).unwrap();
    place.happens(1);
    log.append(&place.ledger, &[Change { number: 6, ..change }]).unwrap();
    drop(log);
    let appended = place.whole();
    let parts = place.parts();
    (0..2).for_each(|part| fs::remove_file(parts.path(part)).unwrap());
    write_all(&parts, &place.ledger, AppendedBy::Nobody).unwrap();
    let numbers: Vec<_> = place.whole();
    assert_eq!(numbers[0].lines().count() + numbers[1].lines().count(), 6);
    assert!(appended[1] == numbers[1], "the first three");
    assert!(appended[0].lines().count() == 3);
}

#[test]
fn a_log_that_is_ahead_is_not_written_over() {
    let place = Place::with(5);
    drop(place.open(Trust::Closed));
    place
        .ledger
        .execute_batch("DELETE FROM events WHERE n > 4; UPDATE batch SET events = 4")
        .unwrap();
    let before = place.whole();
    let error = write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap_err();
    assert!(matches!(error, LedgerError::Behind { ledger: 4, events: 5, .. }), "{error}");
    assert_eq!(place.whole(), before);
}

#[test]
fn what_a_run_is_appending_to_is_left_to_it() {
    let place = Place::with(4);
    drop(place.open(Trust::Closed));
    for name in ["events.jsonl", "events-2.jsonl"] {
        fs::write(place.folder.path().join(name), "half a li").unwrap();
    }
    write_all(&place.parts(), &place.ledger, AppendedBy::Run).unwrap();
    assert_eq!(place.read("events.jsonl").lines().count(), 3);
    assert_eq!(place.read("events-2.jsonl"), "half a li");
}

#[test]
fn a_commit_whose_events_are_in_two_files_and_that_was_not_logged_is_made_up_for() {
    for unlogged in [2, 3, 5, 8] {
        let place = Place::with(2);
        drop(place.open(Trust::Closed));
        place.happens(unlogged);
        drop(place.open(Trust::Nothing));
        let opened = place.whole();
        assert_eq!(place.parts().last_number().unwrap(), Some(2 + unlogged));
        write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap();
        assert_eq!(place.whole(), opened, "{unlogged} events");
    }
}

#[test]
fn what_could_not_be_written_is_made_up_for_by_the_next_that_can() {
    let place = Place::with(1);
    let mut log = place.open(Trust::Closed);
    log.tear();
    place.happens(1);
    assert!(log.append(&place.ledger, &[change(2)]).is_err() && log.is_torn());
    place.happens(1);
    log.append(&place.ledger, &[change(3)]).unwrap();
    assert!(!log.is_torn());
    place.happens(1);
    log.append(&place.ledger, &[change(4)]).unwrap();
    drop(log);
    let appended = place.whole();
    write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap();
    assert_eq!(place.whole(), appended);
    assert_eq!(place.read("events.jsonl").lines().count(), 3);
}

#[test]
fn numbers_that_were_never_given_leave_no_line_and_no_doubt() {
    let place = Place::with(2);
    place.ledger.execute("UPDATE batch SET events = 7", ()).unwrap();
    drop(place.open(Trust::Nothing));
    fs::write(place.folder.path().join("events-3.jsonl"), "somebody's notes\n").unwrap();
    drop(place.open(Trust::Closed));
    assert_eq!(place.read("events-3.jsonl"), "", "nothing is in it yet");
    place.happens(1);
    drop(place.open(Trust::Closed));
    let right = place.whole();
    assert_eq!(place.read("events-3.jsonl").lines().count(), 1, "event 8");
    for name in ["events.jsonl", "events-3.jsonl"] {
        fs::write(place.folder.path().join(name), "somebody's notes\n").unwrap();
        write_all(&place.parts(), &place.ledger, AppendedBy::Nobody).unwrap();
        assert_eq!(place.whole(), right, "{name}");
    }
    fs::write(place.folder.path().join("events-3.jsonl"), "somebody's notes\n").unwrap();
    drop(place.open(Trust::Closed));
    assert_eq!(place.whole(), right, "opened");
}

//! When what finds out about a service has its turn.

use rusqlite::Connection;

use super::*;

/// Two creates were accepted and two are in doubt. One of each went to another account of which nothing
/// is known; the service is known to honour keys of this one.
fn two_desks(service: &Service) -> Sheet {
    let sheet = Sheet::pairs(4, &service.rude.url, &format!("{ON}\nconcurrency: 4"));
    let mut run = sheet.start(&["-q"]);
    let ledger = || Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let created = "SELECT count(*) = 2 FROM standings WHERE state = 'created'";
    until("all creates", || {
        let all = service.creates().len() == 4;
        all && ledger().query_row(created, (), |row| row.get(0)).unwrap()
    });
    signal(&run, "-KILL");
    run.wait();
    ledger()
        .execute_batch(
            "INSERT INTO trials (begun, pair, attempt, header, desk, asked, outcome, task_id)
                SELECT intended, pair, attempt, header, desk, desk, 'same', 't0' FROM keys
                WHERE pair = 1;
            UPDATE keys SET intended = (SELECT min(intended) FROM keys) + pair;
            UPDATE keys SET desk = desk || ' before' WHERE pair IN (2, 4);",
        )
        .unwrap();
    sheet
}

#[test]
fn a_trial_has_its_turn_however_many_are_in_doubt() {
    let service = Service::start(Box::new(|(_, before), body, c| match before {
        0 if is_pair(body, 2) || is_pair(body, 3) => sleep(Duration::from_secs(3)),
        0 if is_pair(body, 9) => {
            sleep(Duration::from_millis(300));
            let error = r#"{"error":{"code":"idempotency_conflict","message":"no"}}"#;
            answer(c, "409 Conflict", "", error);
        }
        _ => task_of(body, c),
    }));
    let sheet = two_desks(&service);
    rewrite(&sheet, "concurrency: 4", "concurrency: 1\nmax_doubts: 1");
    let more =
        "  - {id: more, image: 'https://example.com/9.jpg', audio: 'https://example.com/9.mp3'}";
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, format!("{yaml}{more}\n")).unwrap();
    let mut run = sheet.start(&["-q"]);
    let times = |n| service.creates().iter().filter(|(_, body)| is_pair(body, n)).count();
    until("the doubts of both accounts", || times(2) == 2 && times(3) == 2);
    run.wait();
    assert_eq!(
        [0, 1, 9].map(times),
        [1, 2, 1],
        "one trial, and none for the create that is refused"
    );
    let rows = sheet.rows();
    assert_eq!(
        (&rows["pair-2"]["task_id"], &rows["pair-3"]["task_id"]),
        (&"t2".into(), &"t3".into())
    );
    assert_eq!(rows["more"]["state"], "in_doubt");
}

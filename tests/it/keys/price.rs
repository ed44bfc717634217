//! What it costs to find out whether a service honours keys, who says so, and when it is found out
//! anew.

use super::*;

#[test]
fn the_price_of_finding_out_is_confirmed_and_in_the_budget() {
    let service = hanging();
    let sheet = one_doubt(&service);
    rewrite(&sheet, ON, "idempotency: true\nconfirm_pairs: 0");
    let mut command = sheet.run_command(&[]);
    let said = crate::child::said(command.env_remove("CALLSHEET_YES"));
    assert_eq!((said.code, service.creates().len()), (2, 2), "{said}");
    for words in ["1 create", "only to see whether the service honours keys", "--yes"] {
        assert!(said.err.contains(words), "{words}: {said}");
    }
    assert!(said.err.contains("sends the accepted create of pair-0 again"), "{said}");
    rewrite(&sheet, "confirm_pairs: 0", "budget: 1s");
    let said = sheet.run(&[]);
    assert_eq!(service.creates().len(), 2, "{said}");
    assert!(said.err.contains("would have to be sent once more"), "{said}");
    rewrite(&sheet, "budget: 1s", "confirm_pairs: 0");
    let said = sheet.run(&["--yes"]);
    assert_eq!((said.code, service.creates().len()), (0, 4), "{said}");
}

#[test]
fn a_person_who_pays_anew_is_told_that_it_would_be_free() {
    let service = Service::start(Box::new(|(number, _), body, c| match number {
        2 => sleep(Duration::from_secs(5)),
        _ => task_of(body, c),
    }));
    let sheet = one_doubt(&service);
    let said = sheet.run(&["--no-create"]);
    assert_eq!((said.code, service.creates().len()), (5, 2), "{said}");
    assert!(said.err.contains("sends 1 of them again by itself"), "{said}");
    let said = sheet.call("resolve", &["pair-1", "--resend"]);
    assert!(
        said.err.contains("pair-1: the next run would have sent it again under its key"),
        "{said}"
    );
    assert_eq!(sheet.run(&[]).code, 0);
    let creates = service.creates();
    assert_eq!(creates.len(), 3);
    assert_ne!(creates[1].0, creates[2].0, "a new attempt has a fresh key");
    let said = sheet.call("status", &["--json"]).json();
    assert_eq!(said["idempotency"]["sent_again"], serde_json::json!([]));
}

#[test]
fn another_account_is_found_out_about_anew() {
    let service = Service::start(Box::new(|(_, before), body, c| match before {
        0 if is_pair(body, 1) || is_pair(body, 2) => sleep(Duration::from_secs(5)),
        _ => task_of(body, c),
    }));
    let sheet = one_doubt(&service);
    let said = sheet.run(&[]);
    assert_eq!((said.code, service.creates().len()), (0, 4), "{said}");
    let more =
        "  - {id: more, image: 'https://example.com/2.jpg', audio: 'https://example.com/2.mp3'}";
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, format!("{yaml}{more}\n")).unwrap();
    let mut run = sheet.start(&["-q"]);
    until("one more", || service.creates().len() == 5);
    signal(&run, "-KILL");
    run.wait();
    let mut command = sheet.run_command(&["--other-key"]);
    let said = crate::child::said(command.env("CALLSHEET_API_KEY", "sk-somebody-elses-0123456789"));
    assert_eq!((said.code, service.creates().len()), (0, 7), "{said}");
}

#[test]
fn a_service_under_another_name_is_found_out_about_anew() {
    let old = hanging();
    let sheet = one_doubt(&old);
    let said = sheet.run(&[]);
    assert_eq!((said.code, old.creates().len()), (0, 4), "{said}");
    let service = hanging();
    let sheet = one_doubt(&service);
    let moved = forgetful(&[]);
    let to = moved.rude.url.clone();
    let mut command = sheet.command("move", &["--endpoint", &to, "--unseen"]);
    let said = crate::child::said(command.env("CALLSHEET_API_KEY", crate::sheet::KEY));
    assert_eq!(said.code, 0, "{said}");
    rewrite(&sheet, &service.rude.url, &to);
    let said = sheet.run(&[]);
    assert_eq!((said.code, moved.creates().len()), (5, 1), "{said}");
    let (first, tried) = (&service.creates()[0], &moved.creates()[0]);
    assert_eq!(first, tried, "what the old name accepted, as it was");
}

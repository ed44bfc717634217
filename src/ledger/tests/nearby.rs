//! What other batches are told, and what a run leaves out for it, against real files.

use std::collections::HashSet;

use super::*;
use crate::pair::Fingerprint;

#[test]
fn what_is_left_out_is_given_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&["a", "b", "c"].map(|id| pair(id, id))).unwrap();
    store.leave_out(HashSet::from(["a".to_owned(), "b".to_owned()]));
    let view = store.view().unwrap();
    let ids = |planned: Vec<Planned>| planned.iter().map(|one| one.id.to_string()).collect();
    let given: Vec<String> = ids(view.planned(None, 1).unwrap());
    assert_eq!(given, ["c"], "also where a whole page is left out");
    assert_eq!(&*view.planned_apart(&[]).unwrap().unwrap().id, "c");
    assert!(view.planned_one("A").unwrap().is_none());
    assert_eq!(view.counts().unwrap(), [(State::Planned, 3)], "they stay planned");
    assert_eq!(view.left_out().unwrap(), 2);
    store.leave_out(["c", "gone"].map(str::to_owned).into());
    let view = store.view().unwrap();
    assert_eq!(view.left_out().unwrap(), 3, "those before, too, and only what is planned");
    assert!(
        view.planned(None, 9).unwrap().is_empty() && view.planned_apart(&[]).unwrap().is_none()
    );
}

#[test]
fn paid_is_what_has_a_task_or_may_have_one() {
    for (judgement, paid) in [
        (Some(created("t1")), true),
        (Some(judgement(Proof::InDoubt)), true),
        (Some(judgement(Proof::Rejected)), false),
        (Some(judgement(Proof::NotSent)), false),
        (None, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.list(&[Pair { take: 2, ..pair("a", "x") }]).unwrap();
        let ledger = store.start(Box::new(|_| ())).unwrap();
        if let Some(judgement) = judgement {
            settle(&ledger, judgement);
        }
        ledger.close().unwrap();
        let view = View::open(folder.path()).unwrap().unwrap();
        let request = Fingerprint::of(&pair("a", "x").request.to_json().to_string());
        assert_eq!(view.paid(&request, 2).unwrap().len() == 1, paid);
        assert!(view.paid(&request, 1).unwrap().is_empty(), "another take");
        let mut signed = 0;
        view.each_paid_signed(|_, take, _| signed += take).unwrap();
        assert_eq!(signed, if paid { 2 } else { 0 });
    }
}

//! Whose the account's tasks are taken for, and whose not.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn task(id: &str) -> TaskId {
    TaskId::parse(id).unwrap()
}

fn lost(id: &str, second: i64, audio: &str) -> Lost {
    let image = format!("https://e.com/{id}.jpg?sig=1");
    Lost {
        id: id.into(),
        sent_at: at(second),
        image,
        audio: audio.into(),
        model: "omnihuman-1.5".into(),
        file: None,
        requests: Vec::new(),
        sound: None,
    }
}

fn listed(id: &str, second: i64) -> Listed {
    let made_at = Some(at(second));
    Listed { task: task(id), made_at, model: None, inputs: None, request: None }
}

fn orphan(id: &str) -> Orphan {
    Orphan { listed: listed(id, 0), sound: None }
}

fn sound(seed: u64) -> Option<Envelope> {
    Some(Envelope::made_up(seed, 400))
}

#[test]
fn what_is_known_or_out_of_time_or_listed_twice_is_no_orphan() {
    let doubts = [lost("a", 100, "x"), lost("b", 200, "y")];
    let list = ["t1", "t2", "t3", "t4", "t4", "t5"].iter().zip([10, 120, 150, 500, 500, 420]);
    let list = list.map(|(id, second)| listed(id, second)).collect();
    // When its answer came: the list's clock is ours.
    let known = KnownTasks::from([(task("t3"), Some(at(152)))]);
    let left = orphans(list, &known, &doubts, SignedDuration::from_secs(180));
    let left: Vec<_> = left.iter().map(|task| task.listed.task.as_str()).collect();
    assert_eq!(left, ["t2", "t5"]);
    let unknown = Listed { made_at: None, ..listed("t6", 0) };
    let left = orphans(vec![unknown], &known, &doubts, SignedDuration::ZERO);
    assert_eq!(left.len(), 1, "a list that says no times rules nothing out");
    assert!(orphans(vec![listed("t1", 0)], &known, &[], SignedDuration::ZERO).is_empty());
}

#[test]
fn a_list_of_another_clock_rules_out_no_hour() {
    let doubts = [lost("a", 0, "x")];
    let list = || vec![listed("ours", 8 * 3600), listed("t1", 8 * 3600 + 5)];
    let left = |known: &KnownTasks| orphans(list(), known, &doubts, SignedDuration::ZERO).len();
    assert_eq!(left(&KnownTasks::from([(task("ours"), Some(at(0)))])), 1, "Beijing's");
    assert_eq!(left(&KnownTasks::from([(task("ours"), Some(at(8 * 3600)))])), 0, "ours");
    assert_eq!(left(&KnownTasks::from([(task("ours"), None)])), 1, "not known");
}

#[test]
fn tasks_of_other_models_are_left_out_once_the_list_shows_how_it_calls_ours() {
    let doubts = [lost("a", 0, "x")];
    let of = |id: &str, model: &str| Listed { model: Some(model.into()), ..listed(id, 0) };
    let list = |ours: &str| {
        vec![of("ours", ours), of("t1", "OmniHuman-1.5"), of("t2", "veo"), of("t3", "jm_v15")]
    };
    let left = |ours: &str, known: &KnownTasks| -> Vec<_> {
        let left = orphans(list(ours), known, &doubts, SignedDuration::ZERO);
        left.into_iter().map(|task| task.listed.task.to_string()).collect()
    };
    let known = KnownTasks::from([(task("ours"), Some(at(0)))]);
    assert_eq!(left("omnihuman-1.5", &known), ["t1"]);
    assert_eq!(left("jm_v15", &known), ["t1", "t3"], "the upstream's name for it");
    assert_eq!(left("x", &KnownTasks::new()).len(), 4, "no name is known");
}

#[test]
fn a_task_whose_request_is_named_is_found_whatever_else_the_row_says() {
    let doubts = [Lost { requests: vec!["r0".into(), "r1".into()], ..lost("a", 0, "x") }];
    let request = Some("r1".to_owned());
    let far = Listed { request, model: Some("m".into()), ..listed("t1", 900_000) };
    let known = KnownTasks::from([(task("ours"), Some(at(0)))]);
    let list = vec![Listed { model: Some("n".into()), ..listed("ours", 0) }, far];
    let found = match_up(&doubts, &orphans(list, &known, &doubts, SignedDuration::ZERO));
    let proposal = Proposal { id: "a".into(), task: task("t1"), reason: MatchReason::Request };
    assert_eq!(found.proposals, [proposal]);
}

#[test]
fn inputs_decide_where_a_list_has_them() {
    let doubts = [lost("a", 0, "https://e.com/x.mp3"), lost("b", 0, "https://e.com/y.mp3")];
    let of = |id: &str, image: &str, audio: &str| {
        let inputs = Some((image.to_owned(), audio.to_owned()));
        Orphan { listed: Listed { inputs, ..listed(id, 0) }, sound: None }
    };
    let list = [
        of("t1", "https://e.com/b.jpg?sig=2", "https://e.com/y.mp3"),
        of("t2", "https://e.com/a.jpg", "https://e.com/y.mp3"),
    ];
    let findings = match_up(&doubts, &list);
    let proposal = Proposal { id: "b".into(), task: task("t1"), reason: MatchReason::Inputs };
    assert_eq!(findings.proposals, [proposal]);
    assert_eq!((findings.strangers, findings.without), (vec![task("t2")], vec!["a".into()]));
}

#[test]
fn equal_pairs_take_one_task_each() {
    let one = lost("a", 0, "x");
    let two = Lost { id: "a-2".into(), ..one.clone() };
    let inputs = Some((one.image.clone(), one.audio.clone()));
    let list = ["t1", "t2"].map(|id| {
        let listed = Listed { inputs: inputs.clone(), ..listed(id, 0) };
        Orphan { listed, sound: None }
    });
    let findings = match_up(&[one, two], &list);
    let pairs: Vec<_> =
        findings.proposals.iter().map(|p| (p.id.as_str(), p.task.as_str())).collect();
    assert_eq!(pairs, [("a", "t1"), ("a-2", "t2")]);
}

#[test]
fn a_video_goes_to_the_only_recording_that_it_sounds_like() {
    let doubts =
        [1, 2].map(|n| Lost { sound: sound(n), ..lost(&format!("d{n}"), 0, &format!("x{n}")) });
    let list = [2, 3].map(|n| Orphan { sound: sound(n), ..orphan(&format!("t{n}")) });
    let findings = match_up(&doubts, &list);
    assert_eq!(findings.proposals.len(), 1);
    assert_eq!(
        (findings.proposals[0].id.as_str(), &findings.proposals[0].task),
        ("d2", &task("t2"))
    );
    assert_eq!((findings.strangers, findings.without), (vec![task("t3")], vec!["d1".into()]));
}

#[test]
fn one_recording_with_several_portraits_is_a_persons_choice() {
    let doubts = ["a", "b"].map(|id| Lost { sound: sound(5), ..lost(id, 0, "same") });
    let list = ["t1", "t2"].map(|id| Orphan { sound: sound(5), ..orphan(id) });
    let findings = match_up(&doubts, &list);
    let tasks = vec![task("t1"), task("t2")];
    assert_eq!(findings.choices, [Choice { ids: vec!["a".into(), "b".into()], tasks }]);
    assert!(findings.proposals.is_empty() && findings.without.is_empty());
}

#[test]
fn two_recordings_that_sound_alike_are_nobodys_by_sound() {
    // The same speech under two names: which portrait it is cannot be heard.
    let doubts = ["a", "b"].map(|id| Lost { sound: sound(5), ..lost(id, 0, id) });
    let findings = match_up(&doubts, &[Orphan { sound: sound(5), ..orphan("t1") }]);
    assert!(findings.proposals.is_empty(), "{findings:?}");
    assert_eq!(findings.without.len(), 2);
}

#[test]
fn of_many_made_up_sounds_none_is_proposed_for_another() {
    let doubts: Vec<_> = (0..40)
        .map(|n| Lost { sound: sound(n), ..lost(&format!("d{n}"), 0, &format!("x{n}")) })
        .collect();
    let list: Vec<_> =
        (20..60).map(|n| Orphan { sound: sound(n), ..orphan(&format!("t{n}")) }).collect();
    let findings = match_up(&doubts, &list);
    assert_eq!(findings.proposals.len(), 20);
    assert!(findings.proposals.iter().all(|p| p.id[1..] == p.task.as_str()[1..]));
}

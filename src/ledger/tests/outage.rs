//! What an outage asks of the ledger, against real files.

use super::*;

/// A pair with media of its own.
fn own(id: &str, image: &str, audio: &str) -> Pair {
    let url = |name: &str| {
        let text = format!("https://example.com/{name}");
        Source::Url(MediaUrl::parse(&text, PlainHttp::Loopback).unwrap())
    };
    let plain = pair(id, id);
    Pair { request: Request { image: url(image), audio: url(audio), ..plain.request }, ..plain }
}

fn running(folder: &Path, pairs: &[Pair]) -> Ledger {
    let mut store = open(folder);
    store.list(pairs).unwrap();
    store.start(Box::new(|_| ())).unwrap()
}

fn doubt() -> Judgement {
    judgement(Proof::InDoubt)
}

/// So that two answers are not of the same millisecond.
fn later() {
    std::thread::sleep(Duration::from_millis(2));
}

#[test]
fn only_the_last_creates_count_and_only_while_nobody_looked_into_them() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<_> = (0..9).map(|n| pair(&format!("p{n}"), &n.to_string())).collect();
    let ledger = running(folder.path(), &pairs);
    let mut heard = Vec::new();
    for outcome in [doubt(), doubt(), created("t1"), doubt(), doubt(), doubt()] {
        settle(&ledger, outcome);
        heard.push([1, 2, 3].map(|n| ledger.view().last_are_doubts(n).unwrap()));
        later();
    }
    let [no, one, two, all] = [[false; 3], [true, false, false], [true, true, false], [true; 3]];
    assert_eq!(heard, [one, two, no, one, two, all]);
    assert_eq!(ledger.view().doubted().unwrap().len(), 5);
    ledger.close().unwrap();
    let mut store = open(folder.path());
    store.resolve(&["p4".to_owned()], &Verdict::Abandon).unwrap();
    let view = store.view().unwrap();
    assert!(!view.last_are_doubts(3).unwrap(), "a person looked into one of them");
    assert!(!view.last_are_doubts(0).unwrap());
    assert_eq!(
        view.doubted().unwrap().iter().map(|one| one.place).collect::<Vec<_>>(),
        [0, 1, 3, 5]
    );
}

#[test]
fn the_pair_that_is_tried_alone_shares_nothing_with_the_doubts_where_one_exists() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(
        folder.path(),
        &[
            own("doubt", "face.jpg?sig=1", "a.mp3"),
            own("beside", "other.jpg", "b.mp3"),
            own("face", "face.jpg?sig=1", "c.mp3"),
            own("signed", "fifth.jpg", "a.mp3?sig=2"),
            own("voice", "third.jpg", "a.mp3"),
            own("apart", "fourth.jpg", "d.mp3"),
        ],
    );
    settle(&ledger, doubt());
    let view = ledger.view();
    let doubted = view.doubted().unwrap();
    let [only] = &doubted[..] else { panic!("{doubted:?}") };
    assert!(only.image.ends_with("/face.jpg?sig=1") && only.audio.ends_with("/a.mp3"), "{only:?}");
    let apart = view.planned_apart(&doubted).unwrap().unwrap();
    assert_eq!((&*apart.id, apart.place()), ("apart", 5));
    assert!(apart.image().ends_with("/fourth.jpg") && apart.audio().ends_with("/d.mp3"));
    assert_eq!(&*view.planned_apart(&[]).unwrap().unwrap().id, "beside", "nothing to keep from");
    assert_eq!(&*view.planned_one("APART").unwrap().unwrap().id, "apart");
    assert!(view.planned_one("doubt").unwrap().is_none(), "it is not planned");
    let permit = block_on(ledger.intend(apart.clone())).unwrap();
    let next = view.planned_apart(&doubted).unwrap().unwrap();
    assert_eq!(&*next.id, "signed", "perhaps another recording behind the same address");
    // None is left that shares nothing: the first one then.
    let _permit = block_on(ledger.intend(next)).unwrap();
    assert_eq!(&*view.planned_apart(&doubted).unwrap().unwrap().id, "beside");
    let again = block_on(ledger.intend(apart)).unwrap_err();
    assert!(matches!(again, LedgerError::Forbidden { .. }), "somebody else has it: {again}");
    drop(permit);
}

#[test]
fn media_that_differ_in_their_query_alone_are_told_apart_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let ids = ["1", "2", "3", "1&again=1"];
    let pairs: Vec<_> = (0..4)
        .map(|n| own(&format!("p{n}"), &format!("get?id={}", ids[n]), &format!("get?id=a{n}")))
        .collect();
    let ledger = running(folder.path(), &pairs);
    settle(&ledger, doubt());
    let doubted = ledger.view().doubted().unwrap();
    assert_eq!(&*ledger.view().planned_apart(&doubted).unwrap().unwrap().id, "p2");
}

#[test]
fn unfinished_tasks_count_though_the_manifest_has_lost_their_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), &["a", "b"].map(|id| pair(id, id)));
    settle(&ledger, created("t1"));
    settle(&ledger, created("t2"));
    ledger.close().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "a")]).unwrap();
    let view = store.view().unwrap();
    assert_eq!(
        (view.unfinished().unwrap(), view.counts().unwrap()),
        (2, vec![(State::Created, 1)])
    );
    let owner = |id| view.owner_of(&TaskId::parse(id).unwrap()).unwrap();
    assert_eq!((owner("t2").as_deref(), owner("t3")), (Some("b"), None));
}

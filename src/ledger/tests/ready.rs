//! Pairs that are not fit to be sent, against real files.

use super::*;

fn unfit(ledger: &Ledger) {
    let planned = ledger.view().planned(None, 1).unwrap().remove(0);
    let why = Unfit { code: "unreachable".to_owned(), message: "gone".to_owned() };
    assert_eq!(block_on(ledger.unfit(planned, why)).unwrap(), State::Rejected);
}

fn run(folder: &Path, prompt: &str, work: impl FnOnce(&Ledger)) -> Store {
    let mut store = open(folder);
    store.list(&[pair("a", prompt)]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    work(&ledger);
    ledger.close().unwrap();
    open(folder)
}

#[test]
fn what_the_server_refused_is_not_looked_at_again_and_what_was_unfit_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = run(folder.path(), "one", |ledger| {
        assert_eq!(settle(ledger, judgement(Proof::Rejected)), State::Rejected);
    });
    assert!(store.unfit(LookAgain::All).unwrap().is_empty());
    drop(store);
    std::thread::sleep(Duration::from_millis(5));
    // Mended in the manifest, and then its media could not be had.
    let mut store = run(folder.path(), "two", unfit);
    assert_eq!(store.unfit(LookAgain::All).unwrap(), ["a"]);
    assert!(store.unfit(LookAgain::Files).unwrap().is_empty(), "it has no file");
    assert_eq!(store.look_again(LookAgain::All).unwrap(), 1);
    assert_eq!(store.view().unwrap().planned(None, 9).unwrap().len(), 1);
}

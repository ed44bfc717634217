//! Leases, lost answers, and a database that went back.

use std::collections::HashSet;
use std::time::Duration;

use callsheet::ledger::postgres::{Fate, Outcome, Page, Pulled, SharedError, Slip, Wish};
use callsheet::pace::Heard;
use callsheet::state::{Event, State};
use futures::FutureExt;

use super::cluster::{Cluster, one, one as ask_one};
use super::{Batch, Claim, Crew, Turn, block_on, id_of, join, outcome};

pub(super) fn spend(claim: Claim) -> Slip {
    claim.spend(Duration::ZERO).unwrap()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_worker_that_is_late_claims_nothing_more_and_its_late_answer_is_taken() {
    let Some(cluster) = Cluster::start("leases") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { lease: Duration::from_secs(3), ..Batch::of(4) };
        let mut slow = join(&url, &batch).await.unwrap();
        let mut claims = slow.turn(&[], 2).await.unwrap().claims;
        assert_eq!(claims.len(), 2);
        let held = claims.pop().unwrap();
        let sent = spend(claims.pop().unwrap());
        let mut other = join(&url, &batch).await.unwrap();
        assert_eq!(other.take_over().await.unwrap(), 0, "its lease has not ended");
        tokio::time::sleep(Duration::from_millis(3100)).await;
        let mut third = join(&url, &batch).await.unwrap();
        assert_eq!(third.take_over().await.unwrap(), 2);
        // Time alone frees none for sending again: these are the other two.
        let rest = third.turn(&[], 32).await.unwrap().claims;
        let ids: Vec<_> = rest.into_iter().map(|claim| id_of(&spend(claim))).collect();
        assert_eq!(ids, ["pair-2", "pair-3"]);
        let unsent = held.spend(Duration::ZERO).unwrap_err();
        assert!(matches!(slow.wish(2).await, Err(SharedError::Over)));
        let late = [
            outcome(sent.clone(), Event::Accepted, Some("task-0")),
            outcome(unsent.clone(), Event::NotMade, None),
        ];
        let Turn { claims, settled } = slow.turn(&late, 5).await.unwrap();
        assert!(claims.is_empty(), "it is over for good");
        assert_eq!(settled, [(sent, State::Created), (unsent, State::Planned)]);
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "15");
        // What is planned again is not for it, and not without a limit either.
        assert!(matches!(slow.wish(1).await, Err(SharedError::Over)));
        let again = third.turn(&[], 32).await.unwrap().claims;
        assert_eq!(
            again.into_iter().map(|claim| id_of(&spend(claim))).collect::<Vec<_>>(),
            ["pair-1"]
        );
    });
}

/// When the answer to a statement is lost.
#[derive(Debug, Clone, Copy)]
enum Lost {
    Unsent,
    Committed,
    After(Duration),
}

/// A turn of three more whose answer is lost, and what follows; what it did, if it was there in time.
async fn lose(url: &str, worker: &mut Crew, (outcomes, lost): (&[Outcome], Lost)) -> Option<Turn> {
    if let Lost::After(patience) = lost {
        match tokio::time::timeout(patience, worker.turn(outcomes, 3)).await {
            Ok(Ok(turn)) => return Some(turn),
            _ => drop(worker.recover().await.unwrap()),
        }
        return None;
    }
    let (next, cost) = (worker.next(3).await.unwrap(), worker.cost);
    let known = worker.pull(Page::These(&next)).await.unwrap();
    let wish = |one: &Pulled| Wish { n: one.n, attempt: one.attempt + 1, cost };
    let wishes: Vec<_> = known.iter().map(wish).collect();
    let number = format!("SELECT seq FROM callsheet.worker WHERE worker = {}", worker.number());
    let before = one(url, &number).await;
    // Handed to the connection, which does nothing before this task waits for something.
    assert!(worker.worker.turn(outcomes, &wishes, Heard::default()).now_or_never().is_none());
    let fate = match lost {
        Lost::Committed => {
            while one(url, &number).await == before {}
            Fate::Committed
        }
        _ => Fate::Never,
    };
    assert_eq!(worker.recover().await.unwrap(), fate, "{lost:?}");
    None
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_answer_that_was_lost_hands_nothing_out_and_loses_nothing() {
    let Some(cluster) = Cluster::start("lost answers") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(300)).await.unwrap();
        let (mut outcomes, mut handed_out) = (Vec::new(), HashSet::new());
        for round in 0..200_u64 {
            // Lost before it was sent, lost after it was committed, and at another instant each time, as a
            // time-out or a cut connection would.
            let lost = match round % 4 {
                0 => Lost::Unsent,
                1 => Lost::Committed,
                _ => Lost::After(Duration::from_micros(round % 20 * 150)),
            };
            let Some(Turn { claims, .. }) = lose(&url, &mut worker, (&outcomes, lost)).await else {
                continue;
            };
            outcomes.clear();
            for claim in claims {
                let slip = spend(claim);
                assert!(handed_out.insert(slip.n), "{} twice", slip.n);
                let task = format!("task-of-{}", slip.n);
                outcomes.push(outcome(slip, Event::Accepted, Some(&task)));
            }
        }
        while !outcomes.is_empty() {
            worker.turn(&outcomes, 0).await.unwrap();
            outcomes.clear();
        }
        let created = "SELECT count(*) FROM callsheet.standing WHERE state = 2";
        assert_eq!(one(&url, created).await, handed_out.len().to_string());
        let others = "SELECT count(*) FROM callsheet.standing WHERE state NOT IN (0, 2)";
        assert_eq!(one(&url, others).await, "0");
        let reserved = one(&url, "SELECT reserved FROM callsheet.purse").await;
        assert_eq!(reserved, (handed_out.len() * 5).to_string());
        worker.leave().await.unwrap();
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_database_that_went_back_stops_all_before_another_create() {
    let Some(cluster) = Cluster::start("went back") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { lease: Duration::from_secs(9), ..Batch::of(100) };
        let mut one = join(&url, &batch).await.unwrap();
        let mut idle = join(&url, &batch).await.unwrap();
        drop(one.turn(&[], 2).await.unwrap());
        cluster.end();
        cluster.save();
        cluster.go_on();
        assert!(matches!(one.wish(50).await, Err(SharedError::Unsure(_))));
        assert_eq!(one.recover().await.unwrap(), Fate::Never);
        // After a restart nobody claims before all could have noticed that it is an older one.
        let mut claims = one.turn(&[], 2).await.unwrap().claims;
        assert!(claims.is_empty());
        while claims.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            claims = one.turn(&[], 2).await.unwrap().claims;
        }
        let sent = spend(claims.into_iter().next().unwrap());
        cluster.end();
        cluster.restore();
        cluster.go_on();
        assert!(matches!(one.wish(50).await, Err(SharedError::Unsure(_))));
        assert_eq!(one.recover().await.unwrap(), Fate::WentBack);
        assert!(matches!(one.wish(50).await, Err(SharedError::Unsure(_))), "for good");
        // What it was told meanwhile is kept, though the database knows nothing of the create.
        let told = [outcome(sent, Event::Accepted, Some("task-9"))];
        one.keep_tasks(&told).await.unwrap();
        one.keep_tasks(&told).await.unwrap();
        assert_eq!(ask_one(&url, "SELECT task FROM callsheet.task").await, "task-9");
        // One that had written nothing since.
        assert!(matches!(idle.wish(60).await, Err(SharedError::Unsure(_))));
        assert_eq!(idle.recover().await.unwrap(), Fate::Never);
        assert!(matches!(idle.wish(60).await, Err(SharedError::Stopped(_))));
        assert!(matches!(join(&url, &batch).await, Err(SharedError::Stopped(_))));
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_claim_that_was_under_way_when_the_epoch_changed_is_undone() {
    let Some(cluster) = Cluster::start("epoch") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(10)).await.unwrap();
        // What a statement that began before would still see as not stopped.
        one(&url, "UPDATE callsheet.purse SET epoch = 1, seen = 1 RETURNING epoch").await;
        assert!(matches!(worker.turn(&[], 2).await, Err(SharedError::WentBack)));
        assert_eq!(
            one(&url, "SELECT count(*) FROM callsheet.standing WHERE state <> 0").await,
            "0"
        );
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_pulse_keeps_the_lease_and_notices_a_database_that_went_back() {
    let Some(cluster) = Cluster::start("pulse") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { lease: Duration::from_secs(8), ..Batch::of(4) };
        let mut worker = join(&url, &batch).await.unwrap();
        let mut other = join(&url, &Batch::of(4)).await.unwrap();
        let mut pulse = worker.pulse();
        let claim = worker.turn(&[], 1).await.unwrap().claims.swap_remove(0);
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(1250)).await;
            pulse.beat().await.unwrap();
        }
        assert_eq!(other.take_over().await.unwrap(), 0, "ten seconds, and its lease has eight");
        let _ = spend(claim);
        cluster.end();
        cluster.save();
        cluster.go_on();
        pulse.beat().await.unwrap_err();
        pulse.beat().await.unwrap();
        cluster.end();
        cluster.restore();
        cluster.go_on();
        pulse.beat().await.unwrap_err();
        assert!(matches!(pulse.beat().await, Err(SharedError::WentBack)));
        assert!(matches!(join(&url, &batch).await, Err(SharedError::Stopped(_))));
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_pulse_ends_with_its_lease() {
    let Some(cluster) = Cluster::start("late pulse") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { lease: Duration::from_secs(3), ..Batch::of(4) };
        let mut worker = join(&url, &batch).await.unwrap();
        let claim = worker.turn(&[], 1).await.unwrap().claims.swap_remove(0);
        tokio::time::sleep(Duration::from_millis(3100)).await;
        assert!(matches!(worker.pulse().beat().await, Err(SharedError::Over)));
        let _ = claim.spend(Duration::ZERO).unwrap_err();
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_folder_took_over_from_its_last_run_is_no_claim_of_this_one() {
    let Some(cluster) = Cluster::start("inherited") else { return };
    let url = cluster.url();
    block_on(async {
        let mut first = join(&url, &Batch::of(4)).await.unwrap();
        let sent = spend(first.turn_for(&[], &[0]).await.unwrap().claims.swap_remove(0));
        drop(first);
        // The same statement of the next run is lost after it was committed, and takes a claim back.
        let mut next = join(&url, &Batch::of(4)).await.unwrap();
        let doubt = outcome(sent, Event::Lost, None);
        let wish = [Wish { n: 1, attempt: 1, cost: 5 }];
        let none = Heard::default();
        let turned = Box::pin(next.worker.turn(std::slice::from_ref(&doubt), &wish, none));
        let _ = tokio::time::timeout(Duration::from_micros(1), turned).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(next.recover().await.unwrap(), Fate::Committed);
        let states = "SELECT string_agg(state::text, '' ORDER BY n) FROM callsheet.standing";
        assert_eq!(one(&url, states).await, "7000");
    });
}

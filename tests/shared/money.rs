//! The budget, and tasks that two pairs have.

use std::collections::HashSet;

use callsheet::ledger::postgres::SharedError;
use callsheet::state::{Event, State};

use super::cluster::{Cluster, ask, one};
use super::leases::spend;
use super::{Batch, Turn, block_on, join, outcome};

#[test]
#[ignore = "needs PostgreSQL"]
fn many_workers_never_pass_the_budget_and_use_it_up() {
    let Some(cluster) = Cluster::start("budget") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { budget: Some(1003), cost: 7, ..Batch::of(400) };
        let worker = async || {
            let mut worker = join(&url, &batch).await.unwrap();
            let (mut outcomes, mut sent) = (Vec::new(), Vec::new());
            loop {
                match worker.turn(&outcomes, 5).await {
                    Ok(Turn { claims, .. }) => {
                        outcomes.clear();
                        for claim in claims {
                            let slip = spend(claim);
                            sent.push(slip.n);
                            let task = format!("task-of-{}", slip.n);
                            outcomes.push(outcome(slip, Event::Accepted, Some(&task)));
                        }
                    }
                    Err(SharedError::BudgetReached) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            worker.turn(&outcomes, 0).await.unwrap();
            worker.leave().await.unwrap();
            sent
        };
        let sent = futures::future::join_all([worker(), worker(), worker(), worker()]).await;
        let sent = sent.concat();
        assert_eq!(sent.len(), 143);
        assert_eq!(sent.iter().collect::<HashSet<_>>().len(), 143, "one was handed out twice");
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "1001");
        assert_eq!(
            one(&url, "SELECT count(*) FROM callsheet.worker WHERE ended IS NULL").await,
            "0"
        );
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_made_nothing_gives_its_money_back_and_a_doubt_keeps_it() {
    let Some(cluster) = Cluster::start("refunds") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch { budget: Some(20), ..Batch::of(5) }).await.unwrap();
        let claims = worker.turn_for(&[], &[0, 1, 2, 3]).await.unwrap().claims;
        let slips: Vec<_> = claims.into_iter().map(spend).collect();
        assert_eq!(slips.len(), 4, "so many may be paid for");
        assert!(matches!(worker.wish(4).await, Err(SharedError::BudgetReached)));
        let events = [Event::NotMade, Event::Refused, Event::Lost];
        let outcomes: Vec<_> = slips
            .iter()
            .zip(events)
            .map(|(slip, event)| outcome(slip.clone(), event, None))
            .collect();
        let settled = worker.turn(&outcomes, 0).await.unwrap().settled;
        let states: Vec<_> = settled.iter().map(|(_, state)| *state).collect();
        assert_eq!(states, [State::Planned, State::Rejected, State::InDoubt]);
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "10");
        // Told once more, nothing happens.
        worker.turn(&outcomes[..2], 0).await.unwrap();
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "10");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_task_is_one_pairs_and_none_is_forgotten() {
    let Some(cluster) = Cluster::start("twins") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(3)).await.unwrap();
        let claims = worker.turn(&[], 3).await.unwrap().claims;
        let slips: Vec<_> = claims.into_iter().map(spend).collect();
        let same = |n: usize| outcome(slips[n].clone(), Event::Accepted, Some("task-1"));
        let settled = worker.turn(&[same(0), same(1)], 0).await.unwrap().settled;
        let mut states: Vec<_> = settled.iter().map(|(_, state)| *state).collect();
        states.sort();
        assert_eq!(states, [State::Created, State::InDoubt]);
        let kept = ask(&url, "SELECT n, record FROM callsheet.record ORDER BY n").await;
        assert_eq!(kept.len(), 2, "what the second was told is kept: {kept:?}");
        // Told once more, each stands where it was.
        let again = worker.turn(&[same(0)], 0).await.unwrap().settled;
        assert_eq!(again[0].1, settled[0].1);
        // Another has the third by now.
        one(&url, "UPDATE callsheet.standing SET worker = 1 WHERE n = 2 RETURNING n").await;
        let late = outcome(slips[2].clone(), Event::Accepted, Some("task-2"));
        assert!(worker.turn(&[late], 0).await.unwrap().settled.is_empty());
        assert_eq!(one(&url, "SELECT n FROM callsheet.task WHERE task = 'task-2'").await, "2");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_pair_that_was_claimed_and_not_sent_is_claimed_again_by_its_worker_alone() {
    let Some(cluster) = Cluster::start("again") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch { budget: Some(7), ..Batch::of(1) };
        let mut worker = join(&url, &batch).await.unwrap();
        let mut other = join(&url, &batch).await.unwrap();
        drop(worker.turn_for(&[], &[0]).await.unwrap());
        assert!(other.turn_for(&[], &[0]).await.unwrap().claims.is_empty());
        let again = spend(worker.turn_for(&[], &[0]).await.unwrap().claims.swap_remove(0));
        assert_eq!(again.attempt, 2);
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "5", "it pays once");
        // The one before is nobody's any more.
        let first = callsheet::ledger::postgres::Slip { attempt: 1, ..again.clone() };
        let late = outcome(first, Event::NotMade, None);
        assert!(worker.turn(&[late], 0).await.unwrap().settled.is_empty());
        let made = outcome(again, Event::Accepted, Some("task-1"));
        assert_eq!(worker.turn(&[made], 0).await.unwrap().settled[0].1, State::Created);
        worker.leave().await.unwrap();
    });
}

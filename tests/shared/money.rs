//! The budget, and tasks that two pairs have.

use std::collections::HashSet;

use callsheet::ledger::postgres::{SharedError, Turn};
use callsheet::state::{Event, State};

use super::cluster::{Cluster, ask, one};
use super::leases::spend;
use super::{Batch, block_on, join, outcome};

#[test]
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
                            sent.push(slip.id.clone());
                            let task = format!("task-of-{}", slip.id);
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
fn what_made_nothing_gives_its_money_back_and_a_doubt_keeps_it() {
    let Some(cluster) = Cluster::start("refunds") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch { budget: Some(20), ..Batch::of(5) }).await.unwrap();
        let claims = worker.turn(&[], 32).await.unwrap().claims;
        let slips: Vec<_> = claims.into_iter().map(spend).collect();
        assert_eq!(slips.len(), 4, "so many may be paid for");
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
        assert!(worker.turn(&outcomes[..2], 0).await.unwrap().settled.is_empty());
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "10");
    });
}

#[test]
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
        let kept = ask(&url, "SELECT state, code, task FROM callsheet.attempt").await;
        assert_eq!(kept, [["7", "same_task", "task-1"].map(|text| Some(text.to_owned()))]);
        // A person has planned the third again meanwhile.
        one(&url, "UPDATE callsheet.standing SET state = 0 WHERE n = 2 RETURNING n").await;
        let late = outcome(slips[2].clone(), Event::Accepted, Some("task-2"));
        assert!(worker.turn(&[late], 0).await.unwrap().settled.is_empty());
        assert_eq!(one(&url, "SELECT n FROM callsheet.task WHERE task = 'task-2'").await, "2");
    });
}

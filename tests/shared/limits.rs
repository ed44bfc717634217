//! What all workers together may do: tasks unfinished, doubts, starts in a time, and one gate.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use callsheet::ledger::postgres::{Lack, SharedError, Slip, Way, Wish, line};
use callsheet::pace::{Heard, Lone, Terms, Word};
use callsheet::state::{Event, State};
use futures::future::join_all;
use tokio::time::sleep;

use super::cluster::{Cluster, one};
use super::leases::spend;
use super::{Batch, Crew, TERMS, block_on, join, join_as, outcome};

fn of(count: usize, terms: Terms) -> Batch {
    Batch { terms, ..Batch::of(count) }
}

fn heard(words: &[Word]) -> Heard {
    let mut heard = Heard::default();
    words.iter().for_each(|word| heard.then(*word));
    heard
}

/// What the purse counts is what stands.
async fn must_be_counted(url: &str) {
    let sql = "SELECT (SELECT (under_way, unfinished, doubts)::text FROM callsheet.purse) =
        (SELECT (count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state IN (1, 2)),
            count(*) FILTER (WHERE state = 7))::text FROM callsheet.standing)";
    assert_eq!(one(url, sql).await, "t");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn no_more_tasks_are_unfinished_than_may_be_of_all_workers() {
    let Some(cluster) = Cluster::start("in flight") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = of(150, Terms { concurrency: 4, in_flight: Some(7), ..Terms::default() });
        let (unfinished, most) = (Cell::new(0), Cell::new(0));
        let worker = async || {
            let mut worker = join(&url, &batch).await.unwrap();
            let mut told = Vec::new();
            loop {
                let next = worker.next(4).await.unwrap();
                if next.is_empty() {
                    break;
                }
                let mut wanted = next;
                while !wanted.is_empty() {
                    let wish = |n: &i32| Wish { n: *n, attempt: 1, cost: 0 };
                    let wishes: Vec<_> = wanted.iter().map(wish).collect();
                    let turned =
                        worker.worker.turn(&told, &wishes, Heard::default()).await.unwrap();
                    unfinished.set(unfinished.get() + turned.claimed.len());
                    most.set(most.get().max(unfinished.get()));
                    let holder = worker.number();
                    let slip = |wish: &Wish| Slip { n: wish.n, attempt: 1, holder };
                    let slips: Vec<_> = turned.claimed.iter().map(slip).collect();
                    wanted = turned.held;
                    let created = slips.iter().map(|slip| {
                        outcome(slip.clone(), Event::Accepted, Some(&format!("task-{}", slip.n)))
                    });
                    worker.turn(&created.collect::<Vec<_>>(), 0).await.unwrap();
                    sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                    // They end with the statement that tells it.
                    told = slips
                        .into_iter()
                        .map(|slip| outcome(slip, Event::Accepted, None))
                        .collect();
                    told.iter_mut().for_each(|ended| ended.state = State::Completed);
                    unfinished.set(unfinished.get() - told.len());
                }
            }
            worker.turn(&told, 0).await.unwrap();
        };
        join_all([worker(), worker(), worker(), worker(), worker()]).await;
        assert_eq!(most.get(), 7, "and as many as may be");
        assert_eq!(
            one(&url, "SELECT count(*) FROM callsheet.standing WHERE state = 3").await,
            "150"
        );
        must_be_counted(&url).await;
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn doubts_and_creates_under_way_of_all_workers_never_pass_what_they_may_be() {
    let Some(cluster) = Cluster::start("doubts") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = of(100, Terms { concurrency: 4, max_doubts: Some(9), ..Terms::default() });
        let mut workers = Vec::new();
        for _ in 0..4 {
            workers.push(join(&url, &batch).await.unwrap());
        }
        let sent = RefCell::new(Vec::new());
        let work = async |mut worker: Crew| {
            let mut outcomes = Vec::new();
            for _ in 0..8 {
                let claims = worker.turn(&outcomes, 4).await.unwrap().claims;
                outcomes.clear();
                for slip in claims.into_iter().map(spend) {
                    sent.borrow_mut().push(slip.n);
                    let accepted = format!("task-{}", slip.n);
                    outcomes.push(match slip.n % 3 {
                        0 => outcome(slip, Event::Accepted, Some(&accepted)),
                        _ => outcome(slip, Event::Lost, None),
                    });
                }
                sleep(Duration::from_millis(5)).await;
            }
            worker.turn(&outcomes, 0).await.unwrap();
            worker
        };
        let mut workers = join_all(workers.into_iter().map(work)).await;
        let doubts = sent.borrow().iter().filter(|n| *n % 3 != 0).count();
        assert_eq!(doubts, 9, "as many as may be, and no more");
        must_be_counted(&url).await;
        // One of them is settled: there is room for another.
        let doubt = *sent.borrow().iter().find(|n| *n % 3 != 0).unwrap();
        let mut known = Vec::new();
        for worker in &mut workers {
            let slip = Slip { n: doubt, attempt: 1, holder: worker.number() };
            known.push(outcome(slip, Event::Accepted, Some("task-of-it")));
            worker.turn(&known[known.len() - 1..], 0).await.unwrap();
        }
        assert_eq!(workers[0].turn(&[], 4).await.unwrap().claims.len(), 1);
        must_be_counted(&url).await;
        // Who begins when nobody is at work has no doubts yet.
        for mut worker in workers {
            let own = worker.number();
            worker.sign_off_for(own).await.unwrap();
        }
        let mut fresh = join(&url, &batch).await.unwrap();
        assert_eq!(fresh.turn(&[], 4).await.unwrap().claims.len(), 4);
    });
}

/// One that claims pairs without end, and gives back what it was granted.
async fn starts(way: &Way, from: i32, granted: &RefCell<Vec<Instant>>, until: Instant) {
    for n in from.. {
        let (tell, told) = tokio::sync::oneshot::channel();
        let wish = Wish { n, attempt: 1, cost: 0 };
        way.claim(wish, Box::new(move |outcome| drop(tell.send(outcome))));
        match told.await.unwrap() {
            Ok(()) => granted.borrow_mut().push(Instant::now()),
            Err(Lack::Elsewhere) => {}
            Err(other) => panic!("{other}"),
        }
        if Instant::now() > until {
            return;
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn sixteen_workers_together_keep_to_a_rate_and_use_it() {
    const WORKERS: usize = 16;
    const PER_SECOND: f64 = 25.0;
    const SECONDS: f64 = 20.0;
    let Some(cluster) = Cluster::start("rate") else { return };
    let url = cluster.url();
    block_on(async {
        let apart = Some(Duration::from_secs_f64(1.0 / PER_SECOND));
        let terms =
            Terms { concurrency: 2, max_doubts: Some(u32::MAX >> 1), apart, ..Terms::default() };
        let batch = of(4000, terms);
        let (mut ways, mut lines) = (Vec::new(), Vec::new());
        for _ in 0..WORKERS {
            let (way, line) = line(join(&url, &batch).await.unwrap().worker, batch.lease);
            ways.push(way);
            lines.push(line);
        }
        let granted = RefCell::new(Vec::new());
        let until = Instant::now() + Duration::from_secs_f64(SECONDS + 3.0);
        let (ways, granted_to) = (&ways, &granted);
        let two_each = (0..WORKERS * 2).map(|at| {
            starts(&ways[at % WORKERS], i32::try_from(at * 120).unwrap(), granted_to, until)
        });
        tokio::select! {
            _ = join_all(two_each) => {}
            _ = join_all(lines) => panic!("a line ended"),
        }
        let granted = granted.into_inner();
        // Each second of them, from the second on, in which all are at it.
        let first = granted[0] + Duration::from_secs(2);
        let within = |from: f64, to: f64| {
            let [from, to] = [from, to].map(|at| first + Duration::from_secs_f64(at));
            granted.iter().filter(|at| **at >= from && **at < to).count()
        };
        let (all, expected) = (within(0.0, SECONDS) as f64, PER_SECOND * SECONDS);
        assert!((all - expected).abs() <= expected * 0.02, "{all} of {expected}");
        let most = (0..20).map(|second| within(f64::from(second), f64::from(second) + 1.0)).max();
        assert!(most.unwrap() as f64 <= PER_SECOND * 1.3, "{most:?} in a second");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn starts_that_nobody_took_are_not_saved_up() {
    let Some(cluster) = Cluster::start("slots") else { return };
    let url = cluster.url();
    block_on(async {
        let apart = Some(Duration::from_millis(400));
        let batch = of(60, Terms { concurrency: 32, apart, ..Terms::default() });
        let mut worker = join(&url, &batch).await.unwrap();
        let wishes = |from: i32| (from..from + 20).map(|n| Wish { n, attempt: 1, cost: 0 });
        let first = wishes(0).collect::<Vec<_>>();
        let turned = worker.worker.turn(&[], &first, Heard::default()).await.unwrap();
        // Up to a second ahead, so that none is lost while they are asked for.
        assert_eq!(turned.starts.len(), 3, "{turned:?}");
        assert_eq!(turned.starts[0], Duration::ZERO);
        sleep(Duration::from_millis(2500)).await;
        let turned = worker
            .worker
            .turn(&[], &wishes(20).collect::<Vec<_>>(), Heard::default())
            .await
            .unwrap();
        assert_eq!(turned.claimed.len(), 3, "{turned:?}");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn three_doubts_in_a_row_close_the_gate_for_all_and_one_tries_alone() {
    let Some(cluster) = Cluster::start("one gate") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = of(40, Terms { concurrency: 4, ..Terms::default() });
        let mut one = join(&url, &batch).await.unwrap();
        let mut two = join(&url, &batch).await.unwrap();
        let tell = async |worker: &mut Crew, words: &[Word]| {
            worker.worker.turn(&[], &[], heard(words)).await.unwrap().common
        };
        assert!(!tell(&mut one, &[Word::Doubt, Word::Doubt]).await.shut);
        // An answer between them, whoever hears it.
        assert_eq!(tell(&mut two, &[Word::Answer]).await.row, 0);
        assert!(!tell(&mut one, &[Word::Doubt]).await.shut);
        assert!(!tell(&mut two, &[Word::Doubt]).await.shut);
        let common = tell(&mut one, &[Word::Doubt]).await;
        assert!(common.shut, "{common:?}");
        assert!(two.turn(&[], 4).await.unwrap().claims.is_empty(), "it is closed for all");
        // What began before says nothing more, and an answer to it opens nothing.
        assert!(tell(&mut two, &[Word::Answer]).await.shut);
        // One of them has the right to try, and only it.
        assert_eq!(one.take_lone().await.unwrap().lone, Lone::Ours);
        assert_eq!(two.take_lone().await.unwrap().lone, Lone::Others);
        assert!(two.turn(&[], 4).await.unwrap().claims.is_empty());
        let mut claims = one.turn(&[], 4).await.unwrap().claims;
        assert_eq!(claims.len(), 1, "one alone");
        assert!(one.turn(&[], 4).await.unwrap().claims.is_empty(), "and none beside it");
        let lost = outcome(spend(claims.remove(0)), Event::Lost, None);
        let turned = one.worker.turn(&[lost], &[], heard(&[Word::AloneDoubt])).await.unwrap();
        assert_eq!((turned.common.alone, turned.common.shut), (1, true));
        let mut claims = one.turn(&[], 4).await.unwrap().claims;
        let made = outcome(spend(claims.remove(0)), Event::Accepted, Some("task-1"));
        let turned = one.worker.turn(&[made], &[], heard(&[Word::AloneAnswer])).await.unwrap();
        assert_eq!((turned.common.alone, turned.common.shut), (0, false));
        assert_eq!(two.turn(&[], 4).await.unwrap().claims.len(), 4);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_right_to_try_alone_ends_with_the_lease_and_waits_for_what_is_under_way() {
    let Some(cluster) = Cluster::start("lone") else { return };
    let url = cluster.url();
    block_on(async {
        let short = Batch {
            lease: Duration::from_secs(3),
            ..of(40, Terms { concurrency: 1, ..Terms::default() })
        };
        let mut dies = join(&url, &short).await.unwrap();
        let mut lives =
            join(&url, &Batch { lease: Duration::from_secs(30), ..short }).await.unwrap();
        let claims = lives.turn(&[], 1).await.unwrap().claims;
        assert_eq!(dies.take_lone().await.unwrap().lone, Lone::Nobody, "one is under way");
        let made = claims.into_iter().map(|claim| outcome(spend(claim), Event::NotMade, None));
        lives.turn(&made.collect::<Vec<_>>(), 0).await.unwrap();
        let common = dies.take_lone().await.unwrap();
        assert_eq!((common.lone, common.shut), (Lone::Ours, true));
        assert_eq!(lives.take_lone().await.unwrap().lone, Lone::Others);
        sleep(Duration::from_millis(3200)).await;
        assert_eq!(lives.take_lone().await.unwrap().lone, Lone::Ours);
        lives.leave_lone().await.unwrap();
        assert_eq!(lives.look().await.unwrap().lone, Lone::Nobody);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn who_is_at_work_stops_for_all_and_who_begins_later_does_not() {
    let Some(cluster) = Cluster::start("halt") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch::of(8);
        let mut one = join(&url, &batch).await.unwrap();
        let mut two = join(&url, &batch).await.unwrap();
        one.halt("no money").await.unwrap();
        for worker in [&mut one, &mut two] {
            assert!(worker.turn(&[], 2).await.unwrap().claims.is_empty());
            assert_eq!(worker.look().await.unwrap().halt.as_deref(), Some("no money"));
        }
        let mut later = join(&url, &batch).await.unwrap();
        assert_eq!(later.look().await.unwrap().halt, None);
        assert_eq!(later.turn(&[], 2).await.unwrap().claims.len(), 2);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn batches_that_share_a_budget_never_pass_it_together_and_use_it_up() {
    let Some(cluster) = Cluster::start("a shared budget") else { return };
    let url = cluster.url();
    block_on(async {
        let terms = Terms { max_doubts: Some(1000), ..TERMS };
        let batch = Batch { budget: Some(1003), cost: 7, terms, ..Batch::of(400) };
        let worker = async |name: &str| {
            let mut worker = join_as(&url, &batch, (name, Some("client-a"))).await.unwrap();
            let (mut outcomes, mut sent) = (Vec::new(), 0);
            loop {
                match worker.turn(&outcomes, 5).await {
                    Ok(super::Turn { claims, .. }) => {
                        outcomes.clear();
                        for slip in claims.into_iter().map(spend) {
                            // Some made nothing, and give their money back.
                            let event = if slip.n % 4 == 0 { Event::Refused } else { Event::Lost };
                            sent += usize::from(event == Event::Lost);
                            outcomes.push(outcome(slip, event, None));
                        }
                    }
                    Err(SharedError::BudgetReached) if outcomes.is_empty() => break,
                    // What was told came with what was wished.
                    Err(SharedError::BudgetReached) => outcomes.clear(),
                    Err(other) => panic!("{other}"),
                }
            }
            worker.leave().await.unwrap();
            sent
        };
        let workers = ["spring", "autumn", "spring", "autumn", "spring"].map(worker);
        let sent: usize = join_all(workers).await.into_iter().sum();
        assert_eq!(sent, 143);
        let spent = "SELECT (SELECT reserved FROM callsheet.pool)::text || ' ' ||
            (SELECT sum(reserved) FROM callsheet.purse)::text";
        assert_eq!(one(&url, spent).await, "1001 1001");
        assert_eq!(one(&url, "SELECT count(*) FROM callsheet.purse WHERE reserved = 0").await, "0");
        // Somebody at work in one of them holds the others to the sum.
        let at_work = join_as(&url, &batch, ("autumn", Some("client-a"))).await.unwrap();
        let more = Batch { budget: Some(2000), ..batch };
        let other = join_as(&url, &more, ("spring", Some("client-a"))).await.unwrap_err();
        assert!(matches!(other, SharedError::OtherBudget { .. }), "{other}");
        let own = at_work.number();
        let mut at_work = at_work;
        at_work.sign_off_for(own).await.unwrap();
        join_as(&url, &more, ("spring", Some("client-a"))).await.unwrap();
        assert_eq!(one(&url, "SELECT budget FROM callsheet.pool").await, "2000");
        // One that goes takes its part with it.
        let own = Batch { budget: Some(3000), ..batch };
        join_as(&url, &own, ("autumn", None)).await.unwrap();
        let left = "SELECT (SELECT reserved FROM callsheet.pool) =
            (SELECT sum(reserved) FROM callsheet.purse WHERE pool IS NOT NULL)";
        assert_eq!(one(&url, left).await, "t");
    });
}

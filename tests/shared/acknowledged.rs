//! What counts as an acknowledgement, and the way through a pooler and through TLS.

use std::time::Duration;

use callsheet::ledger::postgres::{Fate, SharedError};
use callsheet::pace::Terms;
use callsheet::state::Event;

use super::cluster::{Cluster, ask, one};
use super::leases::spend;
use super::{Batch, TERMS, Turn, block_on, join, outcome};

#[test]
#[ignore = "needs PostgreSQL"]
fn a_commit_that_reached_no_replica_hands_nothing_out() {
    let Some(cluster) = Cluster::start("replicas") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(200)).await.unwrap();
        cluster.set("synchronous_standby_names = 'nobody'\n");
        cluster.reload();
        let waits = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
            WHERE wait_event = 'SyncRep'";
        let cancel = async {
            while one(&url, waits).await == "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut cancel = std::pin::pin!(cancel);
        // The server takes a moment to know of it.
        let mut handed_out = 0;
        loop {
            let next = [handed_out];
            let turn = tokio::select! {
                turn = worker.turn_for(&[], &next) => turn,
                () = &mut cancel => unreachable!("it goes on for ever"),
            };
            match turn {
                Ok(turn) => handed_out += i32::try_from(turn.claims.len()).unwrap(),
                Err(SharedError::Unsure(_)) => break,
                Err(other) => panic!("{other}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cluster.set("");
        cluster.reload();
        // It is there all the same.
        let sending = "SELECT count(*) FROM callsheet.standing WHERE state = 1";
        assert_eq!(one(&url, sending).await, (handed_out + 1).to_string());
        assert_eq!(worker.recover().await.unwrap(), Fate::Committed);
        assert_eq!(one(&url, sending).await, handed_out.to_string());
        assert_eq!(worker.turn(&[], 2).await.unwrap().claims.len(), 2);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_outcome_of_an_earlier_attempt_says_nothing_of_this_one() {
    let Some(cluster) = Cluster::start("attempts") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(1)).await.unwrap();
        let first = spend(worker.turn(&[], 1).await.unwrap().claims.swap_remove(0));
        let not_made = outcome(first, Event::NotMade, None);
        worker.turn(std::slice::from_ref(&not_made), 0).await.unwrap();
        let second = worker.turn_for(&[], &[0]).await.unwrap().claims.swap_remove(0);
        // As after an answer of the database that was lost.
        let Turn { claims, settled } = worker.turn(&[not_made], 1).await.unwrap();
        assert!(claims.is_empty() && settled.is_empty(), "the second is under way");
        let _ = spend(second);
        assert_eq!(one(&url, "SELECT state FROM callsheet.standing").await, "1");
        assert_eq!(one(&url, "SELECT reserved FROM callsheet.purse").await, "5");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn many_share_few_connections_behind_a_pooler() {
    let Some(cluster) = Cluster::start("pooler") else { return };
    let Some(pooler) = cluster.pooler("pooler") else { return };
    let url = pooler.url();
    block_on(async {
        let batch = Batch::of(400);
        let worker = async || {
            let mut worker = join(&url, &batch).await.unwrap();
            let mut pulse = worker.pulse();
            let mut outcomes = Vec::new();
            loop {
                let Turn { claims, .. } = worker.turn(&outcomes, 7).await.unwrap();
                pulse.beat().await.unwrap();
                if claims.is_empty() && outcomes.is_empty() {
                    return worker.leave().await.unwrap();
                }
                outcomes.clear();
                for claim in claims {
                    let slip = spend(claim);
                    let task = format!("task-of-{}", slip.n);
                    outcomes.push(outcome(slip, Event::Accepted, Some(&task)));
                }
            }
        };
        futures::future::join_all((0..6).map(|_| worker())).await;
        let direct = cluster.url();
        let stand = ask(&direct, "SELECT state, count(*) FROM callsheet.standing GROUP BY 1");
        assert_eq!(stand.await, [["2", "400"].map(|text| Some(text.to_owned()))]);
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn over_tls_only_the_named_server_is_talked_to() {
    let Some(cluster) = Cluster::start("tls") else { return };
    let Some((port, roots)) = cluster.with_tls("tls") else { return };
    let url = |host: &str, roots: &str| {
        format!(
            "host={host} port={port} user=callsheet dbname=postgres sslmode=verify-full \
            sslrootcert={roots} connect_timeout=5"
        )
    };
    block_on(async {
        join(&url("localhost", &roots), &Batch::of(1)).await.unwrap();
        let other_name = join(&url("127.0.0.1", &roots), &Batch::of(1)).await.unwrap_err();
        assert!(other_name.to_string().contains("certificate"), "{other_name}");
        let other_root = join(&url("localhost", "system"), &Batch::of(1)).await.unwrap_err();
        assert!(other_root.to_string().contains("certificate"), "{other_root}");
        let no_roots = join(&url("localhost", "/nowhere"), &Batch::of(1)).await.unwrap_err();
        assert!(matches!(no_roots, SharedError::Roots(_)), "{no_roots}");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_claim_looks_at_no_row_that_is_finished() {
    let Some(cluster) = Cluster::start("plans") else { return };
    let url = cluster.url();
    block_on(async {
        drop(join(&url, &sixty_thousand()).await.unwrap());
        let done = "UPDATE callsheet.standing SET state = 4 WHERE n < 50000";
        for (case, table) in [
            ("fresh", done.to_owned()),
            ("analyzed", format!("{done}; ANALYZE callsheet.standing")),
            (
                "statistics from when nothing was planned",
                "UPDATE callsheet.standing SET state = 4; ANALYZE callsheet.standing;
                UPDATE callsheet.standing SET state = 0 WHERE n >= 50000"
                    .to_owned(),
            ),
        ] {
            drop(ask(&url, &table).await);
            // Once over all that is finished; from then on it knows where it is.
            let few = rows_read(&url, 1).await;
            let many = rows_read(&url, 41).await;
            let each = (many - few) / 40.0 / 32.0;
            assert!(each < 5.0, "{case}: {each} rows are read for each that is claimed");
        }
    });
}

/// What a worker that claims so often reads of the table of standings.
async fn rows_read(url: &str, turns: usize) -> f64 {
    let so_far = async || {
        // Servers tell when they end.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let sql = "SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables
            WHERE relname = 'standing'";
        one(url, sql).await.parse::<f64>().unwrap()
    };
    let before = so_far().await;
    let mut worker = join(url, &sixty_thousand()).await.unwrap();
    for _ in 0..turns {
        assert_eq!(worker.turn(&[], 32).await.unwrap().claims.len(), 32);
    }
    drop(worker);
    so_far().await - before
}

/// As many as may be under way.
fn sixty_thousand() -> Batch {
    let terms = Terms { max_doubts: Some(60_000), ..TERMS };
    Batch { terms, ..Batch::of(60_000) }
}

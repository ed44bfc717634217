//! Databases and batches that are refused, and the tables that many make at once.

use callsheet::ledger::postgres::{Detail, Page, SharedError};
use callsheet::state::{Event, State};

use super::cluster::{Cluster, ask, one};
use super::leases::spend;
use super::{Batch, block_on, join, outcome};

#[test]
#[ignore = "needs PostgreSQL"]
fn a_server_that_may_lose_what_it_says_is_written_is_refused_by_name() {
    let Some(cluster) = Cluster::start("unsafe servers") else { return };
    for (setting, expected) in [
        ("fsync = off", "fsync=off"),
        ("full_page_writes = off", "full_page_writes=off"),
        ("default_transaction_read_only = on", "read-only"),
    ] {
        cluster.end();
        cluster.set(&format!("{setting}\n"));
        cluster.go_on();
        let refused = block_on(join(&cluster.url(), &Batch::of(1))).unwrap_err();
        assert!(matches!(refused, SharedError::Unsafe(_)), "{refused:?}");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    cluster.end();
    cluster.set("");
    std::fs::write(cluster.standby(), "").unwrap();
    cluster.go_on();
    let refused = block_on(join(&cluster.url(), &Batch::of(1))).unwrap_err();
    assert!(refused.to_string().contains("standby"), "{refused}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn many_make_the_tables_at_once_and_one_lists() {
    let Some(cluster) = Cluster::start("joining") else { return };
    let url = cluster.url();
    block_on(async {
        let batch = Batch::of(12_000);
        let joins = (0..8).map(|_| join(&url, &batch));
        for joined in futures::future::join_all(joins).await {
            joined.unwrap();
        }
        assert_eq!(one(&url, "SELECT count(*) FROM callsheet.pair").await, "12000");
        let last = "SELECT id FROM callsheet.pair ORDER BY n DESC LIMIT 1";
        assert_eq!(one(&url, last).await, "pair-11999");
        let other = join(&url, &Batch::of(3)).await.unwrap_err();
        assert!(matches!(other, SharedError::OtherList { .. }), "{other:?}");
        one(&url, "UPDATE callsheet.format SET version = 3 RETURNING version").await;
        let newer = join(&url, &batch).await.unwrap_err();
        assert!(matches!(newer, SharedError::Newer { found: 3, .. }), "{newer:?}");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn tables_of_an_earlier_release_are_brought_up_to_date_while_others_work() {
    let Some(cluster) = Cluster::start("an earlier release") else { return };
    let url = cluster.url();
    block_on(async {
        let mut at_work = join(&url, &Batch::of(4)).await.unwrap();
        // As it was: whatever moves, it counts.
        let before = "CREATE OR REPLACE FUNCTION callsheet.count_standing() RETURNS trigger
            LANGUAGE plpgsql AS $$ BEGIN
                UPDATE callsheet.purse SET under_way = under_way
                    + (SELECT count(*) FROM now_standing WHERE state = 1)
                    - (SELECT count(*) FROM was_standing WHERE state = 1);
                RETURN NULL; END $$";
        ask(&url, before).await;
        one(&url, "UPDATE callsheet.format SET version = 1 RETURNING version").await;
        let mut later = join(&url, &Batch::of(4)).await.unwrap();
        assert_eq!(one(&url, "SELECT version FROM callsheet.format").await, "2");
        let claims = later.turn_for(&[], &[0]).await.unwrap().claims;
        assert_eq!(at_work.turn_for(&[], &[1]).await.unwrap().claims.len(), 1);
        let sent = claims
            .into_iter()
            .map(spend)
            .map(|slip| outcome(slip, Event::Accepted, Some("task-0")));
        later.turn(&sent.collect::<Vec<_>>(), 0).await.unwrap();
        assert_eq!(one(&url, "SELECT under_way FROM callsheet.purse").await, "1");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_role_that_may_not_make_what_is_lacking_is_told_so() {
    let Some(cluster) = Cluster::start("rights") else { return };
    let url = cluster.url();
    let theirs = url.replace("user=callsheet", "user=guest");
    block_on(async {
        ask(&url, "CREATE ROLE guest LOGIN").await;
        let no_schema = join(&theirs, &Batch::of(1)).await.unwrap_err();
        assert!(matches!(no_schema, SharedError::Rights(_)), "{no_schema:?}");
        drop(join(&url, &Batch::of(1)).await.unwrap());
        let name = one(&url, "SELECT proname FROM pg_proc WHERE proname LIKE 'turn_%'").await;
        ask(&url, &format!("DROP FUNCTION callsheet.{name}")).await;
        ask(&url, "GRANT USAGE ON SCHEMA callsheet TO guest").await;
        ask(&url, "GRANT ALL ON ALL TABLES IN SCHEMA callsheet TO guest").await;
        let no_function = join(&theirs, &Batch::of(1)).await.unwrap_err();
        assert!(matches!(no_function, SharedError::Rights(_)), "{no_function:?}");
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_list_may_change_once_nobody_is_at_work_and_keeps_what_was_sent() {
    let Some(cluster) = Cluster::start("lists") else { return };
    let url = cluster.url();
    block_on(async {
        let mut worker = join(&url, &Batch::of(6)).await.unwrap();
        let claims = worker.turn_for(&[], &[4]).await.unwrap().claims;
        let sent = claims
            .into_iter()
            .map(spend)
            .map(|slip| outcome(slip, Event::Accepted, Some("task-4")));
        worker.turn(&sent.collect::<Vec<_>>(), 0).await.unwrap();
        let busy = join(&url, &Batch::of(8)).await.unwrap_err();
        assert!(matches!(busy, SharedError::OtherList { .. }), "{busy:?}");
        worker.leave().await.unwrap();
        let mut more = join(&url, &Batch::of(8)).await.unwrap();
        let pairs = more.pull(Page::After(-1, 100, Detail::Whole)).await.unwrap();
        let ids: Vec<_> = pairs.iter().map(|pair| &*pair.id).collect();
        assert_eq!(ids, (0..8).map(|n| format!("pair-{n}")).collect::<Vec<_>>());
        assert_eq!(pairs[4].state, State::Created);
        assert!(pairs[7].listed && pairs[7].body.is_some());
        more.leave().await.unwrap();
        drop(join(&url, &Batch::of(3)).await.unwrap());
        let listed = "SELECT count(*) FROM callsheet.pair p JOIN callsheet.batch b USING (batch)
            WHERE p.listing = b.listing";
        assert_eq!(one(&url, listed).await, "3");
        let kept = "SELECT state FROM callsheet.standing WHERE n = 4";
        assert_eq!(one(&url, kept).await, "2", "what was sent stays as it is");
    });
}

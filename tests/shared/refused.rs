//! Databases and batches that are refused, and the tables that many make at once.

use callsheet::ledger::postgres::SharedError;

use super::cluster::{Cluster, one};
use super::{Batch, block_on, join};

#[test]
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
        assert!(matches!(other, SharedError::OtherBatch { .. }), "{other:?}");
        one(&url, "UPDATE callsheet.format SET version = 2 RETURNING version").await;
        let newer = join(&url, &batch).await.unwrap_err();
        assert!(matches!(newer, SharedError::Newer { found: 2, .. }), "{newer:?}");
    });
}

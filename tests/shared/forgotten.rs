//! Tasks that the service knows no more: they take no place among the unfinished of all.

use callsheet::ledger::postgres::{Slip, Wish};
use callsheet::pace::{Heard, Terms};
use callsheet::state::{Event, State};

use super::cluster::{Cluster, one};
use super::{Batch, Crew, block_on, join, outcome};

/// Claims a pair, if there is room for it; says whether there was.
async fn claims(crew: &mut Crew, n: i32) -> bool {
    let wish = Wish { n, attempt: 1, cost: 0 };
    let turned = crew.worker.turn(&[], &[wish], Heard::default()).await.unwrap();
    turned.claimed.len() == 1
}

fn slip(crew: &Crew, n: i32) -> Slip {
    Slip { n, attempt: 1, holder: crew.number() }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_task_that_the_service_knows_no_more_gives_its_place_to_another_worker() {
    let Some(cluster) = Cluster::start("forgotten tasks") else { return };
    let url = cluster.url();
    let unfinished = async || one(&url, "SELECT unfinished FROM callsheet.purse").await;
    block_on(async {
        let terms = Terms { concurrency: 4, in_flight: Some(1), ..Terms::default() };
        let batch = Batch { terms, ..Batch::of(4) };
        let mut first = join(&url, &batch).await.unwrap();
        let mut second = join(&url, &batch).await.unwrap();
        assert!(claims(&mut first, 0).await);
        let task = outcome(slip(&first, 0), Event::Accepted, Some("task-0"));
        first.turn(&[task], 0).await.unwrap();
        assert!(!claims(&mut second, 1).await, "the only place is taken");
        second.set_aside(0).await.unwrap();
        assert!(!claims(&mut second, 1).await, "it is not the second one's to say");
        // Said twice, as after an answer that was lost.
        first.set_aside(0).await.unwrap();
        first.set_aside(0).await.unwrap();
        assert_eq!(unfinished().await, "0");
        assert!(claims(&mut second, 1).await);
        // It is known again, and ends: the place that the second one has stays taken.
        let mut ended = outcome(slip(&first, 0), Event::Accepted, None);
        ended.state = State::Completed;
        first.turn(&[ended], 0).await.unwrap();
        assert_eq!(unfinished().await, "1");
        assert!(!claims(&mut first, 2).await);
        let gone = outcome(slip(&second, 1), Event::NotMade, None);
        second.turn(&[gone], 0).await.unwrap();
        assert!(claims(&mut first, 2).await);
        assert_eq!(one(&url, "SELECT count(*) FROM callsheet.aside").await, "0");
    });
}

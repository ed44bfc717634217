//! `status` of a shared batch: counted by the database, by the same words as from a run folder.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use callsheet::ledger::postgres::{BLOCK, Blocks, Detail, Page, Standing};
use callsheet::state::State;

use super::cluster::{Cluster, ask, one};
use super::runs::{PROGRAM, Studio, ended, said};
use super::{Batch, block_on, join};

fn status(studio: &Studio, url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("status").arg(studio.folder.path().join("spring.yaml")).args(more);
    command.env("CALLSHEET_LEDGER", url).stdin(Stdio::null());
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_status_from_anywhere_counts_names_doubts_and_lists_by_state() {
    let Some(cluster) = Cluster::start("counts") else { return };
    let url = &cluster.url();
    let scenario = "latency: {fixed: 30ms}\nfaults: [{fault: close-after-accept, share: 0.1}]\n";
    let studio = Studio::open(&cluster, 60, "", scenario);
    let created = ["--until", "created", "--limit", "40", "--max-doubts", "40"];
    let run = ended(studio.run(0, &created).spawn().unwrap());
    assert!(matches!(run.status.code(), Some(4 | 5)), "{}", said(&run));
    let told = status(&studio, url, &["--json"]);
    let value: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let counted = block_on(ask(
        url,
        "SELECT count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 7), count(*)
            FROM callsheet.standing",
    ));
    let number = |at: usize| counted[0][at].as_ref().unwrap().parse::<u64>().unwrap();
    assert_eq!(value["states"]["created"], number(0), "{}", said(&told));
    assert_eq!(value["states"]["in_doubt"], number(1));
    assert_eq!(value["pairs"], number(2));
    assert_eq!(value["in_doubt"].as_array().unwrap().len() as u64, number(1));
    assert!(number(0) > 20 && number(1) > 0, "{counted:?}");
    let created = status(&studio, url, &["--state", "created"]);
    let lines = String::from_utf8_lossy(&created.stdout).lines().count() as u64;
    assert_eq!(lines, number(0), "{}", said(&created));
    let history = status(&studio, url, &["--history"]);
    assert!(said(&history).contains("process"), "{}", said(&history));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_manifest_names_the_ledger_and_an_option_goes_before_it() {
    let Some(cluster) = Cluster::start("named in the manifest") else { return };
    let url = cluster.url();
    let head = format!("ledger: '{url}'\nbatch: summer\n");
    let studio = Studio::open(&cluster, 4, &head, "latency: {fixed: 10ms}\n");
    let created = ["--until", "created"];
    let mut named = studio.run(0, &created);
    named.env_remove("CALLSHEET_LEDGER");
    let named = ended(named.spawn().unwrap());
    assert_eq!(named.status.code(), Some(0), "{}", said(&named));
    let name = block_on(one(&url, "SELECT string_agg(name, ' ') FROM callsheet.batch"));
    assert_eq!(name, "summer");
    let other = [&created[..], &["--batch-name", "spring", "--pay-again"]].concat();
    let other = ended(studio.run(1, &other).spawn().unwrap());
    assert_eq!(other.status.code(), Some(0), "{}", said(&other));
    let names = "SELECT string_agg(name, ' ' ORDER BY name) FROM callsheet.batch";
    assert_eq!(block_on(one(&url, names)), "spring summer");
    // A rehearsal opens no database, whatever the manifest says.
    let mut rehearsal = Command::new(PROGRAM);
    rehearsal.args(["run", "--mock", "--yes"]).arg(studio.folder.path().join("spring.yaml"));
    let rehearsal = ended(rehearsal.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(rehearsal.status.code(), Some(0), "{}", said(&rehearsal));
    assert_eq!(block_on(one(&url, names)), "spring summer");
}

/// Statements that are given again and again, as the program gives them. Whoever looks for what a dead worker
/// left looks through all, once a lease.
fn hot() -> Vec<(&'static str, String)> {
    let next = include_str!("../../src/ledger/postgres/next.sql");
    let left = include_str!("../../src/ledger/postgres/left.sql");
    let pull = include_str!("../../src/ledger/postgres/pull.sql");
    let beat = include_str!("../../src/ledger/postgres/beat.sql");
    let values = |sql: &str, values: &[&str]| {
        let sql = sql.replace(":most", "64");
        let numbered = values.iter().enumerate().rev();
        numbered.fold(sql, |sql, (n, value)| sql.replace(&format!("${}", n + 1), value))
    };
    vec![
        ("next", values(next, &["1::int4"])),
        ("left", values(left, &["1::int4", "150000::int4"])),
        ("pull of some", values(pull, &["1::int4", "-1::int4", "array[5,6]::int4[]", "false"])),
        ("pull of a page", values(pull, &["1::int4", "50000::int4", "NULL::int4[]", "true"])),
        ("beat", values(beat, &["7::int8", "1::int4"])),
    ]
}

/// A batch of so many pairs, most of them created, some planned at its end.
fn fill(url: &str, pairs: usize) {
    let sent = pairs - 5000;
    let sql = format!(
        "INSERT INTO callsheet.pair (batch, n, id, body, bare)
            SELECT 1, n, 'p-' || n, repeat('x', 300), convert_to(n::text, 'UTF8') FROM generate_series(1000, {pairs}) n;
        INSERT INTO callsheet.standing (batch, n, state, attempt, worker)
            SELECT 1, n, CASE WHEN n > {sent} THEN 0 WHEN n % 3 = 0 THEN 4 ELSE 2 END,
                (n <= {sent})::int, CASE WHEN n <= {sent} THEN 8 END
            FROM generate_series(1000, {pairs}) n;
        INSERT INTO callsheet.record (batch, n, attempt, record)
            SELECT 1, n, 1, '{{}}' FROM generate_series(1000, {sent}) n;
        INSERT INTO callsheet.task (batch, n, attempt, task)
            SELECT 1, n, 1, 't-' || n FROM generate_series(1000, {sent}) n"
    );
    for statement in sql.split(';') {
        block_on(ask(url, statement));
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn no_statement_that_is_given_again_and_again_reads_a_whole_table() {
    let Some(cluster) = Cluster::start("plans") else { return };
    let url = &cluster.url();
    let studio = Studio::open(&cluster, 1000, "", "latency: {fixed: 1ms}\n");
    let run = ended(studio.run(0, &["--until", "created", "--limit", "1"]).spawn().unwrap());
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    // The planner is to do well with what it knew when the tables were small, and with what they hold.
    block_on(ask(url, "ANALYZE"));
    fill(url, 200_000);
    for known in ["old statistics", "statistics of today"] {
        for (name, sql) in hot() {
            let plan = block_on(ask(url, &format!("EXPLAIN {sql}")));
            let plan: Vec<_> = plan.into_iter().filter_map(|mut row| row.swap_remove(0)).collect();
            let plan = plan.join("\n");
            assert!(!plan.is_empty(), "{name}");
            for table in ["pair", "standing", "record", "task"] {
                let whole = format!("Seq Scan on {table} ");
                assert!(!plan.contains(&whole), "{name}, {known}:\n{plan}");
            }
        }
        let (turned, read) = read_by_a_turn(url);
        assert_eq!(turned, "{150000,150001} {199001,199002}", "{known}");
        for (table, rows) in read {
            assert!(rows < 100, "{rows} rows of {table} are read, {known}");
        }
        block_on(ask(url, "ANALYZE"));
    }
}

/// The statement that tells and claims, of two pairs each: which, and how many rows of each table it reads.
fn read_by_a_turn(url: &str) -> (String, Vec<(String, u64)>) {
    let function = block_on(one(url, "SELECT proname FROM pg_proc WHERE proname LIKE 'turn_%'"));
    let sql = format!(
        "BEGIN;
        UPDATE callsheet.worker SET renewed = clock_timestamp(), over = false;
        SELECT settled::text || ' ' || claimed::text FROM callsheet.{function}(
            self => (SELECT worker FROM callsheet.worker), nth => (SELECT seq FROM callsheet.worker),
            which => 1, told_pairs => array[150000, 150001], told_attempts => array[1, 1],
            told_holders => array[8, 8]::int8[], told_states => array[4, 4]::int2[],
            told_tasks => array['t-150000', 't-150001'], told_give_back => array[false, false],
            told_records => array['{{}}', '{{}}'], wish_pairs => array[199001, 199002],
            wish_attempts => array[1, 1], wish_costs => array[9, 9]::int8[],
            knew => (SELECT epoch FROM callsheet.purse), heard => false, heard_doubts => 0,
            heard_alone => 0, most_in_flight => NULL, most_doubts => NULL, apart => NULL,
            halts_known => 0);
        SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
            WHERE schemaname = 'callsheet';
        ROLLBACK"
    );
    let rows = block_on(ask(url, &sql)).into_iter().map(|row| row.into_iter().flatten().collect());
    let (turned, read): (Vec<Vec<String>>, Vec<_>) = rows.partition(|row: &Vec<_>| row.len() == 1);
    let read = read.into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect();
    (turned.concat().concat(), read)
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_others_did_is_found_fast_while_the_planner_knows_nothing_of_the_tables() {
    let Some(cluster) = Cluster::start("glances") else { return };
    cluster.set("autovacuum = off\n");
    cluster.reload();
    let url = &cluster.url();
    drop(block_on(join(url, &Batch::of(1000))).unwrap());
    fill(url, 20_000);
    let again =
        "INSERT INTO callsheet.task (batch, n, attempt, task) VALUES (1, 2000, 1, 'one more')";
    block_on(ask(url, again));
    let (all, took) = block_on(async {
        let mut worker = join(url, &Batch::of(1000)).await.unwrap();
        let began = Instant::now();
        (worker.pull(Page::After(-1, 50_000, Detail::Glance)).await.unwrap(), began.elapsed())
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(all.len(), 20_001);
    let at = |n: usize| (&*all[n].id, all[n].state, all[n].late.is_empty());
    assert_eq!(at(999), ("pair-999", State::Planned, true));
    assert_eq!(at(1999), ("p-1999", State::Created, true));
    assert_eq!(at(2000), ("p-2000", State::Created, false), "two tasks");
    assert_eq!(at(2001), ("p-2001", State::Saved, true));
}

/// What a folder makes of the pairs of [`fill`], of which these are of the first listing.
fn as_filled(listed: i32, pairs: i32) -> Blocks {
    let mut blocks = Blocks::new();
    for n in 0..=pairs {
        let (is_listed, is_sent) = (n < listed, n >= listed && n <= pairs - 5000);
        let id = if is_listed { format!("pair-{n}") } else { format!("p-{n}") };
        let standing = Standing {
            n,
            id: &id,
            state: match is_sent {
                true if n % 3 == 0 => State::Saved,
                true => State::Created,
                false => State::Planned,
            },
            attempt: i32::from(is_sent),
            worker: is_sent.then_some(8),
            has_task: is_sent,
        };
        *blocks.entry(n / BLOCK).or_default() += standing.part();
    }
    blocks
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_both_sides_sum_up_is_the_same_until_anything_of_a_block_changes() {
    let Some(cluster) = Cluster::start("sums") else { return };
    let url = &cluster.url();
    drop(block_on(join(url, &Batch::of(1000))).unwrap());
    fill(url, 20_000);
    let sums =
        || block_on(async { join(url, &Batch::of(1000)).await.unwrap().sums().await.unwrap() });
    let known = as_filled(1000, 20_000);
    assert_eq!(known.len(), 5);
    assert_eq!(sums(), known);
    let update = |what: &str| format!("UPDATE callsheet.{what} WHERE batch = 1 AND n = 9000");
    for (change, back) in [
        (update("standing SET state = 5"), update("standing SET state = 4")),
        (update("standing SET attempt = 2"), update("standing SET attempt = 1")),
        (update("standing SET worker = 9"), update("standing SET worker = 8")),
        (update("standing SET worker = NULL"), update("standing SET worker = 8")),
        (update("pair SET id = 'another'"), update("pair SET id = 'p-9000'")),
        (
            "INSERT INTO callsheet.task VALUES (1, 'late', 9000, 1)".to_owned(),
            "DELETE FROM callsheet.task WHERE task = 'late'".to_owned(),
        ),
        (update("task SET attempt = 2"), update("task SET attempt = 1")),
    ] {
        block_on(ask(url, &change));
        let changed = sums();
        let blocks = known.keys().filter(|block| known.get(block) != changed.get(block));
        assert_eq!(blocks.collect::<Vec<_>>(), [&(9000 / BLOCK)], "{change}");
        block_on(ask(url, &back));
        assert_eq!(sums(), known, "{back}");
    }
    // What two of a block exchange is seen, too.
    let crossed = "UPDATE callsheet.standing SET state = 9 - state WHERE n IN (9000, 9003)";
    block_on(ask(url, "UPDATE callsheet.standing SET state = 5 WHERE n = 9003"));
    let before = sums();
    block_on(ask(url, crossed));
    assert_ne!(sums(), before);
}

/// For a release build, of which the half a second is said; half a million in any build must not be far off.
#[test]
#[ignore = "needs PostgreSQL"]
fn a_status_of_very_many_pairs_takes_no_time() {
    let Some(cluster) = Cluster::start("many counted") else { return };
    let url = &cluster.url();
    let studio = Studio::open(&cluster, 1000, "", "latency: {fixed: 1ms}\n");
    let run = ended(studio.run(0, &["--until", "created", "--limit", "1"]).spawn().unwrap());
    assert_eq!(run.status.code(), Some(4), "{}", said(&run));
    let pairs = std::env::var("CALLSHEET_PAIRS").map_or(300_000, |pairs| pairs.parse().unwrap());
    fill(url, pairs);
    block_on(ask(url, "VACUUM ANALYZE"));
    let took = |_| {
        let began = Instant::now();
        let told = status(&studio, url, &["--json"]);
        assert_eq!(told.status.code(), Some(4), "{}", said(&told));
        began.elapsed()
    };
    let best = (0..3).map(took).min().unwrap();
    eprintln!("status of {pairs} pairs: {} ms", best.as_millis());
    assert!(best < Duration::from_secs(4), "{best:?}");
}

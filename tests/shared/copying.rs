//! Batches that go from a run folder to a database and back: the same afterwards, and never in both.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::block_on;
use super::cluster::{Cluster, one};
use super::runs::{PROGRAM, Studio, ended, said};

/// A command on the batch of a studio, in a folder.
fn command(studio: &Studio, verb: &[&str], folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(verb)
        .arg(studio.folder.path().join("spring.yaml"))
        .args(["--endpoint", &studio.url, "--out"])
        .arg(folder)
        .args(more)
        .env_remove("CALLSHEET_LEDGER")
        .env("CALLSHEET_API_KEY", "k")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn copy_to(studio: &Studio, folder: &Path, url: &str) -> Child {
    command(studio, &["ledger", "copy"], folder, &["--to", url]).spawn().unwrap()
}

fn copy_from(studio: &Studio, folder: &Path, url: &str, more: &[&str]) -> Child {
    let to = folder.to_str().unwrap();
    let more = [&["--to", to, "--ledger", url], more].concat();
    command(studio, &["ledger", "copy"], folder, &more).spawn().unwrap()
}

fn alone(studio: &Studio, folder: &Path, more: &[&str]) -> Output {
    let given = ["--yes", "--keep-going", "--until", "created"];
    ended(command(studio, &["run"], folder, &[&given, more].concat()).spawn().unwrap())
}

fn csv(studio: &Studio, folder: &Path) -> String {
    let report = ended(command(studio, &["report"], folder, &[]).spawn().unwrap());
    assert_eq!(report.status.code(), Some(0), "{}", said(&report));
    fs::read_to_string(folder.join("tasks.csv")).unwrap()
}

fn is_done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
}

fn is_refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    assert!(said(output).contains(why), "{why}: {}", said(output));
}

/// What may become of a pair, by chance.
struct Fate {
    pair: i64,
    state: &'static str,
    attempt: i64,
    since: i64,
    word: &'static str,
    seconds: Option<i64>,
    price: Option<i64>,
    credits: Option<&'static str>,
    evidence: Option<Vec<u8>>,
    link: bool,
}

const STATES: [&str; 8] =
    ["planned", "created", "completed", "saved", "failed", "rejected", "in_doubt", "abandoned"];
const WORDS: [&str; 6] =
    ["", "=1+1", "a \"quoted\", word", "zwei\nZeilen", "\u{202e}süß \u{1F600}", "\u{1}\t"];

impl Fate {
    fn of(pair: i64, random: &mut fastrand::Rng) -> Self {
        let mut maybe = |odds: u8| random.u8(..) < odds;
        let (seconds, price) = (maybe(200).then_some(9), maybe(128).then_some(160_000));
        let (credits, link) = (maybe(99).then_some("1.50"), maybe(180));
        let evidence = maybe(128).then_some(vec![0_u8, 255, 34]);
        let (state, word) = (random.choice(STATES).unwrap(), random.choice(WORDS).unwrap());
        let (attempt, since) = (random.i64(1..4), random.i64(1_600_000_000_000..1_700_000_000_000));
        Self { pair, state, attempt, since, word, seconds, price, credits, evidence, link }
    }

    fn stand(&self, ledger: &rusqlite::Connection) {
        let taskless = ["planned", "rejected", "in_doubt", "abandoned"].contains(&self.state);
        let task = (!taskless).then(|| format!("task-{}", self.pair));
        let sql = "UPDATE standings SET state = ?2, attempt = ?3, since = ?4, task_id = ?5,
                created_at = iif(?5 IS NULL, NULL, 1700000000123), seconds = ?6, price = ?7,
                usage = iif(?8 IS NULL, NULL, '{\"credits\":1.50}'), credits = ?8,
                credits_millionths = iif(?8 IS NULL, NULL, 1500000),
                video_url = iif(?9 AND ?5 IS NOT NULL, 'https://v.example/' || ?1 || '?sig=x', NULL),
                linked_at = iif(?9 AND ?5 IS NOT NULL, 1700000000456, NULL),
                video_path = iif(?2 = 'saved', 'videos/' || ?1 || '.mp4', NULL),
                video_bytes = iif(?2 = 'saved', 77, NULL), error_code = ?10, error = ?10
            WHERE pair = ?1";
        let Self { pair, state, attempt, since, word, seconds, price, credits, link, .. } = self;
        let values = rusqlite::params![
            pair, state, attempt, since, task, seconds, price, credits, link, word
        ];
        ledger.execute(sql, values).unwrap();
    }

    fn attempts(&self, ledger: &rusqlite::Connection, random: &mut fastrand::Rng) {
        let Self { pair, state, attempt, word, seconds, price, credits, evidence, .. } = self;
        for n in 1..=*attempt {
            let event = match (n == *attempt, *state) {
                (true, "in_doubt") => "lost",
                (true, "rejected") => "refused",
                (true, "planned") | (false, _) => "not_made",
                (true, _) => "accepted",
            };
            let sql =
                "INSERT INTO attempts (pair, attempt, intended, settled, event, seconds, price,
                    status, code, message, evidence, proposed)
                VALUES (?1, ?2, 1600000000001, 1600000000009, ?3, ?4, ?5, 500, ?6, ?6, ?7, NULL)";
            let values = rusqlite::params![pair, n, event, seconds, price, word, evidence];
            ledger.execute(sql, values).unwrap();
            if n < *attempt && random.u8(..) < 80 {
                let former = format!("task-{pair}-before-{n}");
                let sql = "INSERT INTO former_tasks (task_id, pair, attempt, credits)
                    VALUES (?1, ?2, ?3, ?4)";
                ledger.execute(sql, rusqlite::params![former, pair, n, credits]).unwrap();
            }
        }
    }
}

/// Makes of the planned pairs of a ledger what may become of pairs, by a seed.
fn scatter(folder: &Path, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let ledger = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();
    ledger.execute_batch("BEGIN").unwrap();
    let pairs: Vec<i64> = ledger
        .prepare("SELECT pair FROM standings WHERE state = 'planned'")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for pair in pairs {
        let fate = Fate::of(pair, &mut random);
        fate.stand(&ledger);
        fate.attempts(&ledger, &mut random);
        if random.u8(..) < 60 {
            ledger.execute("UPDATE pairs SET audio_millis = 8200 WHERE pair = ?1", [pair]).unwrap();
        }
        if random.u8(..) < 30 {
            ledger
                .execute("UPDATE pairs SET listing = listing - 1 WHERE pair = ?1", [pair])
                .unwrap();
        }
    }
    let sql = "UPDATE batch SET all_listed = 0, listed = NULL, sheet = NULL; COMMIT";
    ledger.execute_batch(sql).unwrap();
}

/// All that a ledger knows of its pairs, whatever their rows are called.
fn known(folder: &Path) -> Vec<String> {
    let ledger = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();
    let sql = "SELECT json_array(p.id, p.body, p.take, hex(p.fingerprint), p.image_url, p.audio_url,
            p.audio_millis, s.state, s.attempt, iif(s.attempt > 0, s.since, 0), s.task_id, s.created_at,
            s.estimate, s.sent, s.seconds, s.price, s.video_url, s.linked_at, s.video_path,
            s.video_bytes, s.video_sha256, s.video_millis, s.error_code, s.error, s.usage, s.credits,
            s.credits_millionths,
            (SELECT json_group_array(json_array(attempt, intended, settled, event, seconds, price,
                status, code, message, hex(evidence), proposed, verdict, judged))
                FROM attempts a WHERE a.pair = p.pair),
            (SELECT json_group_array(json_array(task_id, attempt, usage, credits, credits_millionths))
                FROM former_tasks f WHERE f.pair = p.pair))
        FROM pairs p JOIN standings s USING (pair) ORDER BY p.id";
    let mut statement = ledger.prepare(sql).unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn are_the_same(found: &[String], expected: &[String]) {
    let other = found.iter().zip(expected).find(|(found, expected)| found != expected);
    assert_eq!((other, found.len()), (None, expected.len()));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_batch_that_went_there_and_back_is_the_same() {
    let Some(cluster) = Cluster::start("there and back") else { return };
    for round in 0..6_u64 {
        let seed = fastrand::u64(..);
        eprintln!("round {round}, seed {seed}");
        let studio = Studio::open(&cluster, 150, "", "latency: {fixed: 10ms}\n");
        let [first, second] = [0, 1].map(|n| studio.run_folder(n));
        let limited = alone(&studio, &first, &["--limit", "3"]);
        assert_eq!(limited.status.code(), Some(4), "{}", said(&limited));
        scatter(&first, seed);
        let (before, rows) = (csv(&studio, &first), known(&first));
        let url = &cluster.url();
        let name = ["--batch-name", &format!("round-{round}")];
        let there = ["--to", url, name[0], name[1]];
        let there = command(&studio, &["ledger", "copy"], &first, &there);
        is_done(&ended({ there }.spawn().unwrap()));
        assert_eq!(csv(&studio, &first), before, "what is left here is as it was");
        is_done(&ended(copy_from(&studio, &second, url, &name)));
        assert_eq!(csv(&studio, &second), before);
        are_the_same(&known(&second), &rows);
        // The second time, and into the folder in which it is already.
        let again =
            command(&studio, &["ledger", "copy"], &second, &["--to", url, name[0], name[1]]);
        is_done(&ended({ again }.spawn().unwrap()));
        is_done(&ended(copy_from(&studio, &second, url, &name)));
        assert_eq!(csv(&studio, &second), before);
        are_the_same(&known(&second), &rows);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn of_the_two_sides_only_the_one_that_has_the_batch_pays() {
    let Some(cluster) = Cluster::start("sides") else { return };
    let studio = Studio::open(&cluster, 12, "", "latency: {fixed: 10ms}\n");
    let (url, [home, away]) = (&cluster.url(), [0, 1].map(|n| studio.run_folder(n)));
    let created = ["--until", "created"];
    assert_eq!(alone(&studio, &home, &["--limit", "4"]).status.code(), Some(4));
    let copied = ended(copy_to(&studio, &home, url));
    is_done(&copied);
    assert!(said(&copied).contains("12 pairs copied and compared"), "{}", said(&copied));
    // The folder that it came from goes on only together with the others, and says where.
    is_refused(&alone(&studio, &home, &[]), "--ledger");
    let status = ended(command(&studio, &["status"], &home, &[]).spawn().unwrap());
    assert!(said(&status).contains("batch spring"), "{}", said(&status));
    is_done(&ended(copy_to(&studio, &home, url)));
    let joined = ended(studio.run(0, &[&created[..], &["--limit", "4"]].concat()).spawn().unwrap());
    assert_eq!(joined.status.code(), Some(4), "{}", said(&joined));
    assert_eq!(studio.booked().values().sum::<usize>(), 8);
    // Home again, into a folder of its own: nobody goes on there, and the old folder is nobody's.
    is_done(&ended(copy_from(&studio, &away, url, &[])));
    let late = ended(studio.run(0, &created).spawn().unwrap());
    is_refused(&late, "it went to");
    is_refused(&alone(&studio, &home, &[]), "--ledger");
    let elsewhere = ended(copy_from(&studio, &home, url, &[]));
    is_refused(&elsewhere, "it went to");
    is_done(&alone(&studio, &away, &["--pay-again"]));
    assert_eq!(studio.booked().values().max(), Some(&1));
    assert_eq!(studio.booked().len(), 12);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_batch_that_is_worked_on_stays_and_so_does_one_whose_worker_may_know_more() {
    let Some(cluster) = Cluster::start("busy") else { return };
    let studio = Studio::open(&cluster, 60, "", "latency: {fixed: 400ms}\n");
    let (url, away) = (&cluster.url(), studio.run_folder(7));
    let mut busy = studio.run(0, &["--until", "created", "--concurrency", "2"]).spawn().unwrap();
    let began = Instant::now();
    while studio.booked().len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = ended(copy_from(&studio, &away, url, &[]));
    assert_eq!(refused.status.code(), Some(11), "{}", said(&refused));
    busy.kill().unwrap();
    busy.wait().unwrap();
    std::thread::sleep(Duration::from_millis(6500));
    is_refused(&ended(copy_from(&studio, &away, url, &[])), "--sure");
    is_done(&ended(copy_from(&studio, &away, url, &["--sure"])));
    let doubts = csv(&studio, &away).matches(",in_doubt,").count();
    let booked = studio.booked().len();
    assert!((1..=8).contains(&doubts), "{doubts} doubts");
    let rest = alone(&studio, &away, &["--pay-again", "--max-doubts", "40"]);
    assert_eq!(rest.status.code(), Some(5), "{}", said(&rest));
    assert_eq!(studio.booked().values().max(), Some(&1));
    assert!(studio.booked().len() >= 60 - doubts && booked >= 4);
}

/// Where a batch can be paid from: its folder, the database.
fn can_pay(folder: &Path, url: &str) -> (bool, bool) {
    let open = "SELECT count(*) FROM callsheet.batch WHERE name = 'spring' AND stopped IS NULL";
    let there = "SELECT count(*) FROM pg_class WHERE relname = 'batch'";
    let there = block_on(one(url, there)) == "1" && block_on(one(url, open)) == "1";
    let path = folder.join("ledger.sqlite");
    if !path.exists() {
        return (false, there);
    }
    let ledger = rusqlite::Connection::open(path).unwrap();
    ledger.busy_timeout(Duration::from_secs(5)).unwrap();
    let yes = |sql: &str| ledger.query_row(sql, (), |row| row.get(0)).unwrap_or(false);
    let is_blank = yes("SELECT NOT EXISTS (SELECT 1 FROM pairs)");
    let is_part = yes("SELECT EXISTS (SELECT 1 FROM shared WHERE mark IS NOT NULL)");
    let is_arriving = yes("SELECT EXISTS (SELECT 1 FROM copies WHERE phase = 'arriving')");
    (!is_blank && !is_part && !is_arriving, there)
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_copy_that_is_killed_anywhere_leaves_one_side_at_most_and_goes_on() {
    let Some(cluster) = Cluster::start("killed copies") else { return };
    let studio = Studio::open(&cluster, 2500, "", "latency: {fixed: 1ms}\n");
    let (url, home) = (&cluster.url(), studio.run_folder(0));
    assert_eq!(alone(&studio, &home, &["--limit", "3"]).status.code(), Some(4));
    scatter(&home, 7);
    let before = csv(&studio, &home);
    let (mut kills, mut seen) = (0, [0; 3]);
    for way in ["there", "back", "there", "back"] {
        let start = || match way {
            "there" => copy_to(&studio, &home, url),
            _ => copy_from(&studio, &home, url, &[]),
        };
        let began = Instant::now();
        let mut whole = start();
        for n in 0.. {
            // Ever later, so that it ends however busy the machine is.
            std::thread::sleep(
                Duration::from_millis(30).mul_f64(1.3_f64.powi(n) * (0.8 + fastrand::f64())),
            );
            let is_over = whole.try_wait().unwrap().is_some();
            let _ = whole.kill();
            let output = whole.wait_with_output().unwrap();
            if is_over {
                is_done(&output);
                break;
            }
            kills += 1;
            let sides = can_pay(&home, url);
            assert_ne!(sides, (true, true), "{way}, kill {kills}");
            seen[usize::from(sides.0) * 2 + usize::from(sides.1)] += 1;
            assert!(began.elapsed() < Duration::from_secs(200), "{way}: {kills} kills");
            whole = start();
        }
        assert_eq!(can_pay(&home, url), (way == "back", way == "there"), "{way}");
        assert_eq!(csv(&studio, &home), before, "{way}");
    }
    eprintln!("{kills} kills: {seen:?} (nobody, the database, the folder)");
    assert!(kills > 12, "{kills}");
}

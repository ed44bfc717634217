//! The proof of the shared ledger: whole runs against a server that loses answers, over a wire that breaks,
//! to a database that is halted; killed, and stopped for longer than their lease. One book says what was
//! paid.
//!
//! `CALLSHEET_PROOF_PAIRS=20000` is the whole of it; `CALLSHEET_PROOF_SEED` repeats what a run printed, as far as
//! processes can be repeated. `CALLSHEET_PROOF_PROGRAM` is another build of the program.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::block_on;
use super::cluster::{Cluster, ask, one};
use super::cutting::Wire;
use super::runs::{Studio, recording};

const WORKERS: usize = 8;
/// As the runs are started.
const LEASE: Duration = Duration::from_secs(6);
/// What a pair costs and the budget, in millionths: three seconds begun.
const COST: u64 = 300_000;
/// A fifth of the answers are lost.
const DAY: &str = "latency: {uniform: [50ms, 300ms]}
faults:
  - {fault: reset-after-accept, share: 0.05}
  - {fault: close-after-accept, share: 0.05}
  - {fault: truncated-after-accept, share: 0.05}
  - {fault: status-502-after-accept, share: 0.05}
  - {fault: status-503, share: 0.02}
";

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Size {
    pairs: usize,
    kills: usize,
    halts: usize,
    sleeps: usize,
}

impl Size {
    fn given() -> Self {
        let pairs = number("CALLSHEET_PROOF_PAIRS").map_or(1200, |pairs| pairs as usize);
        let kills = (pairs / 100).max(30);
        Self { pairs, kills, halts: (kills / 20).max(3), sleeps: (kills / 20).max(3) }
    }

    /// For nine tenths of the pairs.
    fn budget(self) -> u64 {
        self.pairs as u64 * 9 / 10 * COST
    }

    fn patience(self) -> Duration {
        Duration::from_secs(180 + self.pairs as u64 / 10)
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

/// How many creates are in the book, as it grows.
struct Booked {
    book: File,
    lines: usize,
}

impl Booked {
    fn count(&mut self) -> usize {
        let mut more = Vec::new();
        self.book.read_to_end(&mut more).unwrap();
        self.lines += more.iter().filter(|byte| **byte == b'\n').count();
        self.lines
    }
}

/// The workers, each with the folder that it works in.
struct Crew<'a> {
    studio: &'a Studio,
    url: String,
    at_work: Vec<(usize, Child)>,
    /// How many folders there are.
    folders: usize,
    /// Which ones sleep, and until when.
    asleep: Vec<(u32, Instant)>,
    /// How they ended by themselves, and how often.
    ends: BTreeMap<Option<i32>, usize>,
}

impl<'a> Crew<'a> {
    fn hire(studio: &'a Studio, url: String) -> Self {
        let mut crew = Self {
            studio,
            url,
            at_work: Vec::new(),
            folders: WORKERS,
            asleep: Vec::new(),
            ends: BTreeMap::new(),
        };
        (0..WORKERS).for_each(|folder| crew.start(folder));
        crew
    }

    fn start(&mut self, folder: usize) {
        let err = self.studio.path(&format!("machine-{folder}/err"));
        fs::create_dir_all(err.parent().unwrap()).unwrap();
        let err = File::options().create(true).append(true).open(err).unwrap();
        let mut command = self.studio.run(folder, &["--until", "created", "--no-report"]);
        command.args(["--max-doubts", "1000000", "--progress", "none", "--retry-for", "20s"]);
        command.env("CALLSHEET_LEDGER", &self.url).stdout(Stdio::null()).stderr(err);
        self.at_work.push((folder, command.spawn().unwrap()));
    }

    /// Takes away those that have ended; gives their folders and how they did.
    fn ended(&mut self) -> Vec<(usize, Option<i32>)> {
        let mut ended = Vec::new();
        self.at_work.retain_mut(|(folder, child)| match child.try_wait().unwrap() {
            None => true,
            Some(status) => {
                ended.push((*folder, status.code()));
                false
            }
        });
        for (folder, code) in &ended {
            let expected = matches!(code, Some(0 | 1 | 4 | 5 | 8));
            assert!(expected, "worker {folder} ended with {code:?}: {}", self.said(*folder));
            *self.ends.entry(*code).or_default() += 1;
        }
        ended
    }

    /// What the runs in this folder said to people.
    fn said(&self, folder: usize) -> String {
        fs::read_to_string(self.studio.path(&format!("machine-{folder}/err"))).unwrap()
    }

    /// Starts those again that ended before everything was done; says whether all was.
    fn go_on(&mut self) -> bool {
        let ended = self.ended();
        let done = |code: &Option<i32>| matches!(code, Some(8));
        for (folder, _) in ended.iter().filter(|(_, code)| !done(code)) {
            self.start(*folder);
        }
        ended.iter().any(|(_, code)| done(code))
    }

    /// As the kernel would. Its folder goes on, or, now and then, is gone with its machine for a while.
    fn kill(&mut self, rng: &mut Rng) {
        let Some(at) = self.somebody_awake(rng) else { return };
        let (mut folder, mut child) = self.at_work.swap_remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
        if rng.u8(..10) == 0 {
            (folder, self.folders) = (self.folders, self.folders + 1);
        }
        self.start(folder);
    }

    /// One sleeps for longer than its lease, with whatever it has under way.
    fn put_to_sleep(&mut self, rng: &mut Rng) {
        let Some(at) = self.somebody_awake(rng) else { return };
        let id = self.at_work[at].1.id();
        signal("STOP", id);
        let long = LEASE + Duration::from_millis(rng.u64(500..2000));
        self.asleep.push((id, Instant::now() + long));
    }

    fn wake(&mut self) {
        let now = Instant::now();
        self.asleep
            .extract_if(.., |(_, until)| *until < now)
            .for_each(|(id, _)| signal("CONT", id));
    }

    fn somebody_awake(&self, rng: &mut Rng) -> Option<usize> {
        let is_awake = |child: &Child| self.asleep.iter().all(|(id, _)| *id != child.id());
        let awake = (0..self.at_work.len()).filter(|at| is_awake(&self.at_work[*at].1));
        rng.choice(awake.collect::<Vec<_>>())
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        for (_, child) in &mut self.at_work {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(name: &str, id: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
#[ignore = "needs PostgreSQL"]
fn whatever_breaks_nothing_is_paid_twice_and_nothing_lost() {
    let Some(cluster) = Cluster::start("proof") else { return };
    let (size, seed) =
        (Size::given(), number("CALLSHEET_PROOF_SEED").unwrap_or_else(|| fastrand::u64(..)));
    eprintln!("CALLSHEET_PROOF_SEED={seed}: {size:?}");
    let (began, mut rng) = (Instant::now(), Rng::with_seed(seed));
    let mut studio = Studio::open(&cluster, 0, "", DAY);
    studio.place = |worker| format!("machine-{worker}/spring.run");
    list(&studio, size);
    let wire = Wire::lay(&cluster.socket(), rng.u64(..));
    let mut crew = Crew::hire(&studio, wire.url());
    storm(&mut crew, &cluster, size, &mut rng);
    eprintln!("{} cuts, {:.0?}", wire.cuts(), began.elapsed());
    wire.mend();
    while !crew.go_on() {
        assert!(began.elapsed() < size.patience(), "{:?}", crew.ends);
        sleep(Duration::from_millis(100));
        crew.wake();
    }
    finish(&mut crew, size, began);
    eprintln!("{} folders, exit codes {:?}, {:.0?}", crew.folders, crew.ends, began.elapsed());
    compare(&studio, &cluster, crew.folders, size);
    let deadlocks = cluster.log().matches("deadlock detected").count();
    eprintln!("{deadlocks} deadlocks in the server's log");
    for folder in 0..crew.folders {
        let said = crew.said(folder);
        assert!(!said.contains("deadlock") && !said.contains("panicked"), "{said}");
    }
    assert!(wire.cuts() > size.kills / 4);
}

/// Workers are killed and put to sleep and the server is halted, all through the work.
fn storm(crew: &mut Crew<'_>, cluster: &Cluster, size: Size, rng: &mut Rng) {
    let mut booked = Booked { book: File::open(crew.studio.path("book")).unwrap(), lines: 0 };
    let (mut kills, mut halts, mut sleeps) = (0, 0, 0);
    let (began, mut last) = (Instant::now(), Instant::now());
    while kills < size.kills {
        assert!(began.elapsed() < size.patience(), "{kills} kills, {:?}", crew.ends);
        sleep(Duration::from_millis(rng.u64(20..400)));
        crew.wake();
        crew.go_on();
        assert!(!crew.at_work.is_empty(), "all was done after {kills} kills: more pairs");
        // The next one where the work has come so far, or does not go on.
        let due = kills * size.pairs * 8 / 10 / size.kills;
        if booked.count() < due && last.elapsed() < Duration::from_secs(4) {
            continue;
        }
        last = Instant::now();
        crew.kill(rng);
        kills += 1;
        if kills * size.halts / size.kills > halts {
            cluster.halt();
            sleep(Duration::from_millis(rng.u64(..1500)));
            cluster.go_on();
            halts += 1;
        }
        if kills * size.sleeps / size.kills > sleeps {
            crew.put_to_sleep(rng);
            sleeps += 1;
        }
    }
    eprintln!("{kills} kills, {halts} halts, {sleeps} asleep, {} booked meanwhile", booked.count());
}

/// Recordings of two and a half seconds: pairs that share one would wait for each other after doubts.
fn list(studio: &Studio, size: Size) {
    let audio = recording();
    let pair = |n| {
        format!(
            "  - {{id: pair-{n}, image: 'https://a.example/{n}.jpg', audio: '{audio}/{n}.wav'}}\n"
        )
    };
    let pairs: String = (0..size.pairs).map(pair).collect();
    let budget = size.budget() / 100_000;
    let head = format!(
        "version: 1\nconcurrency: 8\nprice_per_second: 0.1\nbudget: {}.{}\n",
        budget / 10,
        budget % 10
    );
    fs::write(studio.path("spring.yaml"), format!("{head}pairs:\n{pairs}")).unwrap();
}

/// All end, all leases are over, and every folder tells what it knows.
fn finish(crew: &mut Crew<'_>, size: Size, began: Instant) {
    let wait = |crew: &mut Crew<'_>| {
        while !crew.at_work.is_empty() {
            assert!(began.elapsed() < size.patience(), "they do not end: {:?}", crew.ends);
            crew.wake();
            crew.ended();
            sleep(Duration::from_millis(50));
        }
    };
    wait(crew);
    sleep(LEASE + Duration::from_millis(500));
    (0..crew.folders).for_each(|folder| crew.start(folder));
    wait(crew);
    crew.start(0);
    wait(crew);
}

/// The book, the folders and the ledger say the same.
fn compare(studio: &Studio, cluster: &Cluster, folders: usize, size: Size) {
    let booked = studio.booked();
    let twice: Vec<_> = booked.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "paid twice: {twice:?}");
    let (rows, told) = (studio.rows(0), (0..folders).flat_map(|folder| studio.told(folder)));
    assert_eq!(rows.len(), size.pairs);
    let known: HashSet<_> = rows.values().map(|(_, task)| task.clone()).collect();
    let told: BTreeSet<_> = told.collect();
    let lost: Vec<_> = told.iter().filter(|task| !known.contains(*task)).collect();
    assert!(lost.is_empty(), "told of, and not in the ledger: {lost:?}");
    let mut counts = BTreeMap::new();
    for (id, (state, _)) in &rows {
        match (state.as_str(), booked.contains_key(id)) {
            ("created" | "completed", true) | ("planned", false) | ("in_doubt", _) => {}
            other => panic!("{id} is {other:?}"),
        }
        *counts.entry(state.as_str()).or_insert(0_u64) += 1;
    }
    eprintln!("{} booked, {} told; {counts:?}", booked.len(), told.len());
    let count = |state: &str| counts.get(state).copied().unwrap_or_default();
    let spent = (count("created") + count("completed") + count("in_doubt")) * COST;
    let reserved = block_on(one(&cluster.url(), "SELECT reserved FROM callsheet.purse"));
    assert_eq!(reserved, spent.to_string());
    assert_eq!(spent, size.budget(), "it is used up, and not passed");
    let sql =
        "SELECT task, count(DISTINCT n) FROM callsheet.task GROUP BY task HAVING count(*) > 1";
    assert_eq!(block_on(ask(&cluster.url(), sql)), [] as [Vec<Option<String>>; 0]);
}

//! The tables of PostgreSQL and the tables as values: one random history on both, with the same answers.

use std::time::Duration;

use callsheet::ledger::postgres::tables::{Asks, Entry, Me, Place, Quiet, Tables};
use callsheet::ledger::postgres::{Detail, Outcome, Page, SharedError, Slip, Wish};
use callsheet::pace::{Heard, Terms, Word};
use callsheet::pair::TaskId;
use callsheet::state::State;
use fastrand::Rng;

use super::cluster::{Cluster, one};
use super::model::Model;
use super::{Batch, TERMS, block_on, join, settings};

const PAIRS: i32 = 24;
const STEPS: usize = 2000;
const HOUR: Duration = Duration::from_secs(3600);

/// Random steps on both, from a seed that is printed when they differ.
struct Both<T: Tables> {
    tables: T,
    model: Model,
    rng: Rng,
    crew: Vec<Me>,
    tasks: usize,
    steps: Vec<String>,
    /// How many pairs were claimed and settled, and how many statements refused.
    seen: [usize; 3],
}

impl<T: Tables> Both<T> {
    /// What both say must be alike.
    fn same(&mut self, step: String, real: impl std::fmt::Debug, model: impl std::fmt::Debug) {
        self.steps.push(step);
        let (real, model) = (format!("{real:?}"), format!("{model:?}"));
        let last = self.steps.iter().rev().take(12).rev().cloned().collect::<Vec<_>>().join("\n");
        assert_eq!(real, model, "PostgreSQL and the model differ after\n{last}");
    }

    async fn enter(&mut self) {
        let me = Me { worker: self.rng.i64(1..), batch: self.model.batch };
        let entry = Entry { me, who: "a test", lease: HOUR, digest: None, concurrency: 2 };
        let real = self.tables.enter(entry).await.unwrap().unwrap();
        self.model.epoch = real.epoch;
        let model = self.model.enter(&entry);
        self.same(format!("enter {me:?}"), real.stopped, model.stopped);
        self.crew.push(me);
    }

    fn outcome(&mut self, n: i32) -> Outcome {
        let pair = self.model.pairs.get(n).unwrap();
        let (attempt, holder) = (pair.attempt, pair.worker.unwrap_or_default());
        let states = State::ALL.into_iter().filter(|state| *state != State::Sending);
        let state = match self.rng.u8(..2) {
            // So that there is something to claim.
            0 => State::Planned,
            _ => self.rng.choice(states.collect::<Vec<_>>()).unwrap(),
        };
        let task = match self.rng.u8(..8) {
            0..3 => {
                self.tasks += 1;
                Some(self.tasks)
            }
            3 => Some(self.rng.usize(..=self.tasks)),
            _ => None,
        };
        let task = task.map(|task| TaskId::parse(&format!("t{task:06}")).unwrap());
        Outcome {
            slip: Slip {
                n,
                attempt: if self.rng.u8(..8) == 0 { self.rng.i32(0..4) } else { attempt },
                holder: if self.rng.u8(..8) == 0 { self.rng.i64(1..) } else { holder },
            },
            state,
            task,
            gives_back: self.rng.bool(),
            record: format!("{{\"step\": {}}}", self.steps.len()),
        }
    }

    fn heard(&mut self) -> Heard {
        let mut heard = Heard::default();
        let words = [Word::Answer, Word::Doubt, Word::AloneAnswer, Word::AloneDoubt];
        // So that the gate is open most of the time.
        if self.rng.u8(..3) == 0 {
            heard.then(Word::AloneAnswer);
        }
        for _ in 0..self.rng.usize(0..3) {
            heard.then(self.rng.choice(words).unwrap());
        }
        heard
    }

    fn terms(&mut self) -> Terms {
        let mut most = |least| Some(self.rng.u32(least..30)).filter(|_| self.rng.u8(..4) == 0);
        Terms { in_flight: most(1), max_doubts: most(5), ..TERMS }
    }

    async fn turn(&mut self, me: Me) {
        let mut numbers: Vec<i32> = (0..PAIRS).collect();
        self.rng.shuffle(&mut numbers);
        let (told, wished) = (self.rng.usize(0..5), self.rng.usize(0..5));
        let outcomes: Vec<_> = numbers.drain(..told).map(|n| self.outcome(n)).collect();
        let wishes: Vec<_> = numbers
            .drain(..wished)
            .map(|n| Wish {
                n,
                attempt: self.model.pairs.get(n).unwrap().attempt + self.rng.i32(0..3),
                cost: self.rng.i64(0..9),
            })
            .collect();
        let own = self.model.workers[&me.worker].seq;
        let seq = if self.rng.u8(..10) == 0 { own - 1 } else { own };
        let epoch = self.model.epoch ^ i64::from(self.rng.u8(..7) == 0);
        let (heard, terms) = (self.heard(), self.terms());
        let halts = self.model.purse.halts() - i32::from(self.rng.u8(..20) == 0);
        let (outcomes, wishes) = (&outcomes[..], &wishes[..]);
        let asks = Asks { seq, epoch, outcomes, wishes, heard, terms, halts };
        let step = format!("turn {me:?} {asks:?}");
        let real = judged(self.tables.turn(me, asks).await);
        let model = judged(self.model.turn(me, asks));
        match &model {
            Ok(done) => {
                let done = done.iter();
                let sums = done.map(|done| [done.claimed.len(), done.settled.len(), 0]);
                sums.for_each(|sums| (0..3).for_each(|at| self.seen[at] += sums[at]));
            }
            Err(_) => self.seen[2] += 1,
        }
        self.same(step, real, model);
    }

    async fn step(&mut self, url: &str) {
        // Mostly one of the last, who are alive.
        let last = self.crew.len().saturating_sub(if self.rng.u8(..5) == 0 { 100 } else { 3 });
        let me = self.rng.choice(&self.crew[last..]).copied().unwrap();
        let sent = self.model.workers[&me.worker].seq + self.rng.i64(-2..2);
        let most = self.rng.usize(1..5);
        match self.rng.u8(..40) {
            0 => {
                let (real, model) =
                    (self.tables.recover(me, sent, 1000).await, self.model.recover(me, sent, 1000));
                self.same(format!("recover {me:?} {sent}"), real.unwrap(), model);
            }
            1 => {
                self.tables.give_back(me, sent).await.unwrap();
                self.model.give_back(me, sent);
            }
            2..4 => {
                let (real, model) = (self.tables.beat(me).await, self.model.beat(me));
                self.same(format!("beat {me:?}"), real.unwrap(), model);
            }
            4..6 => {
                let (real, model) = (self.tables.next(me.batch, most).await, self.model.next(most));
                self.same(format!("next {most}"), real.unwrap(), model);
            }
            6 => {
                let from = self.rng.i32(0..PAIRS);
                let (real, model) =
                    (self.tables.left(me.batch, from, most).await, self.model.left(from, most));
                self.same(format!("left {from} {most}"), real.unwrap(), model);
            }
            7..9 => {
                let (real, model) = (self.tables.expire(me.batch).await, self.model.expire());
                self.same("expire".to_owned(), real.unwrap(), model);
            }
            9..11 => {
                let dice = self.rng.f64();
                let real = self.tables.adopt(me, most, dice).await;
                let model = self.model.adopt(me, most, dice);
                let mut real = real.unwrap();
                real.sort_unstable();
                self.same(format!("adopt {me:?} {most}"), real, model);
            }
            11 => {
                let n = self.rng.i32(0..PAIRS);
                let outcomes = [self.outcome(n)];
                self.tables.keep_tasks(me.batch, &outcomes).await.unwrap();
                self.model.keep_tasks(&outcomes);
            }
            12 => {
                let who = if self.rng.bool() { me.worker } else { 1 };
                let real = self.tables.sign_off_for(who).await.unwrap();
                let model = self.model.sign_off_for(who);
                self.same(format!("sign off {who}"), real, model);
                self.enter().await;
            }
            13 => {
                let seq = sent + 1;
                let real = self.tables.leave(me, seq).await.unwrap();
                let model = self.model.leave(me, seq);
                self.same(format!("leave {me:?} {seq}"), real, model);
                self.enter().await;
            }
            14 => {
                let sql = format!(
                    "UPDATE callsheet.worker SET renewed = renewed - interval '2 hours'
                    WHERE worker = {} RETURNING 1",
                    me.worker
                );
                one(url, &sql).await;
                self.model.workers.get_mut(&me.worker).unwrap().until -= 2 * HOUR;
                self.enter().await;
            }
            15 => self.enter().await,
            16..20 => self.shares(me).await,
            _ => self.turn(me).await,
        }
    }

    /// What all have in common.
    async fn shares(&mut self, me: Me) {
        match self.rng.u8(..12) {
            10.. => {
                let real = self.tables.quiet(me).await.unwrap();
                // The one that has listed the batch is in the tables alone.
                let real = real.map(|quiet| Quiet { others: quiet.others - 1, ..quiet });
                self.same(format!("quiet {me:?}"), real, self.model.quiet(me));
            }
            8..10 => {
                let n = self.rng.i32(0..PAIRS);
                self.tables.set_aside(me, n).await.unwrap();
                self.model.set_aside(me, n);
            }
            7 => {
                let idle = self.rng.bool();
                let (real, model) = (self.tables.idle(me, idle).await, self.model.idle(me, idle));
                self.same(format!("idle {me:?} {idle}"), real.unwrap(), model);
            }
            0 => {
                let halts = self.model.purse.halts() - i32::from(self.rng.u8(..5) == 0);
                self.tables.take_lone(me, halts).await.unwrap();
                self.model.take_lone(me, halts);
            }
            1..3 => {
                self.tables.leave_lone(me).await.unwrap();
                self.model.purse.leave_lone(me.worker);
            }
            3..5 => {
                self.tables.halt(me.batch, "enough").await.unwrap();
                self.model.purse.halt("enough");
            }
            _ => {
                let (real, model) = (self.tables.look(me.batch).await, self.model.look());
                self.same("look".to_owned(), real.unwrap(), model);
            }
        }
    }

    async fn compare_all(&mut self) {
        let page = Page::After(-1, 1000, Detail::Known);
        let (real, model) = (self.tables.pull(self.model.batch, page).await, self.model.pull(page));
        let (real, model) = (real.unwrap(), model);
        assert_eq!(real.len(), model.len());
        for (real, model) in real.into_iter().zip(model) {
            self.same("all".to_owned(), real, model);
        }
        let (real, model) = (self.tables.span(self.model.batch).await, self.model.span());
        self.same("span".to_owned(), real.unwrap(), model);
        let (real, model) = (self.tables.look(self.model.batch).await, self.model.look());
        self.same("look".to_owned(), real.unwrap(), model);
    }
}

/// Refused alike is the same, however it is said.
fn judged<T>(answer: Result<T, SharedError>) -> Result<T, Option<String>> {
    answer.map_err(|error| match error {
        SharedError::Refused { constraint, .. } => constraint,
        other => Some(other.to_string()),
    })
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_model_answers_as_postgresql_does() {
    let Some(cluster) = Cluster::start("the model") else { return };
    let (url, seed) = (cluster.url(), fastrand::u64(..));
    eprintln!("seed {seed}");
    block_on(async {
        let batch = Batch { budget: Some(120), ..Batch::of(24) };
        let mut first = join(&url, &batch).await.unwrap();
        first.leave().await.unwrap();
        let tables = settings(&url).open().await.unwrap();
        let mut model = Model::of(24, batch.budget);
        model.now = 100 * HOUR;
        model.purse.begins();
        let (rng, crew, steps) = (Rng::with_seed(seed), Vec::new(), Vec::new());
        let mut both = Both { tables, model, rng, crew, tasks: 0, steps, seen: [0; 3] };
        both.enter().await;
        for step in 0..STEPS {
            both.step(&url).await;
            if step % 20 == 0 {
                both.compare_all().await;
                let reserved = one(&url, "SELECT reserved FROM callsheet.purse").await;
                both.same("reserved".to_owned(), reserved, both.model.reserved.to_string());
            }
        }
        let (batch, epoch) = (both.model.batch, 5);
        both.tables.stop(batch, epoch).await.unwrap();
        both.model.stop(epoch);
        for _ in 0..STEPS / 20 {
            both.step(&url).await;
        }
        both.compare_all().await;
        let [claimed, settled, _] = both.seen;
        assert!(claimed > 5 && settled > 150, "{:?} is no history", both.seen);
        eprintln!("{:?} claimed, settled, refused", both.seen);
    });
}

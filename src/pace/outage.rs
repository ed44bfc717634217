//! An outage as values: when creates wait for the service, what is tried meanwhile, and when they
//! go on.
//!
//! Each doubt may have been paid for, so an outage must cost few of them, however long it lasts and
//! however many pairs wait. Two rules bound them by the concurrency and three: a place whose create
//! ended in doubt stays empty until the API answers some create, and while creates are held back
//! one is tried alone, after a question that costs nothing was answered; three doubts of that kind
//! in a row are the end.

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{Backoff, Window};

/// How many of a kind in a row are no accident.
const ROW: u32 = 3;
/// Doubts that a run may have without being told how many, besides its concurrency.
const DOUBTS: u64 = 20;
/// And one more for so many accepted creates.
const ACCEPTED_PER_DOUBT: u64 = 50;
/// From one try to the next while creates are held back.
const TRIES: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// What the outcome of a create says of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The API answered: with a task, or a refusal of its own.
    Answer,
    /// It wants a pause, and says nothing else.
    Busy,
    /// What became of it is unknown.
    Doubt,
    /// The same of a create that was sent again under its key: one doubt, as before.
    DoubtAgain,
    /// The answer is not the API's, and nothing was made.
    Foreign,
    /// Nothing was sent.
    NotSent,
    /// Somebody on the way refused before passing it on.
    NotRelayed,
}

/// Why creates are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Doubts in a row, or no place is left for others.
    Doubts,
    /// Answers in a row that are not the API's.
    Foreign,
    /// Nothing can be sent.
    NotSent,
    /// Somebody on the way refuses.
    NotRelayed,
    /// Refusals alike in a row: is one that shares nothing with them refused as well?
    Alike,
}

/// Why no more is created in this run, however well the service may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Creates that were tried alone ended in doubt, one after another.
    Alone,
    /// So many are in doubt.
    Doubts(u32),
    /// The service answers different requests with a task that it named before.
    SameTask,
}

/// What is to be done for the creates that are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: they start, or those under way are not answered yet.
    Wait,
    /// Nothing until then.
    Until(Duration),
    /// Ask the service something that costs nothing.
    Ask,
    /// One create may be tried alone.
    Alone,
    /// Nothing more: it has lasted too long.
    GiveUp(Cause),
}

/// What creates have to know of the service. Times are since any one moment.
#[derive(Debug, Clone)]
pub struct Outage {
    concurrency: u32,
    most_doubts: Option<u32>,
    /// How many creates may be under way while there is none.
    pub window: Window,
    doubts: u32,
    /// Whether doubts are being settled by their keys, and how many of them will be.
    settles: bool,
    to_settle: u32,
    accepted: u64,
    /// Places whose creates ended in doubt since the last answer.
    empty: u32,
    /// Doubts in a row of creates that began while others did.
    row: u32,
    foreign: u32,
    same: u32,
    /// Doubts in a row of creates that were tried alone.
    alone: u32,
    closed: Option<Closed>,
    end: Option<End>,
}

#[derive(Debug, Clone)]
struct Closed {
    cause: Cause,
    since: Duration,
    tries: u32,
    next: Duration,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The service has to say first that it is there.
    Silent,
    /// One create may start.
    There,
    /// It is under way.
    Trying,
}

impl Outage {
    /// None yet. `most_doubts` of a run end it; otherwise it is a number that grows with what is
    /// accepted.
    #[must_use]
    pub fn new(concurrency: u32, most_doubts: Option<u32>) -> Self {
        Self {
            concurrency,
            most_doubts,
            window: Window::new(concurrency),
            doubts: 0,
            settles: false,
            to_settle: 0,
            accepted: 0,
            empty: 0,
            row: 0,
            foreign: 0,
            same: 0,
            alone: 0,
            closed: None,
            end: None,
        }
    }

    /// Those who share the batch hold creates back: the service does not answer.
    pub fn shut(&mut self, now: Duration) {
        match &mut self.closed {
            None => self.close(Cause::Doubts, now, 0.0),
            Some(closed) if closed.cause != Cause::Doubts && closed.phase != Phase::Trying => {
                (closed.cause, closed.phase) = (Cause::Doubts, Phase::Silent);
            }
            Some(_) => {}
        }
    }

    /// They do not any more: one of them was answered that it tried alone.
    pub fn reopened(&mut self) {
        (self.empty, self.row, self.alone) = (0, 0, 0);
        if self.closed.take_if(|closed| closed.cause == Cause::Doubts).is_some() {
            self.window.restart();
        }
    }

    /// The service answered one of them after all doubts of this run: its places are no longer empty.
    pub fn answered_elsewhere(&mut self) {
        (self.empty, self.row) = (0, 0);
        let waits =
            |closed: &mut Closed| closed.cause == Cause::Doubts && closed.phase != Phase::Trying;
        self.closed.take_if(waits);
    }

    /// So many in a row were tried alone, by whomever, and ended in doubt.
    pub fn alone_in_row(&mut self, alone: u32) {
        if alone >= ROW {
            self.end.get_or_insert(End::Alone);
        }
    }

    /// The last run ended in one: the service is asked before anything is sent.
    pub fn continues(&mut self) {
        self.close(Cause::Doubts, Duration::ZERO, 0.0);
        self.closed.iter_mut().for_each(|closed| closed.next = Duration::ZERO);
    }

    /// Whether one more create may start beside those under way; if creates are held back, it is
    /// the one that is tried alone.
    #[must_use]
    pub fn admits(&self, under_way: u32, now: Duration) -> bool {
        let places = self.places(now);
        let doubtful = self.doubts.saturating_add(under_way);
        self.has_room(under_way, places) && doubtful < self.most_doubts()
    }

    /// The same for one that is sent again: it makes no other doubt.
    #[must_use]
    pub fn admits_again(&self, under_way: u32, now: Duration) -> bool {
        self.has_room(under_way, self.places(now))
    }

    fn has_room(&self, under_way: u32, places: u32) -> bool {
        self.end.is_none() && under_way < places
    }

    fn places(&self, now: Duration) -> u32 {
        match &self.closed {
            None => self.window.size().saturating_sub(self.empty),
            Some(closed) if closed.phase == Phase::There && now >= closed.next => 1,
            Some(_) => 0,
        }
    }

    /// A create starts that is admitted; says whether it is tried alone.
    pub fn begins(&mut self) -> bool {
        self.closed.iter_mut().for_each(|closed| closed.phase = Phase::Trying);
        self.closed.is_some()
    }

    /// The one that was to be tried alone was not sent after all: another one may.
    pub fn unused(&mut self) {
        self.closed.iter_mut().for_each(|closed| closed.phase = Phase::There);
    }

    /// What came of a create, tried alone or not; `random` is from 0 to 1.
    pub fn heard(&mut self, outcome: Outcome, alone: bool, (now, random): (Duration, f64)) {
        match outcome {
            Outcome::Answer => self.answered(alone, now),
            Outcome::Busy => {}
            Outcome::Doubt => self.doubted(alone),
            Outcome::DoubtAgain => self.doubted_again(alone),
            Outcome::Foreign => self.foreign += 1,
            Outcome::NotSent | Outcome::NotRelayed => {}
        }
        let trouble = match outcome {
            Outcome::Doubt => Some(Cause::Doubts),
            // Whoever sends it again waits longer each time.
            Outcome::DoubtAgain if !alone => None,
            Outcome::DoubtAgain => Some(Cause::Doubts),
            Outcome::Foreign => Some(Cause::Foreign),
            Outcome::NotSent => Some(Cause::NotSent),
            Outcome::NotRelayed => Some(Cause::NotRelayed),
            Outcome::Busy => self.cause(),
            Outcome::Answer => None,
        };
        match (trouble, self.closed.is_some()) {
            (Some(cause), true) if alone => self.failed(Some(cause), (now, random)),
            (Some(cause), false) if self.closes(cause) => self.close(cause, now, random),
            // Those under way are only awaited: they say what is known already.
            _ => {}
        }
    }

    /// Too many, says the service to one that started as one of `of` and is one of `under_way` now; it
    /// may begin an episode.
    pub fn refused(
        &mut self,
        begins: bool,
        (of, under_way): (u32, u32),
        (now, random): (Duration, f64),
    ) {
        self.window.refused(begins, (of, under_way), now);
        if self.closed.is_none() && !self.has_place() {
            self.close(Cause::Doubts, now, random);
        }
    }

    fn has_place(&self) -> bool {
        self.empty < self.window.size()
    }

    fn closes(&self, cause: Cause) -> bool {
        match cause {
            Cause::Doubts => self.row >= ROW || !self.has_place(),
            Cause::Foreign => self.foreign >= ROW,
            Cause::NotSent | Cause::NotRelayed => true,
            Cause::Alike => false,
        }
    }

    fn answered(&mut self, alone: bool, now: Duration) {
        (self.empty, self.row, self.foreign, self.alone) = (0, 0, 0, 0);
        self.window.answered(now);
        if let Some(closed) = self.closed.take_if(|_| alone)
            && closed.cause != Cause::Alike
        {
            self.window.restart();
        }
    }

    /// The one that was tried alone tells as much of the service as any.
    fn doubted_again(&mut self, alone: bool) {
        self.alone += u32::from(alone);
        if self.alone >= ROW {
            self.end.get_or_insert(End::Alone);
        }
    }

    /// A doubt of this run is none any more.
    pub fn undoubted(&mut self) {
        self.doubts = self.doubts.saturating_sub(1);
        self.to_settle = self.to_settle.saturating_sub(1);
    }

    /// Doubts are being settled by their keys: so many are no reason to end, but to wait.
    pub fn settles(&mut self) {
        if !self.settles {
            (self.settles, self.to_settle) = (true, self.doubts);
        }
    }

    /// Whether so many are in doubt that only those may be sent again.
    #[must_use]
    pub fn is_full_of_doubts(&self) -> bool {
        self.doubts >= self.most_doubts()
    }

    /// Those that are left stay doubts.
    pub fn settled_all(&mut self) {
        self.to_settle = 0;
        self.end_for_doubts();
    }

    fn end_for_doubts(&mut self) {
        if self.doubts.saturating_sub(self.to_settle) >= self.most_doubts() {
            self.end.get_or_insert(End::Doubts(self.doubts));
        }
    }

    /// Whether nothing was tried alone yet since the service last answered.
    #[must_use]
    pub fn tries_first(&self) -> bool {
        self.alone == 0
    }

    fn doubted(&mut self, alone: bool) {
        self.doubts += 1;
        self.to_settle += u32::from(self.settles);
        let in_row = if alone { &mut self.alone } else { &mut self.row };
        *in_row += 1;
        self.empty += u32::from(!alone);
        if self.alone >= ROW {
            self.end.get_or_insert(End::Alone);
        } else {
            self.end_for_doubts();
        }
    }

    /// The API answered a first create, and leaves it in doubt: it refuses or keeps back what its key
    /// stands for.
    pub fn doubted_by_key(&mut self) {
        self.doubts += 1;
        self.to_settle += u32::from(self.settles);
        self.end_for_doubts();
    }

    /// An answered create is in the ledger: as a new task, or in doubt since another pair has it.
    pub fn recorded(&mut self, same_task: bool) {
        if !same_task {
            (self.same, self.accepted) = (0, self.accepted + 1);
            return;
        }
        self.doubts += 1;
        self.same_task_again();
        self.end_for_doubts();
    }

    /// One that was sent again was answered with another pair's task: one doubt, as before.
    pub fn same_task_again(&mut self) {
        self.same += 1;
        if self.same >= ROW {
            self.end.get_or_insert(End::SameTask);
        }
    }

    /// Creates are held back until one that shares nothing with the last refusals was tried.
    pub fn looks_apart(&mut self, now: Duration) {
        if self.closed.is_none() {
            self.close(Cause::Alike, now, 0.0);
        }
        let another = |closed: &&mut Closed| closed.cause == Cause::Alike;
        for closed in self.closed.iter_mut().filter(another) {
            (closed.next, closed.phase) = (now, Phase::There);
        }
    }

    /// What the service said when it was asked.
    pub fn asked(&mut self, there: bool, (now, random): (Duration, f64)) {
        match (&mut self.closed, there) {
            (Some(closed), true) => closed.phase = Phase::There,
            (Some(_), false) => self.failed(None, (now, random)),
            (None, _) => {}
        }
    }

    fn close(&mut self, cause: Cause, now: Duration, random: f64) {
        let closed = Closed { cause, since: now, tries: 0, next: now, phase: Phase::Silent };
        self.closed = Some(closed);
        self.failed(None, (now, random));
    }

    fn failed(&mut self, cause: Option<Cause>, (now, random): (Duration, f64)) {
        let Some(closed) = &mut self.closed else { return };
        closed.cause = cause.unwrap_or(closed.cause);
        closed.tries += 1;
        // Nearly all of it: there is one who asks, and the first second is short enough.
        closed.next = now + TRIES.wait(closed.tries, 0.8 + 0.2 * random);
        // Where nothing can be sent the next create is the question, for it costs nothing.
        closed.phase = if closed.cause == Cause::NotSent { Phase::There } else { Phase::Silent };
    }

    /// The service asked for a longer pause, which is no time of trying.
    pub fn excuse(&mut self, pause: Duration) {
        self.closed.iter_mut().for_each(|closed| closed.since += pause);
    }

    /// What is to be done now, with so many creates under way; it may last for `patience`.
    #[must_use]
    pub fn step(&self, under_way: u32, now: Duration, patience: Duration) -> Step {
        match &self.closed {
            Some(closed) if closed.phase != Phase::Trying && under_way == 0 => {
                let lasts = closed.next.max(now).saturating_sub(closed.since);
                match (closed.cause, closed.phase) {
                    (Cause::Alike, _) => Step::Alone,
                    (cause, _) if lasts > patience => Step::GiveUp(cause),
                    _ if now < closed.next => Step::Until(closed.next),
                    (_, Phase::Silent) => Step::Ask,
                    (_, Phase::There | Phase::Trying) => Step::Alone,
                }
            }
            _ => Step::Wait,
        }
    }

    /// Why creates are held back, and since when, if they are.
    #[must_use]
    pub fn held(&self) -> Option<(Cause, Duration)> {
        self.closed.as_ref().map(|closed| (closed.cause, closed.since))
    }

    /// Why creates are held back, if they are.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.closed.as_ref().map(|closed| closed.cause)
    }

    /// Why this run creates no more, if it does not.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// How many creates of this run ended in doubt.
    #[must_use]
    pub fn doubts(&self) -> u32 {
        self.doubts
    }

    fn most_doubts(&self) -> u32 {
        let usual = u64::from(self.concurrency) + DOUBTS + self.accepted / ACCEPTED_PER_DOUBT;
        self.most_doubts.unwrap_or_else(|| u32::try_from(usual).unwrap_or(u32::MAX))
    }
}

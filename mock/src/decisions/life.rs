//! The life of a task: pending, processing, then completed or failed.
//!
//! A task has no timer. What it is follows from when it was made, how often it was asked for, and
//! what time it is; so it costs nothing while nobody asks, and the clock can be advanced.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rules::scenario::{Scenario, Work};
use crate::words::clock::Millis;
use crate::words::dice::Dice;
use crate::words::failure::FailureCode;

/// Below this share of the work a task is still pending.
const STARTS_AT: f64 = 0.15;
/// How far a task gets while it is not known whether it can be made.
const NEARLY: f64 = 0.99;
/// The progress that production was seen to tell with `completed` and no results.
const RACE_PROGRESS: u8 = 50;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
}

/// Where the book has the text of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextId(pub(crate) u32);

/// What a task was made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// The request, which the book has.
    pub(crate) request: TextId,
    /// Those of its create: what happens to its polls and downloads follows from them, and so from
    /// what was asked and not from when.
    pub(crate) dice: Dice,
}

/// A task at the server.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) model: Arc<str>,
    /// Tells the account that made it, without its key.
    pub(crate) owner: u64,
    pub(crate) born: Millis,
    /// How long its video is.
    pub(crate) length: Duration,
    pub(crate) failure: Option<FailureCode>,
    /// Why it failed, where that is known.
    pub(crate) why: Option<Box<str>>,
    pub(crate) made: Made,
    /// What it was given is still being looked at: so long it has no end.
    looking: bool,
    polls: u32,
    polls_after_the_end: u32,
    downloads: u32,
    links: u32,
    link_expires: Millis,
    /// Apart, because there are a million tasks and few are driven.
    driven: Option<Box<Driven>>,
}

/// What a test has made of a task by hand.
#[derive(Clone, Copy, Debug, Default)]
struct Driven {
    /// So much older than its birth says.
    aged: Duration,
    /// Where it stands by a test's word.
    told: Option<(Status, u8)>,
}

/// What a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) status: Status,
    pub(crate) progress: u8,
    /// Which link to the video, and when it expires; `None` until there is one.
    pub(crate) link: Option<(u32, Millis)>,
}

impl Task {
    pub(crate) fn new(
        (model, owner, born): (Arc<str>, u64, Millis),
        length: Duration,
        failure: Option<FailureCode>,
        made: Made,
    ) -> Self {
        let (polls, polls_after_the_end, downloads, links) = (0, 0, 0, 0);
        let link_expires = Millis::default();
        Self {
            model,
            owner,
            born,
            length,
            failure,
            why: None,
            made,
            looking: false,
            polls,
            polls_after_the_end,
            downloads,
            links,
            link_expires,
            driven: None,
        }
    }

    /// Makes it older, and nothing else.
    pub(crate) fn age(&mut self, time: Duration) {
        let driven = self.driven.get_or_insert_default();
        driven.aged = driven.aged.saturating_add(time);
    }

    /// Lets it stand here from now on, whatever the scenario says.
    pub(crate) fn tell(&mut self, status: Status, progress: Option<u8>, code: Option<FailureCode>) {
        let usual = match status {
            Status::Pending => 0,
            Status::Processing => 50,
            Status::Completed | Status::Failed => 100,
        };
        self.driven.get_or_insert_default().told = Some((status, progress.unwrap_or(usual)));
        if status == Status::Failed {
            self.failure = code.or(self.failure).or(Some(FailureCode::ServiceError));
        }
    }

    /// Keeps it from its end until what it was given was looked at.
    pub(crate) const fn wait_for_a_look(&mut self) {
        self.looking = true;
    }

    /// Takes in what was found: it fails at once, or its video is as long as its sound.
    pub(crate) fn looked(&mut self, found: Result<Option<Duration>, (FailureCode, String)>) {
        self.looking = false;
        match found {
            Ok(length) => self.length = length.unwrap_or(self.length),
            Err((code, why)) => {
                self.tell(Status::Failed, None, Some(code));
                self.why = Some(why.into());
            }
        }
    }

    /// How often it was asked for.
    pub(crate) const fn polls(&self) -> u32 {
        self.polls
    }

    /// How often its video was asked for by a link that worked.
    pub(crate) const fn downloads(&self) -> u32 {
        self.downloads
    }

    /// What the next query sees. `synced` asks for the state as it is, not as it was a while ago.
    pub(crate) fn query(&mut self, scenario: &Scenario, now: Millis, synced: bool) -> View {
        self.polls += 1;
        let (status, progress) = self.status(scenario, now, synced);
        if status == Status::Completed {
            self.polls_after_the_end += 1;
            if self.polls_after_the_end <= scenario.race {
                return View { status, progress: RACE_PROGRESS, link: None };
            }
        }
        self.view((status, progress), scenario, now)
    }

    /// What a callback tells: how it stands, without a query being counted.
    pub(crate) fn told(&mut self, scenario: &Scenario, now: Millis) -> View {
        self.view(self.status(scenario, now, true), scenario, now)
    }

    fn view(&mut self, (status, progress): (Status, u8), scenario: &Scenario, now: Millis) -> View {
        let done = View { status, progress, link: None };
        if status != Status::Completed {
            return done;
        }
        let dead = now >= self.link_expires;
        if self.links == 0 || (dead && scenario.links.renewed) {
            self.links += 1;
            self.link_expires = now.plus(scenario.links.live.0);
        }
        View { link: Some((self.links, self.link_expires)), ..done }
    }

    /// Where it stands, without asking.
    pub(crate) fn status(&self, scenario: &Scenario, now: Millis, synced: bool) -> (Status, u8) {
        let driven = self.driven.as_deref().copied().unwrap_or_default();
        if let Some(told) = driven.told {
            return told;
        }
        let mut done = self.share_done(scenario, now.plus(driven.aged), synced);
        if self.looking {
            done = done.min(NEARLY);
        }
        let end = if self.failure.is_some() { Status::Failed } else { Status::Completed };
        if done >= 1.0 {
            return (end, 100);
        }
        if done < STARTS_AT {
            return (Status::Pending, 0);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 99")]
        let progress = (done * 100.0) as u8;
        (Status::Processing, progress)
    }

    fn share_done(&self, scenario: &Scenario, now: Millis, synced: bool) -> f64 {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
        match scenario.work {
            Work::AtOnce => 1.0,
            Work::Polls(polls) => share(f64::from(self.polls), f64::from(polls)),
            Work::Elapsed(span) => {
                let stale = if synced { Duration::ZERO } else { scenario.stale.0 };
                let passed = now.since(self.born).saturating_sub(stale);
                share(passed.as_secs_f64(), span.0.as_secs_f64())
            }
        }
    }

    /// The length of the video, and which download of it this is; `None` if the link is dead.
    pub(crate) fn download(&mut self, link: u32, now: Millis) -> Option<(Duration, u32)> {
        let works = link > 0 && link == self.links && now < self.link_expires;
        self.downloads += u32::from(works);
        works.then_some((self.length, self.downloads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::scenario::Links;
    use crate::words::digest::Digest;
    use crate::words::span::Span;

    fn task(failure: Option<FailureCode>) -> Task {
        let dice = Dice::new(1, &Digest::of_bytes(b"m"), 1);
        let made = Made { request: TextId(0), dice };
        Task::new(("m".into(), 0, Millis(1_000_000)), Duration::from_secs(1), failure, made)
    }

    fn lives(scenario: &Scenario, failure: Option<FailureCode>, at: &[u64]) -> Vec<(Status, u8)> {
        let mut task = task(failure);
        let seen = at.iter().map(|millis| {
            let view = task.query(scenario, Millis(1_000_000 + millis), false);
            (view.status, view.progress)
        });
        seen.collect()
    }

    #[test]
    fn by_elapsed_time() {
        use Status::{Completed, Failed, Pending, Processing};
        let scenario = Scenario { work: Work::Elapsed(Span::secs(10)), ..Scenario::default() };
        let at = [0, 1400, 1500, 9999, 10_000];
        let seen = [(Pending, 0), (Pending, 0), (Processing, 15), (Processing, 99)];
        let lived = lives(&scenario, None, &at);
        assert_eq!(lived, [&seen[..], &[(Completed, 100)]].concat());
        let failed = lives(&scenario, Some(FailureCode::ServiceError), &at);
        assert_eq!(failed, [&seen[..], &[(Failed, 100)]].concat());
    }

    #[test]
    fn by_polls_or_at_once() {
        use Status::{Completed, Processing};
        let scenario = Scenario { work: Work::Polls(3), ..Scenario::default() };
        let seen = lives(&scenario, None, &[0, 0, 0, 0]);
        assert_eq!(seen[..2], [(Processing, 33), (Processing, 66)]);
        assert_eq!(seen[2..], [(Completed, 100), (Completed, 100)]);
        let scenario = Scenario { work: Work::AtOnce, ..Scenario::default() };
        assert_eq!(lives(&scenario, None, &[0]), [(Completed, 100)]);
    }

    #[test]
    fn a_stale_state_is_refreshed_on_request() {
        let work = Work::Elapsed(Span::secs(10));
        let scenario = Scenario { work, stale: Span::secs(5), ..Scenario::default() };
        let (mut task, now) = (task(None), Millis(1_010_000));
        assert_eq!(task.query(&scenario, now, false).progress, 50);
        assert_eq!(task.query(&scenario, now, true).progress, 100);
    }

    #[test]
    fn links_die_and_are_renewed_or_not() {
        for renewed in [true, false] {
            let links = Links { live: Span::secs(10), renewed };
            let scenario = Scenario { work: Work::AtOnce, race: 1, links, ..Scenario::default() };
            let mut task = task(None);
            let mut ask = |seconds: u64| task.query(&scenario, Millis(seconds * 1000), false);
            let race = ask(1000);
            assert_eq!((race.status, race.progress, race.link), (Status::Completed, 50, None));
            let first = Some((1, Millis(1_011_000)));
            assert_eq!([ask(1001).link, ask(1010).link], [first, first]);
            let later = ask(1011).link;
            assert_eq!(later, if renewed { Some((2, Millis(1_021_000))) } else { first });
            let download = task.download(later.unwrap().0, Millis(1_011_000));
            assert_eq!(download.is_some(), renewed);
        }
    }
}

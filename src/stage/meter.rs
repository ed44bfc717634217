//! What others may see of the waiting and fetching while it goes on.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::view::printable;

/// What others may see of the waiting and fetching while it goes on.
#[derive(Debug, Default)]
pub struct Meter {
    /// Tasks that are waited for.
    pub waiting: AtomicU64,
    /// The sum of their progress, in percent.
    pub progress: AtomicU64,
    /// Videos being fetched.
    pub fetching: AtomicU64,
    /// Bytes of videos received so far.
    pub bytes: AtomicU64,
    /// Statuses of tasks that are documented nowhere.
    pub unknown: Unknown,
    /// What people have to be told.
    pub told: Told,
}

/// Statuses that the server gave and nobody knows.
#[derive(Debug, Default)]
pub struct Unknown(Mutex<BTreeMap<String, Count>>);

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    now: u64,
    ever: u64,
}

/// How many unknown statuses are kept: a server that makes them up would fill the memory.
const MOST_UNKNOWN: usize = 5;

impl Unknown {
    /// A task has this status now, and had that one before. Says whether it is a new one.
    pub(crate) fn moved(&self, from: Option<&str>, to: Option<&str>) -> bool {
        let mut statuses = lock(&self.0);
        if let Some(count) = from.and_then(|from| statuses.get_mut(from)) {
            count.now = count.now.saturating_sub(1);
        }
        let Some(to) = to else { return false };
        let new = !statuses.contains_key(to);
        if new && statuses.len() >= MOST_UNKNOWN {
            return false;
        }
        let count = statuses.entry(to.to_owned()).or_default();
        (count.now, count.ever) = (count.now + 1, count.ever + 1);
        new
    }

    /// How many tasks have one now.
    #[must_use]
    pub fn now(&self) -> u64 {
        lock(&self.0).values().map(|count| count.now).sum()
    }

    /// All that were seen, in one sentence.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let statuses = lock(&self.0);
        let one = |(status, count): (&String, &Count)| {
            format!("{:?} ({})", printable(status), count.ever)
        };
        let all: Vec<_> = statuses.iter().map(one).collect();
        let list = all.join(", ");
        (!all.is_empty()).then(|| format!("tasks had a status that nobody knows: {list}"))
    }
}

/// What people are told about: a few of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A status that nobody knows.
    Status,
    /// Completed without a link.
    Linkless,
    /// An answer about another task.
    Stranger,
    /// One link for two tasks.
    SameLink,
    /// No news for too long.
    Stale,
    /// The server does not know the task.
    Missing,
    /// Only tasks that the server does not know are left.
    Left,
    /// The account may not ask for a task.
    Refused,
}

/// How many of a kind are told of: a server that is broken would fill the screen.
const MOST_TOLD: u32 = 5;

/// Sentences for people, each to be said once.
#[derive(Debug, Default)]
pub struct Told(Mutex<Sentences>);

#[derive(Debug, Default)]
struct Sentences {
    fresh: Vec<String>,
    counts: BTreeMap<Kind, u32>,
}

impl Told {
    pub(crate) fn say(&self, kind: Kind, sentence: &str) {
        let mut sentences = lock(&self.0);
        let count = sentences.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        match *count {
            ..=MOST_TOLD => sentences.fresh.push(printable(sentence).into_owned()),
            count if count == MOST_TOLD + 1 => {
                sentences.fresh.push("and more tasks like that".to_owned());
            }
            _ => {}
        }
    }

    /// Those that nobody was told yet; whoever asks tells them.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0).fresh)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_is_told_once_and_not_too_many_of_a_kind() {
        let told = Told::default();
        told.say(Kind::Status, "a\u{1b}[2J");
        assert_eq!(told.news().len(), 1);
        assert!(told.news().is_empty());
        (0..100).for_each(|n| told.say(Kind::Linkless, &format!("{n}")));
        told.say(Kind::Status, "b");
        let news = told.news();
        assert_eq!(news, ["0", "1", "2", "3", "4", "and more tasks like that", "b"]);
    }

    #[test]
    fn unknown_statuses_are_counted_and_listed() {
        let unknown = Unknown::default();
        assert!(unknown.moved(None, Some("dreaming")));
        assert!(!unknown.moved(None, Some("dreaming")));
        assert_eq!(unknown.now(), 2);
        assert!(unknown.moved(Some("dreaming"), Some("thinking")));
        assert!(!unknown.moved(Some("thinking"), None));
        assert_eq!(unknown.now(), 1);
        let said = unknown.summary().unwrap();
        assert!(said.contains("\"dreaming\" (2), \"thinking\" (1)"), "{said}");
        for n in 0..100 {
            unknown.moved(None, Some(&format!("status {n}")));
        }
        assert_eq!(unknown.now(), 4, "no more than five are kept");
        assert!(Unknown::default().summary().is_none());
    }
}

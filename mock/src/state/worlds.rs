//! Every world there is: one for all, or one for each key.
//!
//! With one for each key, tests that run side by side share a process and nothing else. A world is
//! made when its key is first used. Requests that carry no key are for the home, but those that
//! follow a link out of a world: the link says whose it is.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::http::request::Whose;
use crate::rules::scenario::{Account, Scenario};
use crate::state::book::{Book, Bookkeeper, Tally};
use crate::state::desk::{Breach, Desk, MOST_BREACHES};
use crate::state::errands::Errands;
use crate::state::journal::Exchange;
use crate::state::world::{Watch, World};
use crate::words::clock::{Clock, Millis};

/// So many worlds there may be.
const MOST: usize = 1000;
/// One that was not used for so long makes room.
const IDLE: Duration = Duration::from_secs(3600);

/// The home, and what else there is.
#[derive(Debug)]
pub(crate) struct Worlds {
    home: Arc<World>,
    made: Option<Made>,
}

/// The worlds of single keys, by a mark that tells a key apart and does not give it away.
#[derive(Debug)]
struct Made {
    each: Mutex<HashMap<u64, Kept>>,
    past: Mutex<Past>,
    scenario: Arc<Scenario>,
    url: Arc<str>,
    book: Bookkeeper,
    watch: Watch,
    errands: Errands,
}

/// What is remembered of worlds that have ended.
#[derive(Debug, Default)]
struct Past {
    tally: Tally,
    breaches: Vec<Breach>,
}

impl Past {
    fn add(&mut self, ended: &World) {
        self.tally = self.tally.and(Tally::of(&ended.book()));
        self.breaches.extend_from_slice(ended.desk().breaches());
        self.breaches.truncate(MOST_BREACHES);
    }
}

#[derive(Debug)]
struct Kept {
    world: Arc<World>,
    used: Millis,
}

/// There are as many worlds as there may be, and all are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Worlds {
    /// The home alone, or with `any_key` a world for each key besides.
    pub(crate) fn new(
        url: &str,
        scenario: Scenario,
        (book_file, any_key): (Option<&Path>, bool),
        observer: Option<mpsc::Sender<Exchange>>,
        errands: Errands,
    ) -> io::Result<Self> {
        let (url, scenario): (Arc<str>, _) = (url.into(), Arc::new(scenario));
        let watch = Watch::new(observer);
        let book = Bookkeeper::with_file(book_file)?;
        let made = any_key.then(|| {
            let (scenario, url, book) = (Arc::clone(&scenario), Arc::clone(&url), book.beside()?);
            Ok::<_, io::Error>(Made {
                each: Mutex::default(),
                past: Mutex::default(),
                scenario,
                url,
                book,
                watch: watch.clone(),
                errands: errands.clone(),
            })
        });
        let made = made.transpose()?;
        let mut desk = Desk::new(url, scenario, book);
        desk.errands = errands;
        let home = Arc::new(World::new(desk, watch));
        Ok(Self { home, made })
    }

    /// The world of those who have none of their own.
    pub(crate) const fn home(&self) -> &Arc<World> {
        &self.home
    }

    /// Whether each key has a world.
    pub(crate) const fn any_key(&self) -> bool {
        self.made.is_some()
    }

    /// The world that a request is for; it is made if its key has none yet.
    pub(crate) fn of(&self, whose: &Whose<'_>) -> Result<Arc<World>, Crowded> {
        let Some(made) = &self.made else { return Ok(Arc::clone(&self.home)) };
        match *whose {
            Whose::Key(key) => made.of(key, Clock::default().now()),
            Whose::Mark(mark) => {
                let each = made.each();
                Ok(Arc::clone(each.get(&mark).map_or(&self.home, |kept| &kept.world)))
            }
            Whose::Nobody => Ok(Arc::clone(&self.home)),
        }
    }

    /// Ends the world of a key. Returns whether there was one.
    pub(crate) fn end(&self, key: &str) -> bool {
        self.made.as_ref().is_some_and(|made| {
            let ended = made.each().remove(&Account::new(key).owner());
            ended.inspect(|ended| made.past().add(&ended.world)).is_some()
        })
    }

    fn all(&self) -> Vec<Arc<World>> {
        let each = self.made.as_ref().map(|made| {
            let each = made.each();
            each.values().map(|kept| Arc::clone(&kept.world)).collect::<Vec<_>>()
        });
        [vec![Arc::clone(&self.home)], each.unwrap_or_default()].concat()
    }

    /// The books of all worlds as one, in the order of acceptance.
    pub(crate) fn book(&self) -> Book {
        let mut whole = Book::default();
        for book in self.all().iter().map(|world| world.book()) {
            whole.creates_read += book.creates_read;
            whole.entries.extend(book.entries);
        }
        whole.entries.sort_by_key(|entry| entry.unix_millis);
        whole
    }

    /// The journals of all worlds as one.
    pub(crate) fn journal(&self) -> Vec<Exchange> {
        let mut whole: Vec<_> = self.all().iter().flat_map(|world| world.journal()).collect();
        whole.sort_by_key(|exchange| exchange.unix_millis);
        whole
    }

    /// What the books of all worlds come to, also of those that have ended.
    pub(crate) fn tally(&self) -> Tally {
        let past = self.made.as_ref().map_or_else(Tally::default, |made| made.past().tally);
        self.all().iter().fold(past, |sum, world| sum.and(Tally::of(&world.book())))
    }

    /// What broke the contract in any world, also in those that have ended.
    pub(crate) fn breaches(&self) -> Vec<Breach> {
        let past = self.made.as_ref().map(|made| made.past().breaches.clone());
        let now = self.all();
        let now = now.iter().flat_map(|world| world.desk().breaches().to_vec());
        past.into_iter().flatten().chain(now).collect()
    }

    /// How many exchanges who watches has missed.
    pub(crate) fn unobserved(&self) -> u64 {
        self.home.watch().missed()
    }
}

impl Made {
    fn each(&self) -> MutexGuard<'_, HashMap<u64, Kept>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, key: &str, now: Millis) -> Result<Arc<World>, Crowded> {
        let account = Account::new(key);
        let mark = account.owner();
        let mut each = self.each();
        if let Some(kept) = each.get_mut(&mark) {
            kept.used = now;
            return Ok(Arc::clone(&kept.world));
        }
        if each.len() >= MOST {
            for (_, idle) in each.extract_if(|_, kept| now.since(kept.used) >= IDLE) {
                self.past().add(&idle.world);
            }
        }
        if each.len() >= MOST {
            return Err(Crowded);
        }
        let world = Arc::new(self.world(account, mark).map_err(|_| Crowded)?);
        each.insert(mark, Kept { world: Arc::clone(&world), used: now });
        Ok(world)
    }

    fn world(&self, account: Account, mark: u64) -> io::Result<World> {
        let scenario = Scenario { keys: vec![account], ..Scenario::clone(&self.scenario) };
        let mut desk = Desk::new(Arc::clone(&self.url), Arc::new(scenario), self.book.beside()?);
        desk.mark = Some(mark);
        desk.errands = self.errands.clone();
        Ok(World::new(desk, self.watch.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_thousand_worlds_and_idle_ones_make_room() {
        let worlds =
            Worlds::new("http://h", Scenario::default(), (None, true), None, Errands::default());
        let worlds = worlds.unwrap();
        let made = worlds.made.as_ref().unwrap();
        let at = |minutes: u64| Millis(minutes * 60_000);
        for n in 0..1000 {
            made.of(&format!("key-{n}"), at(n / 500)).unwrap();
        }
        assert!(made.of("one-more", at(59)).is_err(), "all of them may be in use");
        made.of("key-0", at(59)).unwrap();
        made.of("one-more", at(60)).unwrap();
        assert_eq!(made.each.lock().unwrap().len(), 502, "who was idle for an hour is gone");
        assert!(worlds.end("key-0") && !worlds.end("key-0") && !worlds.end("key-1"));
    }
}

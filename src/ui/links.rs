//! The links to videos that are not on disk yet, by the time at which they are said to die.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::download::{LINK_LIVES, LINK_SOON};
use crate::ledger::Change;
use crate::state::Event;

/// Follows the links of a run.
#[derive(Debug, Clone, Default)]
pub struct Links {
    dies: HashMap<Arc<str>, Timestamp>,
    by_time: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Links {
    /// Takes in a link that was learned at a time.
    pub fn learned(&mut self, id: Arc<str>, at: Timestamp) {
        self.forget(&id);
        if let Ok(dies) = at.saturating_add(LINK_LIVES) {
            self.by_time.insert((dies, id.clone()));
            self.dies.insert(id, dies);
        }
    }

    pub(super) fn follow(&mut self, change: &Change) {
        match change.event {
            Event::Completed | Event::Relinked => self.learned(change.id.clone(), change.at),
            Event::Saved | Event::LinkLost => self.forget(&change.id),
            _ => {}
        }
    }

    fn forget(&mut self, id: &Arc<str>) {
        if let Some(dies) = self.dies.remove(id) {
            self.by_time.remove(&(dies, id.clone()));
        }
    }

    /// `next link dies in 1 h 12 min`, if that is soon.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        // One that is past its time may live all the same, but not at a time that can be told.
        let (dies, _) = self.by_time.range((now, Arc::from(""))..).next()?;
        dying(*dies, now)
    }
}

/// `next link dies in 1 h 12 min`, if that is soon.
#[must_use]
pub fn dying(dies: Timestamp, now: Timestamp) -> Option<String> {
    let left = dies.duration_since(now);
    if left > LINK_SOON || left.is_negative() {
        return None;
    }
    let minutes = left.as_secs() / 60;
    Some(match minutes / 60 {
        0 => format!("next link dies in {minutes} min"),
        hours => format!("next link dies in {hours} h {} min", minutes % 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    #[test]
    fn the_link_that_dies_first_is_told_of_in_its_last_two_hours() {
        let mut links = Links::default();
        links.learned("young".into(), minutes(100));
        links.learned("old".into(), minutes(0));
        let day = 24 * 60;
        let warning = |links: &Links, now| links.warning(minutes(now));
        assert_eq!(warning(&links, day - 121), None);
        let soon = "next link dies in 1 h 12 min";
        assert_eq!(warning(&links, day - 72).as_deref(), Some(soon));
        assert_eq!(warning(&links, day - 5).as_deref(), Some("next link dies in 5 min"));
        let other = "next link dies in 1 h 35 min";
        assert_eq!(warning(&links, day + 5).as_deref(), Some(other), "the first is past its time");
        links.learned("old".into(), minutes(day));
        assert_eq!(warning(&links, day + 28).as_deref(), Some(soon), "the other is next now");
        links.forget(&"young".into());
        assert_eq!(warning(&links, day + 28), None);
    }
}

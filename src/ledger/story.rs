//! A whole batch as its page tells it: each pair with what a spreadsheet has no column for, what went
//! wrong by its cause, and when what happened.

use std::time::Duration;

use rusqlite::Row as SqlRow;

use super::columns::{AFTER_ROW, ROW, duration, read_row};
use super::purse::charge_at;
use super::reviews::{REVIEW, review_at};
use super::{LedgerError, Pause, Review, View};
use crate::price::{Charge, Money};
use crate::state::Event;
use crate::view::Row;

/// A pair as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What `tasks.csv` has of it.
    pub row: Row,
    /// What the manifest says in words.
    pub prompt: Option<String>,
    /// How long its video plays.
    pub video: Option<Duration>,
    /// What its last create was reckoned to cost.
    pub charge: Charge,
    /// The manifest's tags, with commas between them.
    pub tags: Option<String>,
    /// What counts as said of its video.
    pub review: Option<Review>,
}

impl Card {
    /// What that is, in millionths; nothing where there was no price, or no length.
    #[must_use]
    pub fn cost(&self) -> Option<u64> {
        let (price, seconds) = self.charge.price.zip(self.charge.seconds)?;
        Some(price.times(seconds).millionths())
    }
}

/// What happened in a batch, in steps of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The first event and the last, in milliseconds since 1970.
    pub from: i64,
    /// The last event.
    pub until: i64,
    /// How long a step is, in milliseconds.
    pub step: i64,
    /// How often each of [`Story::LANES`] happened in each step.
    pub steps: Vec<[u32; Story::LANES.len()]>,
    /// When creating was held back, in order.
    pub pauses: Vec<Pause>,
    /// How long tasks took from their id to their link, in milliseconds, sorted.
    pub took: Vec<u32>,
}

/// What creates were reckoned to cost that made something, or may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reckoned {
    /// Of those that had a price.
    pub money: Money,
    /// What is billed of those whose recording was measured.
    pub seconds: u64,
    /// How many were not measured.
    pub unmeasured: u64,
}

/// At most so many steps are drawn.
const STEPS: i64 = 60;
/// The lengths of steps that people reckon in, in seconds.
const LENGTHS: [i64; 12] =
    [1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 86_400, 28 * 86_400, 364 * 86_400];

impl Story {
    /// What is counted.
    pub const LANES: [Event; 6] = [
        Event::Intended,
        Event::Accepted,
        Event::NotMade,
        Event::Refused,
        Event::Lost,
        Event::Saved,
    ];

    fn over(from: i64, until: i64) -> Self {
        let until = until.max(from);
        let fits = |seconds: &i64| (until - from) / (seconds * 1000) < STEPS;
        let seconds = LENGTHS.into_iter().find(fits).unwrap_or((until - from) / 1000 / STEPS + 1);
        let step = seconds * 1000;
        let count = usize::try_from((until - from) / step).unwrap_or_default() + 1;
        let (steps, pauses) = (vec![[0; Self::LANES.len()]; count], Vec::new());
        Self { from, until, step, steps, pauses, took: Vec::new() }
    }

    fn count(&mut self, at: i64, event: &str) {
        let Some(lane) = Self::LANES.iter().position(|lane| lane.name() == event) else { return };
        // A clock that was set back is no reason to forget an event.
        let step = usize::try_from((at - self.from) / self.step).unwrap_or_default();
        let last = self.steps.len() - 1;
        self.steps[step.min(last)][lane] += 1;
    }
}

impl View {
    /// Gives each pair to `each`, in the order and number of [`View::each_row`].
    ///
    /// # Errors
    /// When the file cannot be read, or `each` fails.
    pub fn each_card<E: From<LedgerError>>(
        &self,
        each: impl FnMut(Card) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_of(&card_columns(), "", read_card, each)
    }

    /// What happened when; nothing before anything has.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn story(&self) -> Result<Option<Story>, LedgerError> {
        let ends = "SELECT (SELECT at FROM events ORDER BY n LIMIT 1),
            (SELECT at FROM events ORDER BY n DESC LIMIT 1)";
        let bounds = |row: &SqlRow<'_>| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?));
        let Some((from, until)) = self.ask(ends, (), bounds)?.pop().flatten() else {
            return Ok(None);
        };
        let mut story = Story::over(from, until);
        let sql = "SELECT at, event, CASE event WHEN 'completed' THEN at - (SELECT created_at
                FROM standings s WHERE s.pair = e.pair AND s.attempt = e.attempt) END
            FROM events e ORDER BY n";
        self.ask(sql, (), |row| {
            story.count(row.get(0)?, row.get_ref(1)?.as_str()?);
            let took: Option<i64> = row.get(2)?;
            story.took.extend(took.and_then(|took| u32::try_from(took).ok()));
            Ok(())
        })?;
        story.took.sort_unstable();
        story.pauses = self.pauses()?;
        Ok(Some(story))
    }

    /// What all creates were reckoned to cost that made something, or may have.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn reckoned(&self) -> Result<Reckoned, LedgerError> {
        let mut sum = Reckoned::default();
        for (charge, count) in self.charges()? {
            let Some(seconds) = charge.seconds else {
                sum.unmeasured += count;
                continue;
            };
            let all = seconds.saturating_mul(count);
            sum.seconds = sum.seconds.saturating_add(all);
            sum.money =
                sum.money.plus(charge.price.map_or_else(Money::default, |of| of.times(all)));
        }
        Ok(sum)
    }
}

/// What is read of a card, from `pairs p` and `standings s`.
pub(super) fn card_columns() -> String {
    // A take may have a prompt of its own.
    format!(
        "{ROW}, coalesce(iif(s.take > 1, (SELECT t.prompt FROM takes t
            WHERE t.pair = s.pair AND t.take = s.take), NULL), p.body ->> '$.prompt'),
        s.video_millis, s.seconds, s.price, p.tags, {REVIEW}"
    )
}

pub(super) fn read_card(row: &SqlRow<'_>) -> rusqlite::Result<Card> {
    Ok(Card {
        row: read_row(row)?,
        // `extra` may have put something else in its place.
        prompt: row.get_ref(AFTER_ROW)?.as_str().ok().map(str::to_owned),
        video: duration(row, AFTER_ROW + 1)?,
        charge: charge_at(row, AFTER_ROW + 2)?,
        tags: row.get(AFTER_ROW + 4)?,
        review: review_at(row, AFTER_ROW + 5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_any_length_has_few_steps_of_a_length_that_people_know() {
        for (millis, step, count) in [
            (0, 1000, 1),
            (59_999, 1000, 60),
            (60_000, 5000, 13),
            (3_600_000, 300_000, 13),
            (365 * 86_400_000, 7 * 86_400_000, 53),
        ] {
            let story = Story::over(5_000, 5_000 + millis);
            assert_eq!((story.step, story.steps.len()), (step, count), "{millis}");
        }
        let ages = Story::over(0, i64::MAX / 2);
        assert!(ages.steps.len() <= 61, "{}", ages.steps.len());
    }

    #[test]
    fn an_event_of_a_clock_that_was_set_back_is_counted_all_the_same() {
        let mut story = Story::over(10_000, 20_000);
        for at in [-5_000, 10_000, 20_000, 99_000] {
            story.count(at, "saved");
        }
        story.count(10_000, "completed");
        let saved: Vec<_> = story.steps.iter().map(|step| step[5]).collect();
        assert_eq!((saved[0], saved[10], saved.iter().sum::<u32>()), (2, 2, 4));
        assert_eq!(story.steps.iter().flatten().sum::<u32>(), 4, "nobody draws that one");
    }
}

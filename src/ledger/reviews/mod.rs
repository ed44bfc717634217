//! What people think of the videos: of each task of a pair the last word counts, and all are kept.
//!
//! A word is about the task whose video was looked at. Once a pair is made again, it has nothing to do
//! with the new video, and is history.

mod book;

use std::fmt;

use jiff::Timestamp;
use rusqlite::{Row as SqlRow, params};

use super::lookup::state_at;
use super::story::{card_columns, read_card};
use super::{Card, LedgerError, View};
use crate::state::State;

pub use crate::state::Decision;

pub use self::book::{NotReviewed, Opinion, ReviewBook};

/// How many events, and how many words, are looked at for one answer to what changed.
const PAGE: u64 = 2000;

/// The last word on the task that a pair has, for a row of `pairs p` and `standings s`, as JSON.
pub(super) const REVIEW: &str =
    "(SELECT json_array(r.decision, r.prompt, r.note, r.who, r.at) FROM reviews r
        WHERE r.pair = p.pair AND r.task_id IS s.task_id
            AND (s.task_id IS NOT NULL OR r.attempt = s.attempt)
        ORDER BY r.n DESC LIMIT 1)";

/// What somebody said of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is to become of it, if that is decided.
    pub decision: Option<Decision>,
    /// What to make it again with, if not with the prompt that it has.
    pub prompt: Option<String>,
    /// Why, or whatever else there is to say.
    pub note: Option<String>,
    /// Who said so.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// A word that was said, with what it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The pair.
    pub id: String,
    /// Where the pair stands.
    pub state: State,
    /// The task that was looked at.
    pub task_id: Option<String>,
    /// Where its video is, if it is the pair's still.
    pub video_path: Option<String>,
    /// Whether it counts: nothing was said later, and the pair has that task still.
    pub counts: bool,
    /// What was said.
    pub review: Review,
}

/// A pair that is to be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The pair.
    pub id: String,
    /// With this prompt, if not with the one that it has.
    pub prompt: Option<String>,
    /// Why.
    pub why: Option<String>,
}

/// How far somebody has read what happens in a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last event.
    pub events: u64,
    /// The last word of a person.
    pub reviews: u64,
    /// The last pair that was listed.
    pub pairs: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, reviews, pairs } = self;
        write!(f, "{events}.{reviews}.{pairs}")
    }
}

impl Seen {
    /// What was written so; nothing if it was written by somebody else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        let [events, reviews, pairs] = [numbers.next()??, numbers.next()??, numbers.next()??];
        numbers.next().is_none().then_some(Self { events, reviews, pairs })
    }

    /// Whether there may be nothing in a ledger that was read so far which somebody has not seen.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.events <= other.events && self.reviews <= other.reviews && self.pairs <= other.pairs
    }
}

impl View {
    /// What counts as said of a pair, by its id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn review(&self, id: &str) -> Result<Option<Review>, LedgerError> {
        let sql =
            format!("SELECT {REVIEW} FROM pairs p JOIN standings s USING (pair) WHERE id = ?1");
        Ok(self.ask(&sql, [id], |row| review_at(row, 0))?.pop().flatten())
    }

    /// The pairs of the manifest that are marked to be made again and can be, in its order: a run has
    /// made none of them again yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn marked_again(&self) -> Result<Vec<Mark>, LedgerError> {
        // Nobody has said anything of most pairs.
        let sql = format!(
            "SELECT id, {REVIEW} FROM pairs p JOIN standings s USING (pair)
                WHERE pair IN (SELECT pair FROM reviews WHERE decision = 'again')
                    AND state IN ('saved', 'failed', 'abandoned')
                    AND listing = (SELECT listing FROM batch) ORDER BY place"
        );
        let marks = self.ask(&sql, (), |row| Ok((row.get(0)?, review_at(row, 1)?)))?;
        let again = |(id, review): (String, Option<Review>)| {
            let Review { prompt, note, .. } =
                review.filter(|review| review.decision == Some(Decision::Again))?;
            Some(Mark { id, prompt, why: note })
        };
        Ok(marks.into_iter().filter_map(again).collect())
    }

    /// Goes through all that was said, pair by pair in the manifest's order, the first word first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn reviewed(&self) -> Result<Vec<Reviewed>, LedgerError> {
        let is_same = "r.task_id IS s.task_id AND (s.task_id IS NOT NULL OR r.attempt = s.attempt)";
        let sql = format!(
            "SELECT id, state, r.task_id, iif({is_same} AND state = 'saved', video_path, NULL),
                {is_same} AND r.n = (SELECT max(n) FROM reviews l
                    WHERE l.pair = r.pair AND l.task_id IS r.task_id
                        AND (l.task_id IS NOT NULL OR l.attempt = r.attempt)),
                json_array(r.decision, r.prompt, r.note, r.who, r.at)
            FROM reviews r JOIN pairs p USING (pair) JOIN standings s USING (pair)
            ORDER BY place, r.n"
        );
        self.ask(&sql, (), |row| {
            Ok(Reviewed {
                id: row.get(0)?,
                state: state_at(row, 1)?,
                task_id: row.get(2)?,
                video_path: row.get(3)?,
                counts: row.get(4)?,
                review: review_at(row, 5)?.ok_or_else(|| unreadable(5))?,
            })
        })
    }

    /// How often tags of known pairs have changed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn labels(&self) -> Result<u64, LedgerError> {
        self.one("SELECT labels FROM batch", ())
    }

    /// How far there is something to be read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seen(&self) -> Result<Seen, LedgerError> {
        let sql = "SELECT (SELECT coalesce(max(n), 0) FROM events),
            (SELECT coalesce(max(n), 0) FROM reviews), (SELECT coalesce(max(pair), 0) FROM pairs)";
        let read = |row: &SqlRow<'_>| {
            Ok(Seen { events: row.get(0)?, reviews: row.get(1)?, pairs: row.get(2)? })
        };
        Ok(self.ask(sql, (), read)?.pop().unwrap_or_default())
    }

    /// The pairs of which something changed since somebody looked, as they are now, and how far that is.
    /// There may be more: until it is as far as [`View::seen`] says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn cards_since(&self, since: Seen) -> Result<(Vec<Card>, Seen), LedgerError> {
        let now = self.seen()?;
        let next = |since: u64, now: u64| now.min(since.saturating_add(PAGE));
        let until = Seen {
            events: next(since.events, now.events),
            reviews: next(since.reviews, now.reviews),
            pairs: next(since.pairs, now.pairs),
        };
        let sql = format!(
            "SELECT {} FROM pairs p JOIN standings s USING (pair) WHERE pair IN (
                SELECT pair FROM events WHERE n > ?1 AND n <= ?2
                UNION SELECT pair FROM reviews WHERE n > ?3 AND n <= ?4
                UNION SELECT pair FROM pairs WHERE pair > ?5 AND pair <= ?6) ORDER BY place",
            card_columns()
        );
        let range = params![
            since.events,
            until.events,
            since.reviews,
            until.reviews,
            since.pairs,
            until.pairs
        ];
        Ok((self.ask(&sql, range, read_card)?, until))
    }

    /// Where a video is that lies in a bucket, if any does: `s3://bucket/folder/name`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn any_in_bucket(&self) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT video_path FROM standings WHERE video_path LIKE 's3://%' LIMIT 1";
        Ok(self.ask(sql, (), |row| row.get(0))?.pop())
    }

    /// One pair by its id, as a page shows it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn card(&self, id: &str) -> Result<Option<Card>, LedgerError> {
        let columns = card_columns();
        let sql =
            format!("SELECT {columns} FROM pairs p JOIN standings s USING (pair) WHERE id = ?1");
        Ok(self.ask(&sql, [id], read_card)?.pop())
    }
}

/// In a column of [`REVIEW`].
pub(super) fn review_at(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Review>> {
    type Columns = (Option<String>, Option<String>, Option<String>, String, i64);
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let columns: Columns = serde_json::from_str(text).map_err(|_| unreadable(column))?;
    let (decision, prompt, note, who, at) = columns;
    let decision = decision.as_deref().and_then(Decision::from_name);
    let at = Timestamp::from_millisecond(at).map_err(|_| unreadable(column))?;
    Ok(Some(Review { decision, prompt, note, who, at }))
}

fn unreadable(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "review".to_owned(), rusqlite::types::Type::Text)
}

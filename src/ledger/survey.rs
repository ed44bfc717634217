//! Where a whole batch stands, from one look at each pair.
//!
//! Of a million pairs each look takes a tenth of a second, so all that is counted is counted in one;
//! what takes more is asked only where that one found any of it.

use std::collections::HashSet;

use rusqlite::Row as SqlRow;

use super::bills::Billed;
use super::lookup::state_at;
use super::{Bills, LedgerError, Remarked, View};
use crate::state::State;
use crate::view::Row;

/// What is counted of a batch.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// How many listed pairs stand in each state that any stands in.
    pub counts: Vec<(State, u64)>,
    /// The pairs that have a link and no file yet, the link that dies first first.
    pub unsaved: Vec<Row>,
    /// The saved videos about which something is odd, in manifest order; then those that are the
    /// same, byte for byte, as the video of another recording.
    pub remarked: Vec<Remarked>,
    /// What the service says that the tasks cost.
    pub bills: Bills,
}

/// All pairs, whether listed or not.
#[derive(Debug, Default)]
struct Looks {
    counts: [u64; State::ALL.len()],
    billed: Billed,
    /// Whether anything was noted of a saved video.
    noted: bool,
    /// Whether two saved videos seem to be the same.
    repeated: bool,
    /// How the digests of those begin that were seen.
    videos: HashSet<u64>,
}

impl View {
    /// Where the batch stands.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn survey(&self) -> Result<Survey, LedgerError> {
        let looks = self.look_at_all()?;
        let has_links = looks.counts[place(State::Completed)] > 0;
        let counts = if self.lists_all()? { looks.counts() } else { self.counts()? };
        let unsaved = if has_links { self.unsaved()? } else { Vec::new() };
        let remarked = self.remarked((looks.noted, looks.repeated))?;
        Ok(Survey { counts, unsaved, remarked, bills: self.bills_with(looks.billed)? })
    }

    /// What the service says that the tasks cost.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bills(&self) -> Result<Bills, LedgerError> {
        self.bills_with(self.look_at_all()?.billed)
    }

    fn look_at_all(&self) -> Result<Looks, LedgerError> {
        let sql = "SELECT state, credits_millionths, task_id IS NOT NULL, price, seconds,
                CASE state WHEN 'saved' THEN error_code <> '' END,
                CASE state WHEN 'saved' THEN substr(video_sha256, 1, 16) END
            FROM standings";
        let mut looks = Looks::default();
        self.ask(sql, (), |row| looks.look(row))?;
        Ok(looks)
    }
}

impl Looks {
    fn look(&mut self, row: &SqlRow<'_>) -> rusqlite::Result<()> {
        let state = state_at(row, 0)?;
        self.counts[place(state)] += 1;
        self.billed.look(row, state == State::Failed)?;
        if state != State::Saved {
            return Ok(());
        }
        self.noted |= row.get::<_, bool>(5)?;
        let start = row.get_ref(6)?.as_str_or_null()?.unwrap_or_default();
        self.repeated |= !self.videos.insert(u64::from_str_radix(start, 16).unwrap_or_default());
        Ok(())
    }

    fn counts(&self) -> Vec<(State, u64)> {
        let mut counts: Vec<_> = State::ALL.map(|state| (state, self.counts[place(state)])).into();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_unstable();
        counts
    }
}

/// Among all states.
fn place(state: State) -> usize {
    State::ALL.iter().position(|one| *one == state).unwrap_or_default()
}

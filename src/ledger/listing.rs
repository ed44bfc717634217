//! Brings the ledger up to date with a manifest.

use std::time::Duration;

use rusqlite::params;

use super::lookup::millis;
use super::seen::Seen;
use super::write::{Known, Trace, Write};
use super::{LedgerError, Listing, View, Wanted};
use crate::pair::{Fingerprint, Pair, Tag};
use crate::state::{Event, State};

/// A pair as the manifest has it now.
struct Listed<'a> {
    listing: i64,
    place: i64,
    pair: &'a Pair,
    body: String,
    fingerprint: Fingerprint,
    tags: Option<String>,
}

impl<'a> Listed<'a> {
    fn new(listing: i64, place: i64, pair: &'a Pair) -> Self {
        let body = pair.request.to_json().to_string();
        let fingerprint = Fingerprint::of(&body);
        // A tag has no comma in it.
        let tags: Vec<_> = pair.tags.iter().map(Tag::as_str).collect();
        let tags = (!tags.is_empty()).then(|| tags.join(","));
        Self { listing, place, pair, body, fingerprint, tags }
    }

    fn is_same(&self, known: &Known) -> bool {
        known.fingerprint == self.fingerprint.as_bytes()
    }

    /// Whether only the events of a lost ledger told of the pair: nobody knows what was asked for.
    fn is_first_told(known: &Known) -> bool {
        known.fingerprint.is_empty()
    }
}

impl View {
    /// The pairs that only the events of a lost ledger told of and that no manifest has listed since,
    /// with their tasks: nobody knows what they asked for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn told(&self) -> Result<Vec<(String, Option<String>)>, LedgerError> {
        let sql = "SELECT id, task_id FROM pairs JOIN standings USING (pair)
            WHERE fingerprint = x'' ORDER BY place";
        self.ask(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// A listing that is under way. Rows that say already what the manifest says are not written again.
pub(super) struct Lister<'w, 'a> {
    write: &'w mut Write<'a>,
    listing: i64,
    place: i64,
    /// What is made again at the end, in a ledger that knew nothing before.
    indexes: Option<Vec<String>>,
    found: Listing,
    /// The rows of pairs that ask for what is known of them.
    seen: Seen,
    /// Those that are new or ask for something else, with their places: which of them only have
    /// another id now is known at the end.
    left: Vec<(i64, Pair)>,
}

impl<'w, 'a> Lister<'w, 'a> {
    pub(super) fn new(write: &'w mut Write<'a>) -> Result<Self, LedgerError> {
        let sql = "UPDATE batch SET listing = max(listing, 1), listed = NULL RETURNING listing";
        let listing = write.only_row(sql, (), |row| row.get(0))?;
        write.execute("DELETE FROM revisions", ())?;
        let indexes = if write.is_blank()? { Some(write.drop_indexes()?) } else { None };
        let (found, seen, left) = (Listing::default(), Seen::default(), Vec::new());
        Ok(Self { write, listing, place: 0, indexes, found, seen, left })
    }

    /// Lists the next pair.
    pub(super) fn add(&mut self, pair: &Pair) -> Result<(), LedgerError> {
        let place = self.place;
        self.place += 1;
        let listed = Listed::new(self.listing, place, pair);
        if self.indexes.is_some() {
            self.found.new += 1;
            return self.write.insert_one(&listed);
        }
        match self.write.find(pair.id.as_str())? {
            Some(known) if listed.is_same(&known) => {
                self.seen.add(known.intent.pair);
                self.write.list_one(&listed, Some(&known), &mut self.found).map(drop)
            }
            _ => {
                self.left.push((place, pair.clone()));
                Ok(())
            }
        }
    }

    /// Lists what is left, and no longer what the manifest does not have. `digest` tells what was
    /// listed from anything else.
    pub(super) fn end(self, digest: Option<&str>) -> Result<Listing, LedgerError> {
        let Self { write, listing, indexes, mut found, mut seen, left, .. } = self;
        if let Some(indexes) = indexes {
            write.stand_all_new()?;
            indexes.iter().try_for_each(|index| write.execute(index, ()).map(drop))?;
            write.end_listing(true, digest)?;
            return Ok(found);
        }
        let listed = left.iter().map(|(place, pair)| Listed::new(listing, *place, pair));
        let listed: Vec<_> = listed.collect();
        let wanted =
            listed.iter().map(|one| Wanted { pair: one.pair, fingerprint: one.fingerprint });
        // Only now it is known which ids still ask for what was sent under them.
        found.renamed = write.rename(&wanted.collect::<Vec<_>>(), &seen)?;
        for one in &listed {
            let known = write.find(one.pair.id.as_str())?;
            seen.add(write.list_one(one, known.as_ref(), &mut found)?);
        }
        let all = write.only_row("SELECT count(*) FROM pairs", (), |row| row.get(0))?;
        if seen.count() < all {
            write.unlist(listing, &seen)?;
        }
        // What was changed after it was sent is looked at each time: it may have failed since.
        let digest = digest.filter(|_| found.changed == 0);
        write.end_listing(seen.count() == all, digest)?;
        Ok(found)
    }
}

impl Write<'_> {
    /// Whether the ledger knows no pair.
    pub(super) fn is_blank(&self) -> Result<bool, LedgerError> {
        self.only_row("SELECT NOT EXISTS (SELECT 1 FROM pairs)", (), |row| row.get(0))
    }

    /// Sorting at the end is cheaper than finding a place for each. Gives what makes them again.
    fn drop_indexes(&self) -> Result<Vec<String>, LedgerError> {
        // That of the ids holds them apart, and stays.
        let sql = "SELECT name, sql FROM sqlite_schema
            WHERE type = 'index' AND tbl_name = 'pairs' AND sql NOT NULL";
        let mut statement = self.transaction.prepare(sql).map_err(|error| self.failed(&error))?;
        let indexes = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
        let indexes: Result<Vec<(String, String)>, _> = indexes.and_then(Iterator::collect);
        let (names, made): (Vec<_>, Vec<_>) =
            indexes.map_err(|error| self.failed(&error))?.into_iter().unzip();
        names
            .iter()
            .try_for_each(|name| self.execute(&format!("DROP INDEX \"{name}\""), ()).map(drop))?;
        Ok(made)
    }

    /// All pairs of a ledger that knew nothing stand planned.
    fn stand_all_new(&self) -> Result<(), LedgerError> {
        let sql = "INSERT INTO standings (pair, state, attempt, since)
            SELECT pair, ?1, 0, ?2 FROM pairs";
        self.execute(sql, params![State::Planned.name(), self.now.as_millisecond()]).map(drop)
    }

    /// Lists a pair, and gives its row.
    fn list_one(
        &mut self,
        listed: &Listed<'_>,
        known: Option<&Known>,
        found: &mut Listing,
    ) -> Result<i64, LedgerError> {
        let Some(known) = known else {
            found.new += 1;
            self.insert_one(listed)?;
            return self.stand_new();
        };
        let same = listed.is_same(known);
        match (same, known.state) {
            (true, _) => found.known += 1,
            (false, _) if Listed::is_first_told(known) => {
                found.known += 1;
                self.take_request(listed, known)?;
                return self.relist(listed, known, false);
            }
            // Nothing was made of the old request, so the new one takes its place.
            (false, State::Planned | State::Rejected) => {
                found.revised += 1;
                self.revise(listed, known)?;
                return self.relist(listed, known, false);
            }
            (false, state) => {
                found.changed += 1;
                if state == State::Failed {
                    self.keep_revision(listed, known)?;
                }
            }
        }
        self.relist(listed, known, !same)
    }

    fn insert_one(&self, listed: &Listed<'_>) -> Result<(), LedgerError> {
        let request = &listed.pair.request;
        self.execute(
            "INSERT INTO pairs
                (id, place, listing, changed, body, fingerprint, image_url, audio_url, take, tags)
                VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                listed.pair.id.as_str(),
                listed.place,
                listed.listing,
                listed.body,
                listed.fingerprint.as_bytes(),
                request.image.as_written(),
                request.audio.as_written(),
                listed.pair.take,
                listed.tags,
            ],
        )
        .map(drop)
    }

    /// The pair whose row was just inserted stands planned. Gives its row.
    pub(super) fn stand_new(&self) -> Result<i64, LedgerError> {
        let sql = "INSERT INTO standings (pair, state, attempt, since)
            VALUES (last_insert_rowid(), ?1, 0, ?2) RETURNING pair";
        let planned = params![State::Planned.name(), self.now.as_millisecond()];
        self.only_row(sql, planned, |row| row.get(0))
    }

    /// Rows of this listing that were not seen are not listed any more.
    fn unlist(&self, listing: i64, seen: &Seen) -> Result<(), LedgerError> {
        let sql = "SELECT pair FROM pairs WHERE listing = ?1";
        let mut statement = self.transaction.prepare(sql).map_err(|error| self.failed(&error))?;
        let rows = statement.query_map([listing], |row| row.get(0)).and_then(Iterator::collect);
        let rows: Vec<i64> = rows.map_err(|error| self.failed(&error))?;
        let sql = "UPDATE pairs SET listing = ?2 WHERE pair = ?1";
        let mut gone = rows.into_iter().filter(|row| !seen.has(*row));
        gone.try_for_each(|row| self.execute(sql, [row, listing - 1]).map(drop))
    }

    fn end_listing(&self, all: bool, digest: Option<&str>) -> Result<(), LedgerError> {
        let sql = "UPDATE batch SET all_listed = ?1, listed = ?2";
        self.execute(sql, params![all, digest]).map(drop)
    }

    fn revise(&mut self, listed: &Listed<'_>, known: &Known) -> Result<(), LedgerError> {
        if known.state == State::Rejected {
            let trace = Trace::default();
            self.apply(&known.intent, State::Rejected, Event::Revised, &trace)?;
        }
        self.take_request(listed, known)
    }

    /// What the manifest asks for is what the pair stands for.
    fn take_request(&self, listed: &Listed<'_>, known: &Known) -> Result<(), LedgerError> {
        let request = &listed.pair.request;
        self.execute(
            "UPDATE pairs SET body = ?2, fingerprint = ?3, image_url = ?4, audio_url = ?5,
                audio_millis = NULL WHERE pair = ?1",
            params![
                known.intent.pair,
                listed.body,
                listed.fingerprint.as_bytes(),
                request.image.as_written(),
                request.audio.as_written(),
            ],
        )?;
        Ok(())
    }

    /// What was sent stays what the pair shows, until it is created again.
    fn keep_revision(&self, listed: &Listed<'_>, known: &Known) -> Result<(), LedgerError> {
        let request = &listed.pair.request;
        let sql = "INSERT INTO revisions (pair, body, fingerprint, image_url, audio_url)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let revision = params![
            known.intent.pair,
            listed.body,
            listed.fingerprint.as_bytes(),
            request.image.as_written(),
            request.audio.as_written(),
        ];
        self.execute(sql, revision).map(drop)
    }

    /// A request that changes loses what was measured of the old one.
    pub(super) fn measure(&self, lengths: &[(&str, Duration)]) -> Result<(), LedgerError> {
        let listed = "UPDATE pairs SET audio_millis = ?2
            WHERE id = ?1 AND changed = 0 AND audio_millis IS NOT ?2";
        let revised = "UPDATE revisions SET audio_millis = ?2
            WHERE pair = (SELECT pair FROM pairs WHERE id = ?1)";
        // A batch may be large, and few of its pairs are to be revised.
        let any = "SELECT EXISTS (SELECT 1 FROM revisions)";
        let any: bool = self.only_row(any, (), |row| row.get(0))?;
        for (id, length) in lengths {
            let length = millis(Some(*length));
            self.execute(listed, params![id, length])?;
            if any {
                self.execute(revised, params![id, length])?;
            }
        }
        Ok(())
    }

    fn relist(
        &self,
        listed: &Listed<'_>,
        known: &Known,
        changed: bool,
    ) -> Result<i64, LedgerError> {
        let stays = known.listing == listed.listing && known.place == listed.place;
        // The take goes with what was sent.
        let same = changed || known.take == listed.pair.take;
        if !stays || !same || known.changed != changed {
            self.execute(
                "UPDATE pairs SET place = ?2, listing = ?3, changed = ?4, take = iif(?4, take, ?5)
                    WHERE pair = ?1",
                params![known.intent.pair, listed.place, listed.listing, changed, listed.pair.take],
            )?;
        }
        if known.tags != listed.tags {
            let sql = "UPDATE pairs SET tags = ?2 WHERE pair = ?1";
            self.execute(sql, params![known.intent.pair, listed.tags])?;
            self.execute("UPDATE batch SET labels = labels + 1", ())?;
        }
        Ok(known.intent.pair)
    }
}

//! Brings the ledger up to date with a manifest.

use std::time::Duration;

use rusqlite::params;

use super::lookup::millis;
use super::write::{Known, Trace, Write};
use super::{LedgerError, Listing, View, Wanted};
use crate::pair::{Fingerprint, Pair};
use crate::state::{Event, State};

/// A pair as the manifest has it now.
struct Listed<'a> {
    listing: i64,
    place: i64,
    pair: &'a Pair,
    body: String,
    fingerprint: Fingerprint,
}

impl<'a> Listed<'a> {
    fn new(listing: i64, place: i64, pair: &'a Pair) -> Self {
        let body = pair.request.to_json().to_string();
        let fingerprint = Fingerprint::of(&body);
        Self { listing, place, pair, body, fingerprint }
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

impl Write<'_> {
    /// Lists all pairs; those that the manifest no longer has keep an older listing's number.
    pub(super) fn list(&mut self, pairs: &[Pair]) -> Result<Listing, LedgerError> {
        let sql = "UPDATE batch SET listing = listing + 1 RETURNING listing";
        let listing = self.only_row(sql, (), |row| row.get(0))?;
        self.execute("DELETE FROM revisions", ())?;
        let mut found = Listing::default();
        let (mut places, mut wanted) = (Vec::new(), Vec::new());
        for (place, pair) in (0..).zip(pairs) {
            let listed = Listed::new(listing, place, pair);
            // A new ledger knows nothing; not asking it halves the time of a first listing.
            let known = if listing == 1 { None } else { self.find(pair.id.as_str())? };
            let fingerprint = listed.fingerprint;
            if listing == 1 || known.as_ref().is_some_and(|known| listed.is_same(known)) {
                self.list_one(&listed, known.as_ref(), &mut found)?;
            } else {
                places.push(place);
                wanted.push(Wanted { pair, fingerprint });
            }
        }
        // Only now it is known which ids still ask for what was sent under them.
        found.renamed = self.rename(&wanted, listing)?;
        for (place, Wanted { pair, .. }) in places.into_iter().zip(&wanted) {
            let known = self.find(pair.id.as_str())?;
            self.list_one(&Listed::new(listing, place, pair), known.as_ref(), &mut found)?;
        }
        Ok(found)
    }

    fn list_one(
        &mut self,
        listed: &Listed<'_>,
        known: Option<&Known>,
        found: &mut Listing,
    ) -> Result<(), LedgerError> {
        let Some(known) = known else {
            found.new += 1;
            return self.insert(listed);
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

    fn insert(&self, listed: &Listed<'_>) -> Result<(), LedgerError> {
        let request = &listed.pair.request;
        self.execute(
            "INSERT INTO pairs
                (id, place, listing, changed, body, fingerprint, image_url, audio_url, take)
                VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8)",
            params![
                listed.pair.id.as_str(),
                listed.place,
                listed.listing,
                listed.body,
                listed.fingerprint.as_bytes(),
                request.image.as_written(),
                request.audio.as_written(),
                listed.pair.take,
            ],
        )?;
        self.stand_new()
    }

    /// The pair whose row was just inserted stands planned.
    pub(super) fn stand_new(&self) -> Result<(), LedgerError> {
        let sql = "INSERT INTO standings (pair, state, attempt, since)
            VALUES (last_insert_rowid(), ?1, 0, ?2)";
        self.execute(sql, params![State::Planned.name(), self.now.as_millisecond()]).map(drop)
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

    fn relist(&self, listed: &Listed<'_>, known: &Known, changed: bool) -> Result<(), LedgerError> {
        self.execute(
            // The take goes with what was sent.
            "UPDATE pairs SET place = ?2, listing = ?3, changed = ?4, take = iif(?4, take, ?5)
                WHERE pair = ?1",
            params![known.intent.pair, listed.place, listed.listing, changed, listed.pair.take],
        )?;
        Ok(())
    }
}

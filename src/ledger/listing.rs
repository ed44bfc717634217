//! Brings the ledger up to date with a manifest.

use rusqlite::params;

use super::write::{Known, Trace, Write};
use super::{LedgerError, Listing};
use crate::pair::{Fingerprint, Pair};
use crate::state::{Event, State};

/// Where a pair stands in which listing.
#[derive(Clone, Copy)]
struct Place {
    listing: i64,
    place: i64,
}

impl Write<'_> {
    /// Lists all pairs; those that the manifest no longer has keep an older listing's number.
    pub(super) fn list(&mut self, pairs: &[Pair]) -> Result<Listing, LedgerError> {
        let sql = "UPDATE batch SET listing = listing + 1 RETURNING listing";
        let listing = self.only_row(sql, (), |row| row.get(0))?;
        let mut found = Listing::default();
        for (place, pair) in (0..).zip(pairs) {
            self.list_one(Place { listing, place }, pair, &mut found)?;
        }
        Ok(found)
    }

    fn list_one(&mut self, at: Place, pair: &Pair, found: &mut Listing) -> Result<(), LedgerError> {
        let body = pair.request.to_json().to_string();
        let Some(known) = self.find(pair.id.as_str())? else {
            found.new += 1;
            return self.insert(at, pair.id.as_str(), &body);
        };
        let same = known.fingerprint == Fingerprint::of(&body).as_bytes();
        match (same, known.state) {
            (true, _) => found.known += 1,
            // Nothing was made of the old request, so the new one takes its place.
            (false, State::Planned | State::Rejected) => {
                found.revised += 1;
                self.revise(&known, &body)?;
            }
            (false, _) => {
                found.changed += 1;
                return self.relist(at, &known, true);
            }
        }
        self.relist(at, &known, false)
    }

    fn insert(&self, at: Place, id: &str, body: &str) -> Result<(), LedgerError> {
        let fingerprint = Fingerprint::of(body);
        self.execute(
            "INSERT INTO pairs
                (id, place, listing, body, fingerprint, changed, state, attempt, since)
                VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0, ?7)",
            params![
                id,
                at.place,
                at.listing,
                body,
                fingerprint.as_bytes(),
                State::Planned.name(),
                self.now.as_millisecond(),
            ],
        )?;
        Ok(())
    }

    fn revise(&mut self, known: &Known, body: &str) -> Result<(), LedgerError> {
        if known.state == State::Rejected {
            let trace = Trace::default();
            self.apply(&known.receipt, State::Rejected, Event::Revised, &trace)?;
        }
        self.execute(
            "UPDATE pairs SET body = ?2, fingerprint = ?3 WHERE pair = ?1",
            params![known.receipt.pair, body, Fingerprint::of(body).as_bytes()],
        )?;
        Ok(())
    }

    fn relist(&self, at: Place, known: &Known, changed: bool) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE pairs SET place = ?2, listing = ?3, changed = ?4 WHERE pair = ?1",
            params![known.receipt.pair, at.place, at.listing, changed],
        )?;
        Ok(())
    }
}

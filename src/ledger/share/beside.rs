//! What was paid for in other batches of the database, as a run folder nearby would say it.

use super::lost_to;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{Around, PaidThere, around, paid};
use crate::ledger::{LedgerError, Paid};
use crate::pair::{Fingerprint, unsigned};

/// A pair of another batch that was paid for, or may be.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The batch's name.
    pub batch: String,
    /// Of what it asks for.
    pub fingerprint: Fingerprint,
    /// The same without the signatures of its links.
    pub unsigned: Fingerprint,
    /// The manifest's number of a twin request.
    pub take: u32,
    /// The pair.
    pub paid: Paid,
}

impl Beside {
    /// What the database knows of beside what a batch lists.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached.
    pub fn around(settings: &Settings, name: &str) -> Result<Around, LedgerError> {
        around(settings, name).map_err(|error| lost_to(&error))
    }

    /// Which of these requests, known by what they are without the signatures of their links, others have
    /// paid for at one of these addresses; what was paid comes first.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached.
    pub fn find(
        settings: &Settings,
        batch: (&str, &[String]),
        requests: &[Fingerprint],
    ) -> Result<Vec<Self>, LedgerError> {
        let found = paid(settings, batch, requests).map_err(|error| lost_to(&error))?;
        Ok(found.into_iter().map(Self::of).collect())
    }

    fn of(there: PaidThere) -> Self {
        let PaidThere { batch, id, body, take, state, about_to_be } = there;
        let paid = Paid { id, state, about_to_be };
        let take = u32::try_from(take).unwrap_or(1);
        let (fingerprint, unsigned) = (Fingerprint::of(&body), unsigned(&body));
        Self { batch, fingerprint, unsigned, take, paid }
    }
}

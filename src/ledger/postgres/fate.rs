//! What became of a statement whose answer was lost: told by the worker's own row alone.
//!
//! A worker's number moves by one with each statement that was committed, and by [`LEAP`] with each
//! look at what became of one, whose answer may be lost as well. After the leap the statement can
//! no longer be committed, wherever it is held up.

/// How far a look moves the number: further than statements that can be under way.
pub(super) const LEAP: i64 = 1000;

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was committed. Its claims were never handed out; its settlements stand.
    Committed,
    /// It was not, and never will be.
    Never,
    /// The database knows less than it did: an older one is in its place.
    WentBack,
    /// Somebody else has moved this worker's number.
    Taken,
}

impl Fate {
    /// Of the statement that was sent when the number was `sent`, where it is `found` now.
    #[must_use]
    pub fn read(sent: i64, found: Option<i64>) -> Self {
        let moved = found.map(|found| found.saturating_sub(sent));
        match moved {
            None | Some(i64::MIN..0) => Self::WentBack,
            Some(moved) if moved % LEAP == 0 => Self::Never,
            Some(moved) if moved % LEAP == 1 => Self::Committed,
            Some(_) => Self::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_number_tells_what_became_of_a_statement() {
        for (found, fate) in [
            (None, Fate::WentBack),
            (Some(6), Fate::WentBack),
            (Some(-1000), Fate::WentBack),
            (Some(7), Fate::Never),
            (Some(8), Fate::Committed),
            (Some(9), Fate::Taken),
            (Some(1007), Fate::Never),
            (Some(3008), Fate::Committed),
            (Some(1009), Fate::Taken),
        ] {
            assert_eq!(Fate::read(7, found), fate, "{found:?}");
        }
    }
}

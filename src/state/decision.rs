//! What people decide about a video that was made.

use std::fmt;

/// What is to become of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It is good.
    Approved,
    /// It is to be made again.
    Again,
    /// It is of no use, and not made again.
    Declined,
}

impl Decision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Approved, Self::Again, Self::Declined];

    /// As the ledger, the CSV and the page have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Again => "again",
            Self::Declined => "declined",
        }
    }

    /// What is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

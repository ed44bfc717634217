//! Exit codes: a documented interface for scripts and schedulers.

/// How a command ended. The order is that of precedence: the first that applies is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Stopped at once by a second signal. Nothing is lost; pairs may be in doubt at the next run.
    Killed,
    /// The command line or the manifest is wrong. Nothing was sent.
    Usage,
    /// Another run holds the ledger. Nothing was sent.
    InUse,
    /// Media were checked, and some cannot be used. Nothing was sent.
    Unfit,
    /// The account cannot create anything: 401, 403 or a used-up balance. Top up or mend the key,
    /// then give the same command again.
    Account,
    /// More may not be spent. The pairs that are left stay planned.
    Budget,
    /// The machine failed: disk, permissions, a damaged ledger. What could not be recorded was not
    /// sent.
    Fault,
    /// Pairs are in doubt: a person has to settle them with `callsheet resolve`.
    InDoubt,
    /// Stopped early with work left. Give the same command again.
    WorkLeft,
    /// All is settled, but some pairs were rejected or have failed, or a video was lost or wrong.
    SomeFailed,
    /// All done.
    Done,
}

impl Exit {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 11] = [
        Self::Killed,
        Self::Usage,
        Self::InUse,
        Self::Unfit,
        Self::Account,
        Self::Budget,
        Self::Fault,
        Self::InDoubt,
        Self::WorkLeft,
        Self::SomeFailed,
        Self::Done,
    ];

    /// The number that the process returns.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Killed => 130,
            Self::Usage => 2,
            Self::InUse => 11,
            Self::Unfit => 6,
            Self::Account => 7,
            Self::Budget => 8,
            Self::Fault => 1,
            Self::InDoubt => 5,
            Self::WorkLeft => 4,
            Self::SomeFailed => 3,
            Self::Done => 0,
        }
    }

    /// In a few words, for help texts.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Killed => "stopped at once by a second signal",
            Self::Usage => "the command line or the manifest is wrong; nothing was sent",
            Self::InUse => "another run holds the ledger",
            Self::Account => "the account cannot create: key, permission or balance",
            Self::Unfit => "media cannot be used; nothing was sent",
            Self::Budget => "the budget does not allow more; the rest stays planned",
            Self::Fault => "the machine failed: disk, permissions, a damaged ledger",
            Self::InDoubt => "pairs are in doubt: settle them with `callsheet resolve`",
            Self::WorkLeft => "stopped early, work left: give the same command again",
            Self::SomeFailed => {
                "all is settled, but some pairs were rejected or have failed, or a video was lost or wrong"
            }
            Self::Done => "all done",
        }
    }

    /// All codes and meanings, a line each, by number.
    #[must_use]
    pub fn table() -> String {
        let mut all = Self::ALL;
        all.sort_unstable_by_key(|exit| exit.code());
        all.map(|exit| format!("{:>5}  {}", exit.code(), exit.meaning())).join("\n")
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code_once() {
        let table = Exit::table();
        assert_eq!(table.lines().count(), Exit::ALL.len());
        assert!(table.starts_with("    0  all done\n    1  the machine failed"));
        assert!(Exit::ALL.is_sorted(), "the order is the precedence");
    }
}

//! Exit codes: a documented interface for scripts and schedulers.

/// How a command ended. The order is that of precedence: the first that applies is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Exit {
    /// Stopped at once by a second signal. Nothing is lost; pairs may be in doubt at the next run.
    Killed,
    /// The command line or the manifest is wrong. Nothing was sent.
    Usage,
    /// Another run holds the ledger. Nothing was sent.
    InUse,
    /// Media were checked, and some cannot be used; or videos cannot be stored in their bucket; or
    /// `doctor` found what would keep a run from working. Nothing was sent.
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
            Self::Unfit => "media, the bucket for videos, or what doctor looked at cannot be used",
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

    /// The first of those that apply, in order of precedence, but for those that are passed over.
    #[must_use]
    pub fn first(applying: impl IntoIterator<Item = Self>, passed_over: &[Self]) -> Self {
        let counts = applying.into_iter().filter(|exit| !passed_over.contains(exit));
        counts.min().unwrap_or(Self::Done)
    }

    /// Reads one that may be passed over: it says how far a batch has come, and not that something is
    /// wrong with the command, the account or the machine.
    ///
    /// # Errors
    /// What may be passed over, if this may not.
    pub fn passable(code: &str) -> Result<Self, String> {
        let passable = [Self::SomeFailed, Self::WorkLeft, Self::InDoubt, Self::Budget];
        let named = code.trim().parse().ok();
        let exit = passable.into_iter().find(|exit| Some(exit.code()) == named);
        exit.ok_or_else(|| "only 3, 4, 5 and 8 can be passed over, such as 3,5".to_owned())
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

    #[test]
    fn what_is_passed_over_lets_the_next_one_through() {
        let all = [Exit::SomeFailed, Exit::Done, Exit::InDoubt, Exit::WorkLeft];
        assert_eq!(Exit::first(all, &[]), Exit::InDoubt);
        assert_eq!(Exit::first(all, &[Exit::InDoubt]), Exit::WorkLeft);
        assert_eq!(Exit::first(all, &[Exit::InDoubt, Exit::WorkLeft]), Exit::SomeFailed);
        let both = [Exit::SomeFailed, Exit::InDoubt, Exit::WorkLeft];
        assert_eq!(Exit::first(all, &both), Exit::Done);
        assert_eq!(Exit::first([Exit::Account, Exit::InDoubt], &both), Exit::Account);
    }

    #[test]
    fn only_what_says_how_far_a_batch_is_can_be_passed_over() {
        assert_eq!(Exit::passable(" 5"), Ok(Exit::InDoubt));
        for code in ["0", "1", "2", "6", "7", "11", "130", "9", "-3", "all", ""] {
            assert!(Exit::passable(code).is_err(), "{code}");
        }
    }
}

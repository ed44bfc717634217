//! The other batches in the database of a shared ledger.

#[cfg(feature = "postgres")]
pub(super) use self::reached::{Others, are_there_any, has_other_batches};
#[cfg(not(feature = "postgres"))]
pub(super) use self::unknown::{Others, are_there_any, has_other_batches};

#[cfg(feature = "postgres")]
mod reached {
    use std::collections::{BTreeMap, HashMap};

    use crate::commands::failure::Failure;
    use crate::commands::nearby::find::Find;
    use crate::commands::nearby::{Search, Wish};
    use crate::commands::sharing::Shared;
    use crate::ledger::Beside;
    use crate::pair::Fingerprint;

    /// What was paid for in them of what a run would create.
    #[derive(Debug, Default)]
    pub(in crate::commands::nearby) struct Others {
        known: HashMap<Fingerprint, Vec<Beside>>,
        finds: BTreeMap<String, Find>,
    }

    /// Whether the database knows of requests beside those that the batch lists.
    pub(in crate::commands::nearby) fn are_there_any(
        shared: Option<&Shared>,
    ) -> Result<bool, Failure> {
        let Some(shared) = shared else { return Ok(false) };
        let around = Beside::around(&shared.settings()?, &shared.name)?;
        Ok(around.batches || around.unlisted)
    }

    /// Whether it has other batches.
    pub(in crate::commands::nearby) fn has_other_batches(
        shared: Option<&Shared>,
    ) -> Result<bool, Failure> {
        let Some(shared) = shared else { return Ok(false) };
        Ok(Beside::around(&shared.settings()?, &shared.name)?.batches)
    }

    impl Others {
        /// Looks up what is wished for; `names` are those of the service.
        pub(in crate::commands::nearby) fn read(
            shared: Option<&Shared>,
            names: &[String],
            wishes: &[Wish<'_>],
        ) -> Result<Self, Failure> {
            let Some(shared) = shared else { return Ok(Self::default()) };
            let requests: Vec<_> = wishes.iter().map(|wish| wish.unsigned).collect();
            let found = Beside::find(&shared.settings()?, (&shared.name, names), &requests)?;
            let mut others = Self::default();
            for one in found {
                others.known.entry(one.unsigned).or_default().push(one);
            }
            Ok(others)
        }

        /// Takes out of what is searched what was paid for there: request for request, or also what
        /// differs by no more than the signatures of links.
        pub(in crate::commands::nearby) fn take(&mut self, search: &mut Search<'_>, exact: bool) {
            for wish in std::mem::take(&mut search.wishes) {
                let named_by_signature =
                    search.ambiguous.contains(&(wish.unsigned, wish.pair.take));
                let fits = |one: &&Beside| {
                    one.take == wish.pair.take
                        && match exact {
                            true => one.fingerprint == wish.fingerprint,
                            false => !named_by_signature,
                        }
                };
                let known = self.known.get(&wish.unsigned).into_iter().flatten();
                let Some(one) = known.into_iter().find(fits) else {
                    search.wishes.push(wish);
                    continue;
                };
                let new = || Find::of_batch(one.batch.clone());
                let find = self.finds.entry(one.batch.clone()).or_insert_with(new);
                search.found(&wish, &one.paid, find);
                find.probably += u64::from(!exact);
            }
        }

        pub(in crate::commands::nearby) fn finds(self) -> impl Iterator<Item = Find> {
            self.finds.into_values()
        }
    }
}

#[cfg(not(feature = "postgres"))]
mod unknown {
    use crate::commands::failure::Failure;
    use crate::commands::nearby::find::Find;
    use crate::commands::nearby::{Search, Wish};
    use crate::commands::sharing::Shared;

    /// A build that knows no database.
    #[derive(Debug, Default)]
    pub(in crate::commands::nearby) struct Others;

    pub(in crate::commands::nearby) fn are_there_any(_: Option<&Shared>) -> Result<bool, Failure> {
        Ok(false)
    }

    pub(in crate::commands::nearby) fn has_other_batches(
        _: Option<&Shared>,
    ) -> Result<bool, Failure> {
        Ok(false)
    }

    impl Others {
        pub(in crate::commands::nearby) fn read(
            _: Option<&Shared>,
            _: &[String],
            _: &[Wish<'_>],
        ) -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(in crate::commands::nearby) fn take(&mut self, _: &mut Search<'_>, _: bool) {}

        pub(in crate::commands::nearby) fn finds(self) -> impl Iterator<Item = Find> {
            std::iter::empty()
        }
    }
}

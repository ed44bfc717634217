//! A ledger of many machines, as commands name it.

use super::failure::Failure;
use crate::cli::{RunArgs, SharedArgs};
use crate::exit::Exit;
use crate::ledger::{Store, View};

/// Where it is, and the batch in it.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) url: String,
    pub(super) name: String,
}

impl Shared {
    pub(super) fn of(args: &SharedArgs, stem: &str) -> Option<Self> {
        let url = args.ledger.clone()?;
        let name = args.batch_name.clone().unwrap_or_else(|| stem.to_owned());
        Some(Self { url, name })
    }

    /// Of a run, which reads its own part of it.
    pub(super) fn of_run(args: &RunArgs, stem: &str) -> Option<Self> {
        let ledger = SharedArgs { ledger: args.ledger.clone(), ..args.batch.shared.clone() };
        Self::of(&ledger, stem)
    }
}

#[cfg(feature = "postgres")]
mod reached {
    use super::{Exit, Failure, Shared, Store, View};
    use crate::ledger::postgres::settings::{Machine, Origin, Settings};

    impl Shared {
        pub(in crate::commands) fn settings(&self) -> Result<Settings, Failure> {
            let given = std::env::var("CALLSHEET_LEDGER").is_ok_and(|value| value == self.url);
            let origin = if given { Origin::Environment } else { Origin::CommandLine };
            Settings::find(&self.url, origin, &Machine)
                .map_err(|error| Failure::new(Exit::Usage, format!("--ledger: {error}")))
        }

        /// What it knows now; nothing if it has no such batch yet.
        pub(in crate::commands) fn view(&self) -> Result<Option<View>, Failure> {
            Ok(View::of_shared(&self.settings()?, &self.name)?)
        }

        /// Takes part to settle what a person decides.
        pub(in crate::commands) fn join(
            &self,
            store: &mut Store,
            sure: bool,
        ) -> Result<(), Failure> {
            Ok(store.share_known((self.settings()?, &self.name), sure)?)
        }
    }
}

#[cfg(not(feature = "postgres"))]
mod reached {
    use super::{Exit, Failure, Shared, Store, View};

    impl Shared {
        pub(in crate::commands) fn view(&self) -> Result<Option<View>, Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn join(&self, _: &mut Store, _: bool) -> Result<(), Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn unknown(&self) -> Failure {
            let text = format!("--ledger {}: this build was made without PostgreSQL", self.url);
            Failure::new(Exit::Usage, text).hint("build with --features postgres")
        }
    }
}

//! A ledger of many machines, as commands name it.

use super::failure::Failure;
use super::written::Written;
use crate::cli::{BatchArgs, RunArgs, SharedArgs};
use crate::exit::Exit;
use crate::ledger::{Store, View};

/// Where it is, and the batch in it.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) url: String,
    pub(super) name: String,
    /// Whether the manifest says so, which people pass on.
    from_manifest: bool,
}

impl Shared {
    /// By an option, or the environment.
    pub(super) fn named(url: String, name: String) -> Self {
        Self { url, name, from_manifest: false }
    }

    /// Of a run, which keeps its own part of it.
    pub(super) fn of_run(args: &RunArgs, stem: &str) -> Option<Self> {
        let shared = SharedArgs { own: false, ..args.batch.shared.clone() };
        Self::of(&BatchArgs { shared, ..args.batch.clone() }, stem)
    }

    /// As the options say, or the environment, or the manifest; in that order.
    pub(super) fn of(args: &BatchArgs, stem: &str) -> Option<Self> {
        if args.shared.own {
            return None;
        }
        let said = Said::of(args);
        let name = said.name(args, stem);
        match (args.shared.ledger.clone(), said.ledger) {
            (Some(url), _) => Some(Self::named(url, name)),
            // A rehearsal opens no shared ledger, and nobody said here and now that it should.
            (None, Some(url)) if args.mock.is_none() => {
                Some(Self { url, name, from_manifest: true })
            }
            (None, _) => None,
        }
    }
}

/// What the manifest says of it.
#[derive(Debug, Default)]
pub(super) struct Said {
    ledger: Option<String>,
    batch: Option<String>,
}

impl Said {
    /// Looks as long as it is a file that can be read twice, and reads no more of it than has to be.
    pub(super) fn of(args: &BatchArgs) -> Self {
        if !args.manifest.manifest.is_file() {
            return Self::default();
        }
        let Ok(written) = Written::open(&args.manifest.manifest) else { return Self::default() };
        if !written.may_share() {
            return Self::default();
        }
        let head = written.head(&args.manifest);
        head.map_or_else(Self::default, |head| Self { ledger: head.ledger, batch: head.batch })
    }

    /// What the batch is called in a shared ledger.
    pub(super) fn name(&self, args: &BatchArgs, stem: &str) -> String {
        let name = args.shared.batch_name.clone().or_else(|| self.batch.clone());
        name.unwrap_or_else(|| stem.to_owned())
    }
}

/// Whether a text names a database, and not a folder.
#[cfg(feature = "postgres")]
pub(super) fn is_database(text: &str) -> bool {
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    is_url || text.contains('=') && !std::path::Path::new(text).exists()
}

#[cfg(feature = "postgres")]
mod reached {
    use std::path::Path;

    use super::{Exit, Failure, Shared, Store, View};
    use crate::ledger::postgres::settings::{Machine, Origin, Settings};
    use crate::ledger::relocate_shared;
    use crate::ui::Ui;

    impl Shared {
        pub(in crate::commands) fn settings(&self) -> Result<Settings, Failure> {
            let given = std::env::var("CALLSHEET_LEDGER").is_ok_and(|value| value == self.url);
            let (origin, named) = match (self.from_manifest, given) {
                (true, _) => (Origin::Manifest, "`ledger` in the manifest"),
                (false, true) => (Origin::Environment, "CALLSHEET_LEDGER"),
                (false, false) => (Origin::CommandLine, "the ledger's address"),
            };
            Settings::find(&self.url, origin, &Machine)
                .map_err(|error| Failure::new(Exit::Usage, format!("{named}: {error}")))
        }

        /// What it knows now; nothing if it has no such batch yet.
        pub(in crate::commands) fn view(&self) -> Result<Option<View>, Failure> {
            Ok(View::of_shared(&self.settings()?, &self.name)?)
        }

        /// The service of the batch answers under another name from now on.
        pub(in crate::commands) fn relocate(
            &self,
            (from, to): (&str, &str),
            seen: usize,
        ) -> Result<(), Failure> {
            Ok(relocate_shared((&self.settings()?, &self.name), (from, to), seen)?)
        }

        /// Has a run folder that is part of the batch go along where that was moved, and says so.
        pub(in crate::commands) fn follow(
            &self,
            ui: &Ui,
            folder: &Path,
            wanted: &str,
        ) -> Result<(), Failure> {
            let from = Store::go_along(folder, (&self.settings()?, &self.name), wanted)?;
            if let Some(from) = from {
                let folder = folder.display();
                ui.note(&format!(
                    "{folder}: the batch moved from {from} to {wanted}, and so does this"
                ));
            }
            Ok(())
        }

        /// Tells all of takes that were asked for.
        pub(in crate::commands) fn tell_redone(&self, store: &mut Store) -> Result<(), Failure> {
            Ok(store.tell_redone((&self.settings()?, &self.name))?)
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
    use std::path::Path;

    use super::{Exit, Failure, Shared, Store, View};
    use crate::ui::Ui;

    impl Shared {
        pub(in crate::commands) fn view(&self) -> Result<Option<View>, Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn relocate(
            &self,
            _: (&str, &str),
            _: usize,
        ) -> Result<(), Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn follow(&self, _: &Ui, _: &Path, _: &str) -> Result<(), Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn tell_redone(&self, _: &mut Store) -> Result<(), Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn join(&self, _: &mut Store, _: bool) -> Result<(), Failure> {
            Err(self.unknown())
        }

        pub(in crate::commands) fn unknown(&self) -> Failure {
            let named = if self.from_manifest { "`ledger` in the manifest" } else { "--ledger" };
            let text = format!("{named}: this build was made without PostgreSQL");
            Failure::new(Exit::Usage, text).hint("build with --features postgres")
        }
    }
}

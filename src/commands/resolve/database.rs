//! `resolve --database-restored`: goes on with a shared ledger whose database was put back to an older one.

#[cfg(feature = "postgres")]
pub(super) use self::reached::go_on;

#[cfg(not(feature = "postgres"))]
pub(super) fn go_on(
    _: &crate::ui::Ui,
    _: &crate::cli::ResolveArgs,
    site: &crate::commands::batch::Site,
) -> Result<crate::exit::Exit, crate::commands::failure::Failure> {
    // The option needs --ledger, which says why there is none.
    site.existing().map(|_| crate::exit::Exit::Usage)
}

#[cfg(feature = "postgres")]
mod reached {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use crate::cli::ResolveArgs;
    use crate::commands::batch::{Batch, Site};
    use crate::commands::failure::Failure;
    use crate::commands::patient;
    use crate::commands::resolve::restored::tell_sent;
    use crate::commands::resolve::{Done, conclude};
    use crate::commands::sharing::Shared;
    use crate::exit::Exit;
    use crate::ledger::postgres::{self, Absent};
    use crate::ledger::{HandedIn, LedgerError, View};
    use crate::ui::{Ui, counted};
    use crate::view::printable;

    /// How many places are named.
    const SHOWN: usize = 20;

    pub(in crate::commands::resolve) fn go_on(
        ui: &Ui,
        args: &ResolveArgs,
        site: &Site,
    ) -> Result<Exit, Failure> {
        let Some(shared) = &site.shared else { return site.existing().map(|_| Exit::Usage) };
        let owner = match View::open(&site.folder)? {
            Some(view) => view.endpoint()?,
            None => Batch::open(ui, &args.batch)?.owner(),
        };
        let settings = shared.settings()?;
        site.make()?;
        let mut store = patient::open_own(ui, site, &owner, args.patience.wait)?;
        match store.share_known((settings.clone(), &shared.name), site.sure) {
            Ok(()) => {
                store.close()?;
                return Err(as_new(site, shared));
            }
            Err(LedgerError::WentBack) => {}
            Err(error) => return Err(error.into()),
        }
        let handed = store.hand_in_all((&settings, &shared.name))?;
        store.close()?;
        tell_sent(ui, &handed.sent);
        if handed.farther > 0 {
            let pairs = counted(handed.farther as u64, "pair");
            ui.note(&format!("{pairs} had come farther than the database knew"));
        }
        let absent = postgres::absent(&settings, &shared.name);
        let absent = absent.map_err(|error| unable(shared, &error))?;
        tell_absent(ui, &absent);
        let goes_on = args.yes || confirm(ui, &absent)?;
        if goes_on {
            postgres::go_on(&settings, &shared.name).map_err(|error| unable(shared, &error))?;
        }
        let name = printable(&shared.name);
        let what = match goes_on {
            true => format!("batch {name} goes on with what was sent since"),
            false => format!("batch {name} stays stopped"),
        };
        let exit = conclude(ui, site, (&what, Done::default()), json(&handed, &absent, goes_on))?;
        Ok(if goes_on { exit } else { Exit::WorkLeft })
    }

    fn as_new(site: &Site, shared: &Shared) -> Failure {
        let (folder, name) = (site.folder.display(), printable(&shared.name));
        let text = format!("batch {name}: its database has all that {folder} knows of");
        Failure::new(Exit::Usage, text).hint(
            "nothing has to be done about it here. A fresh folder cannot tell that a database went back: \
             if you know that it did, give this command in a run folder that was at work since",
        )
    }

    fn unable(shared: &Shared, error: &postgres::SharedError) -> Failure {
        let text = format!("batch {}: {error}", printable(&shared.name));
        Failure::new(Exit::Fault, text).hint("give the same command again: twice changes nothing")
    }

    fn tell_absent(ui: &Ui, absent: &[Absent]) {
        if absent.is_empty() {
            ui.note("all run folders that the database knows of have handed in what they know");
            return;
        }
        let places = counted(absent.len() as u64, "run folder");
        ui.warn(&format!(
            "{places} handed nothing in: what was sent from there since is not known, and would be paid again"
        ));
        for one in absent.iter().take(SHOWN) {
            let seen = Timestamp::from_millisecond(one.seen).unwrap_or_default();
            let how = if one.at_work { ", without a word at its end" } else { "" };
            let seen = seen.strftime("%Y-%m-%d %H:%M:%S UTC");
            ui.warn(&format!("  {}: last seen {seen}{how}", printable(&one.place)));
        }
        if absent.len() > SHOWN {
            ui.warn("  …");
        }
        ui.hint("give `callsheet run` once in each of them: it sends nothing, and hands in what it knows");
    }

    fn confirm(ui: &Ui, absent: &[Absent]) -> Result<bool, Failure> {
        let question = match absent.is_empty() {
            true => "Let creates begin again? [y/N] ",
            false => "Let creates begin again without them? [y/N] ",
        };
        ui.ask(question).ok_or_else(|| {
            let text = "nobody is there to confirm; what was handed in is kept, and the batch stays stopped";
            Failure::new(Exit::Usage, text).hint("let creates begin again with --yes")
        })
    }

    fn json(handed: &HandedIn, absent: &[Absent], goes_on: bool) -> Value {
        let absent = absent.iter().map(|one| {
            let seen = Timestamp::from_millisecond(one.seen).unwrap_or_default().to_string();
            json!({"where": one.place, "last_seen": seen, "signed_off": !one.at_work})
        });
        json!({
            "sent_since": handed.sent,
            "farther": handed.farther,
            "handed_nothing_in": absent.collect::<Vec<_>>(),
            "goes_on": goes_on,
        })
    }
}

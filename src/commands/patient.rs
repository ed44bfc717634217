//! Opens a ledger that a run may have, and waits for that run to end if that is wanted.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::batch::{Site, this_command};
use super::failure::Failure;
use super::{opened, pulse};
use crate::exit::Exit;
use crate::ledger::Store;
use crate::ui::Ui;

/// How often it is tried again.
const EVERY: Duration = Duration::from_millis(250);

/// A run that is under way has each answer still to come and every number in its memory, so what a
/// person decides waits for its end: at most so long, or not at all.
pub(super) fn open(
    ui: &Ui,
    site: &Site,
    owner: &str,
    wait: Option<Duration>,
) -> Result<Store, Failure> {
    open_by(ui, site, wait, &|| opened::open(ui, site, owner))
}

/// The same of the run folder's ledger alone, whatever others know.
#[cfg(feature = "postgres")]
pub(super) fn open_own(
    ui: &Ui,
    site: &Site,
    owner: &str,
    wait: Option<Duration>,
) -> Result<Store, Failure> {
    open_by(ui, site, wait, &|| opened::open_own(ui, site, owner))
}

fn open_by(
    ui: &Ui,
    site: &Site,
    wait: Option<Duration>,
    open: &dyn Fn() -> Result<Store, Failure>,
) -> Result<Store, Failure> {
    let until = Instant::now() + wait.unwrap_or_default();
    let mut is_told = false;
    loop {
        let failure = match open() {
            Err(failure) if failure.exit == Exit::InUse => failure,
            other => return other,
        };
        if Instant::now() >= until {
            return Err(failure.hint(hint(site, wait)));
        }
        if !is_told {
            let most = wait.unwrap_or_default().as_secs();
            ui.note(&format!("{}; waiting up to {most} s for it to end", failure.message));
            is_told = true;
        }
        sleep(EVERY);
    }
}

fn hint(site: &Site, wait: Option<Duration>) -> String {
    let far = match pulse::read(&site.folder) {
        Some(activity) => format!("that run goes on: {activity}"),
        None => format!("{} shows how far that run is", site.command("status")),
    };
    match wait {
        Some(_) => format!("nothing was changed; {far}"),
        None => format!(
            "nothing was changed; {far}. To do this as soon as it has ended:\n  {} --wait 1h\n\
             or end it first: a signal (Ctrl-C) lets it write everything down",
            this_command()
        ),
    }
}

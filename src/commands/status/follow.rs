//! `status --watch`: where the batch stands, again and again, until nothing is left to do.

use std::time::Duration;

use super::Standing;
use crate::cli::Until;
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::ui::{Activity, Ui, is_unread};

/// How often a standing that is watched is read.
const WATCHED: Duration = Duration::from_secs(1);

/// On a terminal one text that is drawn anew in its place; elsewhere a line for each change.
pub(super) fn follow(
    ui: &Ui,
    site: &Site,
    read: impl Fn(&Site) -> Result<Standing, Failure>,
) -> Result<Exit, Failure> {
    let screen = ui.screen();
    let mut shown = None;
    loop {
        // A ledger that nobody wrote is read as it was when it was opened: each time anew.
        let standing = read(site)?;
        let activity = standing.activity.clone().map(Activity::at_any_speed);
        let news = Some((standing.line(), activity));
        match &screen {
            Some(screen) => screen.show(&standing.describe(ui, site)),
            None if shown != news => ui.line(&standing.now(), &standing.json(site)),
            None => {}
        }
        shown = news;
        // Nobody reads what comes next.
        if is_unread() {
            return Ok(standing.exit(Until::Saved));
        }
        if standing.left(Until::Saved) == 0 {
            screen.into_iter().for_each(|screen| screen.end());
            standing.warn_of_videos(ui);
            return Ok(standing.exit(Until::Saved));
        }
        std::thread::sleep(WATCHED);
    }
}

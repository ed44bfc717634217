//! Saved videos that are not what they should be, as people are told of them.

use crate::ledger::Remarked;
use crate::ui::Ui;
use crate::view::printable;

/// How many are shown; JSON has them all.
const SHOWN: usize = 10;

/// Names the saved videos about which something is odd.
pub(super) fn point_out(ui: &Ui, remarked: &[Remarked]) {
    for Remarked { id, code, message } in remarked.iter().take(SHOWN) {
        ui.warn(&format!("{id}: saved, but {code}: {}", printable(message)));
    }
    if remarked.len() > SHOWN {
        ui.warn(&format!("and {} more saved videos like that", remarked.len() - SHOWN));
    }
}

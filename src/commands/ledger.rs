//! `ledger`: the batches in a database, and their ways there and back.

#[cfg(feature = "postgres")]
mod copy;
#[cfg(feature = "postgres")]
mod list;
#[cfg(feature = "postgres")]
mod table;

use super::failure::Failure;
use crate::cli::{LedgerArgs, LedgerVerb};
use crate::exit::Exit;
use crate::ui::Ui;

#[cfg(feature = "postgres")]
pub(super) fn ledger(ui: &Ui, args: &LedgerArgs) -> Result<Exit, Failure> {
    match &args.verb {
        LedgerVerb::List(args) => list::list(ui, &args.url),
        LedgerVerb::Copy(args) => copy::copy(ui, args),
    }
}

#[cfg(not(feature = "postgres"))]
pub(super) fn ledger(_: &Ui, args: &LedgerArgs) -> Result<Exit, Failure> {
    let url = match &args.verb {
        LedgerVerb::List(args) => args.url.clone(),
        LedgerVerb::Copy(args) => args.to.clone(),
    };
    Err(super::sharing::Shared::named(url, String::new()).unknown())
}

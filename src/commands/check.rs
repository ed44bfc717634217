//! `check`: reads and checks everything, sends nothing.

mod known;
mod probe;
mod streamed;
mod told;

use super::batch::Batch;
use super::failure::Failure;
use super::locals;
use crate::catalog::Catalog;
use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::ui::Ui;

pub(super) fn check(ui: &Ui, args: &CheckArgs) -> Result<Exit, Failure> {
    if !args.probe
        && let Some(exit) = streamed::check(ui, args)?
    {
        return Ok(exit);
    }
    let mut batch = Batch::open(ui, &args.batch)?;
    if args.probe {
        batch.site.make()?;
    }
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle_to_check(&mut batch, &catalog)?;
    if args.probe {
        return probe::probe(ui, args, &batch, &catalog);
    }
    known::tell(ui, &batch, &catalog)
}

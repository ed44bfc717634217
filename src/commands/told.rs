//! Pairs that only the events of a lost ledger tell of: nobody knows what they asked for, so a pair
//! under another id may be one of them.

use std::collections::HashSet;

use super::batch::Batch;
use super::failure::Failure;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::ledger::View;
use crate::pair::folded;
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many are named.
const SHOWN: usize = 20;

/// What is to be said of such pairs that the manifest does not list.
pub(super) fn describe(view: &View, batch: &Batch) -> Result<Option<String>, Failure> {
    let mut told = view.told()?;
    if told.is_empty() || batch.site.rehearsal {
        return Ok(None);
    }
    let listed: HashSet<_> = batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect();
    told.retain(|(id, _)| !listed.contains(&folded(id)));
    let names = told.iter().take(SHOWN).map(|(id, task)| match task {
        Some(task) => format!("{id} ({})", printable(task)),
        None => id.clone(),
    });
    let more = if told.len() > SHOWN { ", …" } else { "" };
    let names = names.collect::<Vec<_>>().join(", ") + more;
    let pairs = counted(told.len() as u64, "pair");
    Ok((!told.is_empty()).then(|| {
        format!(
            "the events of this batch tell of {pairs} that the manifest does not list, or lists under \
             other ids: {names}. Nobody knows what they asked for"
        )
    }))
}

/// Before the first create: as long as there are such pairs that the manifest does not list, a new
/// pair is paid for only if somebody says that it is none of them.
pub(super) fn settle(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    view: &View,
) -> Result<(), Failure> {
    let any = view.counts()?.iter().any(|(state, _)| *state == State::Planned);
    let told = if any { describe(view, batch)? } else { None };
    let Some(told) = told else { return Ok(()) };
    ui.warn(&told);
    if args.pay_again {
        ui.note("none of the new pairs is one of them, as --pay-again says");
        return Ok(());
    }
    match ui.ask("Is none of the new pairs one of them? Then they are created [y/N] ") {
        Some(true) => Ok(()),
        Some(false) | None => {
            let text = "a pair that has another id now would be paid for again; nothing was sent";
            Err(Failure::new(Exit::Usage, text).hint(
                "give each pair that was sent the id that it had, `id: …`, and the same command again; \
                 if none of the new ones was sent, --pay-again creates them",
            ))
        }
    }
}

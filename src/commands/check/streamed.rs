//! `check` of tables, or of a long manifest, of links that nothing was sent of: read twice rather than
//! held, so that a million rows take no more memory than a hundred.
//!
//! Files of this machine and a ledger are compared pair by pair with everything else; a batch with
//! either is held.

use super::known;
use super::told::Told;
use crate::catalog::Catalog;
use crate::cli::CheckArgs;
use crate::commands::batch::{Batch, Site, located};
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::outside::Inside;
use crate::commands::plan::takes;
use crate::commands::written::Written;
use crate::exit::Exit;
use crate::manifest::Severity;
use crate::pair::Source;
use crate::ui::Ui;

/// Nothing if the batch has to be held.
pub(super) fn check(ui: &Ui, args: &CheckArgs) -> Result<Option<Exit>, Failure> {
    let written = Written::open(&args.batch.manifest.manifest)?;
    if !written.may_be_long() || Site::of(&args.batch).view()?.is_some() {
        return Ok(None);
    }
    let Some((batch, pairs)) = Batch::outline(ui, &args.batch, &written)? else { return Ok(None) };
    let catalog = Catalog::open(&batch.site.folder);
    let links = Links::new(&batch, &catalog, takes(&batch.manifest, pairs));
    let inside = Inside::of(&batch);
    let mut refused = Told::new(|source: &Source, _| inside.remark(source).into_iter().collect());
    let mut told = Told::new(|source: &Source, role| match source {
        Source::File(_) => Vec::new(),
        Source::Url(url) => links.remarks(url.as_written(), role),
    });
    written.each(&args.batch.manifest, |pair, marks| {
        refused.pair(pair, marks);
        told.pair(pair, marks);
        links.expiry(pair, marks).into_iter().for_each(|it| told.add(it));
    })?;
    let [refused, _] = refused.conclude();
    if !refused.is_empty() {
        return Err(located(&batch, refused, Severity::Error)?.into());
    }
    known::conclude(ui, &batch, pairs, told.conclude()).map(Some)
}

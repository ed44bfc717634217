//! Files beside the manifest: all of them are there before anything is sent, and each request that
//! has one is told apart by the file's content.

use std::collections::HashMap;
use std::time::Duration;

use super::batch::{Batch, problems};
use super::failure::Failure;
use super::formers;
use super::media::demands;
use crate::catalog::Catalog;
use crate::files::{self, Local, LocalError};
use crate::fitness::{Demands, Faces, Look, MAX_AUDIO, MAX_IMAGE, Remark, Trouble, too_large};
use crate::manifest::{Note, Severity};
use crate::pair::{LocalFile, Pair, Role, Source};
use crate::preflight::{Medium, distinct, examine};

/// Reads every local file of a batch once, for its digest.
///
/// All that cannot be used are problems of the manifest.
pub(super) fn settle(batch: &mut Batch, catalog: &Catalog) -> Result<(), Failure> {
    settle_but(batch, catalog, Oversized::Refused)
}

/// The same for `check`, which goes on to all that is wrong with other files.
pub(super) fn settle_to_check(batch: &mut Batch, catalog: &Catalog) -> Result<(), Failure> {
    settle_but(batch, catalog, Oversized::Told)
}

/// What becomes of a file that is larger than the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oversized {
    /// It ends the command, as anything does that is no usable file.
    Refused,
    /// It is one finding among the others.
    Told,
}

fn settle_but(batch: &mut Batch, catalog: &Catalog, oversized: Oversized) -> Result<(), Failure> {
    digests(batch, catalog, oversized)?;
    // Names are compared together with what is asked for, and so with these digests.
    formers::keep(batch)
}

fn digests(batch: &mut Batch, catalog: &Catalog, oversized: Oversized) -> Result<(), Failure> {
    let media = distinct(&batch.manifest.pairs);
    let mut digests = HashMap::new();
    let (mut notes, mut large) = (Vec::new(), Vec::new());
    for medium in &media {
        let Source::File(file) = &medium.source else { continue };
        if let Some(trouble) = too_large_by(batch, file, medium.role) {
            large.push(note(batch, medium, &trouble.message, trouble.help));
            continue;
        }
        match digest(batch, catalog, file, medium.role) {
            Ok(sha256) => drop(digests.insert((file.path.clone(), medium.role), sha256)),
            Err((message, help)) => notes.push(note(batch, medium, &message, help)),
        }
    }
    // What ends the command anyway ends it with all that is known.
    if oversized == Oversized::Refused || !notes.is_empty() {
        notes.append(&mut large);
    }
    if !notes.is_empty() {
        return Err(problems(batch, notes, Severity::Error)?.into());
    }
    for pair in &mut batch.manifest.pairs {
        let request = &mut pair.request;
        for (source, role) in [(&mut request.image, Role::Image), (&mut request.audio, Role::Audio)]
        {
            if let Source::File(file) = source {
                file.sha256 = digests.get(&(file.path.clone(), role)).cloned();
            }
        }
    }
    Ok(())
}

fn digest(
    batch: &Batch,
    catalog: &Catalog,
    file: &LocalFile,
    role: Role,
) -> Result<String, (String, String)> {
    let unusable = |error: LocalError| (error.to_string(), error.help().into_owned());
    let local = files::find(&batch.site.manifest, &file.path).map_err(unusable)?;
    let known = known(catalog, &local, role).and_then(|look| look.sha256().map(str::to_owned));
    known.map_or_else(|| looked_at(catalog, &local, role).map_err(unusable), Ok)
}

/// Takes it apart as well, which costs next to nothing beside reading it: so what a run would cost,
/// and which media are not fit, is known before anything is sent.
fn looked_at(catalog: &Catalog, local: &Local, role: Role) -> Result<String, LocalError> {
    let path = local.path.to_string_lossy();
    let facts = examine(&local.read(most(role))?, role, Faces::Ignored);
    let sha256 = facts.sha256.clone();
    catalog.put(&path, role, Some(&local.version), &Look::here(Ok(facts)));
    Ok(sha256)
}

/// From an earlier look at the same version of the file.
fn known(catalog: &Catalog, local: &Local, role: Role) -> Option<Look> {
    let earlier = catalog.get(&local.path.to_string_lossy(), role)?;
    (earlier.validator.as_ref() == Some(&local.version)).then_some(earlier.look)
}

const fn most(role: Role) -> u64 {
    match role {
        Role::Image => MAX_IMAGE,
        Role::Audio => MAX_AUDIO,
    }
}

/// Why a file is not even read, if it is there and larger than the API takes.
fn too_large_by(batch: &Batch, file: &LocalFile, role: Role) -> Option<Trouble> {
    let local = files::find(&batch.site.manifest, &file.path).ok()?;
    (local.length > most(role)).then(|| too_large(role, Some(local.length)))
}

/// What was seen of a file; nothing if it was written to since.
pub(super) fn look(
    batch: &Batch,
    catalog: &Catalog,
    (file, role): (&LocalFile, Role),
) -> Option<Look> {
    known(catalog, &files::find(&batch.site.manifest, &file.path).ok()?, role)
}

/// What a run will find out about a file by itself, errors first: it never sends one that is not
/// fit.
pub(super) fn remarks(
    batch: &Batch,
    catalog: &Catalog,
    (file, role): (&LocalFile, Role),
) -> Vec<Remark> {
    if let Some(trouble) = too_large_by(batch, file, role) {
        return vec![trouble.into()];
    }
    let look = look(batch, catalog, (file, role));
    let demands = Demands { faces: Faces::Ignored, ..demands(batch) };
    look.map_or_else(Vec::new, |look| look.remarks(role, &demands))
}

/// What is to be said of a medium, at its first place in the manifest.
pub(super) fn note(batch: &Batch, medium: &Medium, message: &str, help: String) -> Note {
    let marks = &batch.manifest.marks[medium.first];
    let role = medium.role;
    let label = match medium.pairs - 1 {
        0 => format!("the {role} of `{}`", batch.manifest.pairs[medium.first].id),
        1 => {
            format!("the {role} of `{}` and of another pair", batch.manifest.pairs[medium.first].id)
        }
        more => {
            format!(
                "the {role} of `{}` and of {more} more pairs",
                batch.manifest.pairs[medium.first].id
            )
        }
    };
    Note { mark: marks.of(role), message: format!("`{role}`: {message}"), label, help }
}

/// Of the pairs whose recordings were looked at before, how long these were then.
pub(super) fn lengths<'b>(batch: &'b Batch, catalog: &Catalog) -> Vec<(&'b str, Duration)> {
    // A batch may be large, and most are never measured.
    if catalog.is_empty() {
        return Vec::new();
    }
    let length =
        |pair: &'b Pair| Some((pair.id.as_str(), recording(batch, catalog, pair)?.length()?));
    batch.manifest.pairs.iter().filter_map(length).collect()
}

/// How long the recording of a pair may be billed for, as it was last looked at.
pub(super) fn billable(batch: &Batch, catalog: &Catalog, pair: &Pair) -> Option<Duration> {
    recording(batch, catalog, pair)?.billable()
}

/// Of the pairs whose recordings may be billed for longer than they play, how long; by folded ids.
pub(super) fn disputed(batch: &Batch, catalog: &Catalog) -> HashMap<String, Duration> {
    if catalog.is_empty() {
        return HashMap::new();
    }
    let longer = |pair: &Pair| {
        let look = recording(batch, catalog, pair)?;
        let billable = look.billable().filter(|billable| Some(*billable) != look.length())?;
        Some((pair.id.folded(), billable))
    };
    batch.manifest.pairs.iter().filter_map(longer).collect()
}

/// What was seen of the recording of a pair when it was last looked at; nothing of a file that was
/// written to since.
fn recording(batch: &Batch, catalog: &Catalog, pair: &Pair) -> Option<Look> {
    match &pair.request.audio {
        Source::Url(url) => catalog.recording(url.as_written()),
        Source::File(file) => look(batch, catalog, (file, Role::Audio)),
    }
}

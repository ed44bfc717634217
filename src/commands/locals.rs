//! Files beside the manifest: all of them are there before anything is sent, and each request that
//! has one is told apart by the file's content.

use std::collections::HashMap;
use std::time::Duration;

use super::batch::{Batch, problems};
use super::failure::Failure;
use crate::catalog::Catalog;
use crate::files::{self, Local, LocalError};
use crate::fitness::{Faces, Look, MAX_AUDIO, MAX_IMAGE, too_large};
use crate::manifest::{Note, Severity};
use crate::pair::{LocalFile, Pair, Role, Source};
use crate::preflight::{Medium, distinct, examine};

/// Reads every local file of a batch once, for its digest.
///
/// All that cannot be used are problems of the manifest.
pub(super) fn settle(batch: &mut Batch, catalog: &Catalog) -> Result<(), Failure> {
    let media = distinct(&batch.manifest.pairs);
    let mut digests = HashMap::new();
    let mut notes = Vec::new();
    for medium in &media {
        let Source::File(file) = &medium.source else { continue };
        match digest(batch, catalog, file, medium.role) {
            Ok(sha256) => drop(digests.insert((file.path.clone(), medium.role), sha256)),
            Err((message, help)) => notes.push(note(batch, medium, &message, help)),
        }
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
    let unusable = |error: LocalError| (error.to_string(), error.help().to_owned());
    let local = files::find(&batch.site.manifest, &file.path).map_err(unusable)?;
    let most = if role == Role::Image { MAX_IMAGE } else { MAX_AUDIO };
    if local.length > most {
        let trouble = too_large(role, Some(local.length));
        return Err((trouble.message, trouble.help));
    }
    let known = known(catalog, &local, role).and_then(|look| look.sha256().map(str::to_owned));
    match (known, role) {
        (Some(sha256), _) => Ok(sha256),
        (None, Role::Image) => local.sha256().map_err(unusable),
        (None, Role::Audio) => measured(catalog, &local).map_err(unusable),
    }
}

/// Walks a recording as well, which costs next to nothing beside reading it: so what a run would
/// cost is known before anything is sent.
fn measured(catalog: &Catalog, local: &Local) -> Result<String, LocalError> {
    let (path, role) = (local.path.to_string_lossy(), Role::Audio);
    let facts = examine(&local.read(MAX_AUDIO)?, role, Faces::Ignored);
    let sha256 = facts.sha256.clone();
    catalog.put(&path, role, Some(&local.version), &Look::here(Ok(facts)));
    Ok(sha256)
}

/// From an earlier look at the same version of the file.
fn known(catalog: &Catalog, local: &Local, role: Role) -> Option<Look> {
    let earlier = catalog.get(&local.path.to_string_lossy(), role)?;
    (earlier.validator.as_ref() == Some(&local.version)).then_some(earlier.look)
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
    let length = |pair: &'b Pair| Some((pair.id.as_str(), audio_length(batch, catalog, pair)?));
    batch.manifest.pairs.iter().filter_map(length).collect()
}

/// How long the recording of a pair was when it was last looked at; nothing for a file that was
/// written to since.
pub(super) fn audio_length(batch: &Batch, catalog: &Catalog, pair: &Pair) -> Option<Duration> {
    match &pair.request.audio {
        Source::Url(url) => catalog.length(url.as_written()),
        Source::File(file) => {
            let local = files::find(&batch.site.manifest, &file.path).ok()?;
            known(catalog, &local, Role::Audio)?.length()
        }
    }
}

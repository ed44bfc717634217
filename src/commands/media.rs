//! What `check` and `run` look at media with.

use std::time::Duration;

use super::batch::{Batch, plain};
use crate::cli::ManifestArgs;
use crate::client::{MediaClient, MediaSettings};
use crate::fitness::{Demands, Faces};
use crate::pair::{PlainHttp, Role, Source, is_private};
use crate::preflight::Reach;

/// A client that knows no key.
pub(super) fn client(batch: &Batch, args: &ManifestArgs, stall_timeout: Duration) -> MediaClient {
    let plain = plain(args);
    let unencrypted = |source: &Source| match source {
        Source::Url(url) => url.as_written().starts_with("http:"),
        Source::File(_) => true,
    };
    let mut sources = batch
        .manifest
        .pairs
        .iter()
        .flat_map(|pair| Role::BOTH.map(|role| pair.request.source(role)));
    let local = plain == PlainHttp::Loopback && sources.all(unencrypted);
    let client = MediaClient::new(MediaSettings { stall_timeout, plain, local });
    if batch.site.rehearsal { client.rehearsing() } else { client.beside(&batch.endpoint) }
}

pub(super) fn demands(batch: &Batch) -> Demands<'_> {
    let (pairs, max_audio) = (&batch.manifest.pairs[..], batch.manifest.max_audio);
    let local = batch.site.rehearsal || is_private(&batch.endpoint.at("/"));
    Demands { pairs, max_audio, faces: Faces::LookedFor, local }
}

/// A rehearsal asks nobody outside.
pub(super) fn reach(batch: &Batch) -> Reach {
    if batch.site.rehearsal { Reach::ThisMachine } else { Reach::Everywhere }
}

//! What happens to media before a create: they are fetched and looked at, and local files are
//! uploaded.
//!
//! Nothing here costs money, and nothing here decides what may be spent. What is found out goes
//! into the [`Catalog`](crate::catalog::Catalog); that a pair is not fit to be sent, and where its files were uploaded, into
//! the ledger.

mod examine;
mod once;
mod prober;
mod ready;
mod twins;
mod upload;

use std::collections::HashMap;

use futures::stream::{self, StreamExt};

use crate::fitness::Look;
use crate::pair::{Pair, Role, Source};

pub use self::examine::examine;
pub use self::prober::{ProbeMeans, Prober, Reach};
pub use self::ready::{NotReady, Preflight, Probing};
pub use self::twins::content;
pub use self::upload::{Fate, UploadMeans, Uploads};

/// Media asked for at once; most of them wait for their host's turn.
const AT_ONCE: usize = 1024;

/// A medium of a batch, which may belong to many pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// Where it comes from.
    pub source: Source,
    /// What it is for.
    pub role: Role,
    /// The first of its pairs, by its place in the batch.
    pub first: usize,
    /// How many pairs have it.
    pub pairs: usize,
}

/// The distinct media of a batch in the order in which they first appear.
#[must_use]
pub fn distinct(pairs: &[Pair]) -> Vec<Medium> {
    let mut places = HashMap::new();
    let mut media: Vec<Medium> = Vec::new();
    for (first, pair) in pairs.iter().enumerate() {
        for role in Role::BOTH {
            let source = pair.request.source(role);
            let place = *places.entry((source, role)).or_insert(media.len());
            match media.get_mut(place) {
                Some(medium) => medium.pairs += 1,
                None => media.push(Medium { source: source.clone(), role, first, pairs: 1 }),
            }
        }
    }
    media
}

/// Looks at every one of these media once; `each` hears of every look as it is done.
pub async fn survey<'m>(
    prober: &Prober<'_>,
    media: &'m [Medium],
    mut each: impl FnMut(&'m Medium, Option<Look>),
) {
    let looks = media
        .iter()
        .map(|medium| async move { (medium, prober.look(&medium.source, medium.role).await) });
    let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some((medium, look)) = looks.next().await {
        each(medium, look);
    }
}

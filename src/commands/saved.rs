//! A plan that was saved: what it rests on, so that a run that is told to do just that can refuse
//! when something of it has moved.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Write};
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::batch::Batch;
use super::choose::{Chosen, Words};
use super::failure::Failure;
use crate::catalog::Catalog;
use crate::exit::Exit;
use crate::files::{Readers, fill_new, hexadecimal};
use crate::ledger::{Store, View};
use crate::pair::{Pair, Role, Source};
use crate::preflight::{Prober, distinct, survey};

/// Another one is refused.
const VERSION: u32 = 1;
/// What moves when a run goes on.
const LEDGER: &str = "where the batch stands";

/// What a plan rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Basis {
    version: u32,
    /// The digest of the manifest's file.
    manifest: String,
    endpoint: String,
    /// Of a second or whatever is counted, in millionths.
    price: Option<u64>,
    /// The last event of the ledger, 0 without one.
    ledger_event: u64,
    /// The digest of what is known of all media.
    media: String,
    /// How many of them were looked at.
    media_looked_at: usize,
    /// Which pairs it is of, if not of all. A run takes it from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choice: Option<Words>,
}

/// A digest of what is known of media, each at its first place.
pub(super) struct MediaSeen<'c> {
    catalog: &'c Catalog,
    digest: Sha256,
    looked_at: usize,
    /// By the digest of each.
    seen: HashSet<u128>,
}

impl<'c> MediaSeen<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, digest: Sha256::new(), looked_at: 0, seen: HashSet::new() }
    }

    /// Adds the media of the next pair.
    pub(super) fn add(&mut self, pair: &Pair) {
        for role in Role::BOTH {
            let source = pair.request.source(role);
            let medium = format!("{role} {}", source.listed());
            let digest: [u8; 32] = Sha256::digest(&medium).into();
            let start = digest.first_chunk().copied().unwrap_or_default();
            if self.seen.insert(u128::from_be_bytes(start)) {
                let content = content((source, role), self.catalog);
                self.looked_at += usize::from(content.is_some());
                self.digest.update(format!("{medium} {content:?}\n"));
            }
        }
    }
}

impl Basis {
    /// Of a batch whose pairs are held.
    pub(super) fn of(
        batch: &Batch,
        view: Option<&View>,
        catalog: &Catalog,
    ) -> Result<Self, Failure> {
        let mut media = MediaSeen::new(catalog);
        batch.manifest.pairs.iter().for_each(|pair| media.add(pair));
        Self::with(batch, view, media)
    }

    pub(super) fn with(
        batch: &Batch,
        view: Option<&View>,
        media: MediaSeen<'_>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            version: VERSION,
            manifest: batch.sha256.clone(),
            endpoint: batch.owner(),
            price: batch.manifest.spending.price.map(|tariff| tariff.amount.millionths()),
            ledger_event: view.map(View::last_event).transpose()?.unwrap_or(0),
            media: hexadecimal(&media.digest.finalize()),
            media_looked_at: media.looked_at,
            choice: None,
        })
    }

    /// Of a plan of these pairs alone.
    pub(super) fn choosing(self, chosen: &Chosen) -> Self {
        Self { choice: chosen.words(), ..self }
    }

    /// Which pairs the plan is of.
    pub(super) fn chosen(&self) -> Result<Chosen, Failure> {
        self.choice.clone().map_or_else(|| Ok(Chosen::default()), Chosen::try_from)
    }

    /// What is no longer as it was, in words.
    fn moved_to(&self, now: &Self) -> Vec<&'static str> {
        [
            (self.manifest != now.manifest, "the manifest"),
            (self.endpoint != now.endpoint, "the endpoint"),
            (self.price != now.price, "the price"),
            (self.ledger_event != now.ledger_event, LEDGER),
            (self.media != now.media, "the media"),
        ]
        .into_iter()
        .filter_map(|(moved, what)| moved.then_some(what))
        .collect()
    }
}

/// The digest of a medium's bytes, if it was looked at.
fn content((source, role): (&Source, Role), catalog: &Catalog) -> Option<String> {
    match source {
        Source::File(file) => file.sha256.clone(),
        Source::Url(url) => catalog.get(url.as_written(), role)?.look.sha256().map(str::to_owned),
    }
}

/// Writes a plan to a new file.
pub(super) fn save(path: &Path, plan: &impl Serialize, basis: &Basis) -> Result<(), Failure> {
    let saving = Saving { basis: json!(basis), plan };
    let written = fill_new(path, Readers::Owner, |file| {
        serde_json::to_writer_pretty(&mut *file, &saving)?;
        writeln!(file)
    });
    written.map_err(|error| {
        let text = format!("{}: the plan cannot be saved: {error}", path.display());
        let failure = Failure::new(Exit::Usage, text);
        match error.kind() {
            ErrorKind::AlreadyExists => {
                failure.hint("a plan never overwrites: choose another name")
            }
            _ => failure,
        }
    })
}

/// A plan as it is saved.
#[derive(Serialize)]
struct Saving<'p, P> {
    basis: Value,
    plan: &'p P,
}

/// A saved plan, as far as a run needs it. The plan itself is for people, and as large as a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    basis: Basis,
    #[serde(rename = "plan")]
    _plan: IgnoredAny,
}

/// What a saved plan rests on.
pub(super) fn read(path: &Path) -> Result<Basis, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let text = format!("{}: not a saved plan: {error}", path.display());
        Failure::new(Exit::Usage, text).hint("`callsheet plan MANIFEST --save FILE` writes one")
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let saved: Saved =
        serde_json::from_reader(BufReader::new(file)).map_err(|error| failed(&error))?;
    match saved.basis.version {
        VERSION => Ok(saved.basis),
        other => Err(failed(&format_args!("it is of version {other}, and not of {VERSION}"))),
    }
}

/// Looks again at what was looked at for the plan: what has not changed costs a question each.
pub(super) async fn look_again(prober: &Prober<'_>, batch: &Batch, catalog: &Catalog) {
    let mut media = distinct(&batch.manifest.pairs);
    media.retain(|it| content((&it.source, it.role), catalog).is_some());
    survey(prober, &media, |_, _| {}).await;
}

/// Refuses if anything that the plan rests on has moved.
pub(super) fn hold(plan: &Path, saved: &Basis, now: &Basis) -> Result<(), Failure> {
    match &saved.moved_to(now)[..] {
        [] => Ok(()),
        moved => Err(refused(plan, &moved.join(", "))),
    }
}

/// Refuses if another run wrote the ledger before this one had it.
pub(super) fn hold_ledger(plan: &Path, saved: &Basis, store: &Store) -> Result<(), Failure> {
    // What the last run left under way is in doubt in the plan, too.
    let events = saved.ledger_event + store.recovered() as u64;
    match store.view()?.last_event()? {
        now if now == events => Ok(()),
        _ => Err(refused(plan, LEDGER)),
    }
}

fn refused(plan: &Path, moved: &str) -> Failure {
    let text = format!("{}: since this plan was made, {moved} changed", plan.display());
    Failure::new(Exit::Usage, text)
        .hint("nothing was sent; make a plan anew, under another name, and look at it")
}

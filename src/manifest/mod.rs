//! The manifest: YAML, and tables that it names, that say which pairs are to be made, and how.
//!
//! [`read`] gives either a [`Manifest`] in which everything is checked, or all problems of the
//! file at once, each with its place, what is expected there and what to do. It never gives a part
//! of a manifest, never guesses, and never passes over a key: one that it does not know, or does
//! not act on yet, is a problem. It reads no clock or environment, and opens no file: tables come
//! from [`Files`].
//!
//! The YAML becomes nodes that know where they stand, those of `pairs` one after the other; readers
//! ask maps for keys, and what nobody asked for is unknown. So the keys are named in one place, where
//! they are read, and a test holds `schema` to them.

mod batch;
mod cross;
mod draft;
mod events;
mod excerpt;
mod fields;
mod head;
mod idempotency;
mod kinds;
mod labels;
mod ledger;
mod media;
mod notes;
mod pairs;
mod places;
mod pool;
mod prices;
mod problem;
mod prompts;
mod rows;
mod schema;
mod settings;
mod shared;
mod slips;
mod sorted;
mod syntax;
mod tables;
mod tree;
mod typed;
mod unique;
mod uploads;
mod values;
mod videos;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use crate::pace::Rate;
use crate::pair::{Endpoint, Idempotency, Pair, PairId, PlainHttp};
use crate::price::{Amount, Price, Rules, Tariff};
use crate::table::Files;

use self::batch::{Batch, Keep, Tally};
use self::events::Odd;

pub use self::draft::{Draft, DraftPair, LeftOut, LeftOutReason, draft, is_medium};
pub use self::head::head;
pub use self::notes::{Note, Notes};
pub use self::places::Shown;
pub use self::problem::{Mark, Marks, Place, Problem, Problems, Severity};
pub use self::schema::schema;
pub use self::slips::{with_scheme, without_version};
pub use self::syntax::too_large;
pub use self::tables::TableFile;
pub use self::uploads::{Bucket, BucketAddress};
pub use self::videos::{SCHEME, VideoBucket, VideoBucketError};

/// The largest manifest that is read: 100,000 pairs of 400 bytes and room to spare, and still far
/// from what fills the memory. Refuse a larger file with [`too_large`] before reading it.
pub const MAX_BYTES: u64 = 64 << 20;

/// The endpoint of a manifest that names none.
pub const DEFAULT_ENDPOINT: &str = "https://api.foxapi.cc";

/// The model of a manifest that names none.
pub const DEFAULT_MODEL: &str = "omnihuman-1.5";

/// A manifest in which everything is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Where requests go.
    pub endpoint: Endpoint,
    /// Which model renders the videos; also in every request.
    pub model: String,
    /// Creates under way at once.
    pub concurrency: NonZeroU16,
    /// Creates started in a time; no limit if absent.
    pub rate: Option<Rate>,
    /// Tasks unfinished at the server; no limit if absent.
    pub in_flight: Option<NonZeroU32>,
    /// Doubts of one run that end its creates; if absent, a number that grows with the batch.
    pub max_doubts: Option<NonZeroU32>,
    /// The longest recording that may be sent: its length is the bill.
    pub max_audio: Duration,
    /// What it costs, and may cost.
    pub spending: Spending,
    /// Under which name other batches spend the same budget, in a database that they share.
    pub shared_budget: Option<String>,
    /// Where local files go; to the API's own storage if absent.
    pub uploads: Option<Bucket>,
    /// Where finished videos go; to the run folder if absent.
    pub videos: Option<VideoBucket>,
    /// The database of a ledger that many machines share.
    pub ledger: Option<String>,
    /// What the batch is called there.
    pub batch: Option<String>,
    /// The keys under which the service knows creates; none if absent.
    pub idempotency: Option<Idempotency>,
    /// Whether media are looked at just before each create.
    pub probe: bool,
    /// In the order written, those of `cross` and then those of tables last. Never empty; ids are
    /// unique without case.
    pub pairs: Vec<Pair>,
    /// Where the media of each pair stand, in the same order.
    pub marks: Vec<Marks>,
    /// The places of pairs without an id of their own whose default id was another one in releases
    /// whose ids were ASCII; and that id. A ledger may have them under it.
    pub formers: Vec<(usize, PairId)>,
    /// Where the pairs of `pairs_from` stand.
    pub tables: Vec<TableFile>,
    /// What is allowed but looks like a slip; mostly empty.
    pub warnings: Problems,
    /// What the money is called, behind a space where there is a name: a label, nothing is converted.
    pub currency: String,
}

/// What a manifest says about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// What videos cost, in the user's currency.
    pub price: Option<Tariff>,
    /// What the batch may cost.
    pub budget: Option<Amount>,
    /// What a pair may cost.
    pub max_pair_cost: Option<Amount>,
    /// A run that would spend more has to be confirmed.
    pub confirm_cost: Option<Amount>,
    /// A run that would send more creates has to be confirmed.
    pub confirm_pairs: u32,
}

impl Manifest {
    /// What may be spent.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let Spending { price, budget, max_pair_cost, .. } = self.spending;
        Rules { price, budget, max_pair_cost, most: self.max_audio }
    }

    /// What the video of a pair costs, if that is known.
    #[must_use]
    pub fn price_of(&self, pair: &Pair) -> Option<Price> {
        self.spending.price.map(|tariff| tariff.of_request(&pair.request))
    }
}

/// What a manifest is read with.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// What messages call it.
    pub path: &'a str,
    /// Which plain http is taken.
    pub plain: PlainHttp,
    /// Where its tables come from.
    pub files: &'a dyn Files,
}

/// What a manifest is read from.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// The bytes of its YAML.
    Yaml(&'a [u8]),
    /// A table by itself, with everything else as it is by default: the name that the origin's
    /// files know it by, and perhaps `#` and a sheet.
    Table(&'a str),
}

/// Reads a manifest, and the tables that it names.
///
/// # Errors
/// All problems of the manifest, in the order of their places. A file that is not YAML has one.
pub fn read(origin: &Origin<'_>, form: Form<'_>) -> Result<Manifest, Problems> {
    kept(origin, form, Keep::All).map(|(manifest, _)| manifest)
}

/// A manifest of which no pair was kept.
#[derive(Debug)]
pub struct Outline {
    /// All of it but `pairs`, `marks` and `formers`, which are empty.
    pub manifest: Manifest,
    /// How many pairs it has.
    pub pairs: u64,
    /// How many of them have a file of this machine.
    pub local: u64,
}

/// Reads and checks all of a manifest as [`read`] does, and keeps none of its pairs: however long its
/// tables are, little of them is held.
///
/// # Errors
/// All problems of the manifest, in the order of their places.
pub fn outline(origin: &Origin<'_>, form: Form<'_>) -> Result<Outline, Problems> {
    let (manifest, tally) = kept(origin, form, Keep::Count)?;
    Ok(Outline { manifest, pairs: tally.pairs, local: tally.local })
}

/// The same; each pair is handed on as it is read, before it is known whether all is well.
///
/// # Errors
/// All problems of the manifest, in the order of their places.
pub fn judged<'k>(
    origin: &Origin<'k>,
    form: Form<'_>,
    each: &'k mut dyn FnMut(&Pair, &Marks),
) -> Result<Outline, Problems> {
    let (manifest, tally) = kept(origin, form, Keep::Judged(each))?;
    Ok(Outline { manifest, pairs: tally.pairs, local: tally.local })
}

/// Hands on each pair of a manifest that [`outline`] found nothing wrong with.
///
/// # Errors
/// What is wrong with it by now.
pub fn each(
    origin: &Origin<'_>,
    form: Form<'_>,
    mut each: impl FnMut(&Pair, &Marks),
) -> Result<(), Problems> {
    kept(origin, form, Keep::Each(&mut each)).map(drop)
}

fn kept<'k>(
    origin: &Origin<'k>,
    form: Form<'_>,
    keep: Keep<'k>,
) -> Result<(Manifest, Tally), Problems> {
    match form {
        Form::Table(name) => settings::bare(origin, name, keep),
        Form::Yaml(bytes) => {
            let text = syntax::text(origin.path, bytes)?;
            let batch = Batch::new(keep, origin.files);
            match by_events(origin, text, batch) {
                Way::Clear(found) => *found,
                Way::Odd(batch) => by_tree(origin, text, *batch),
            }
        }
    }
}

/// How it went to read a manifest by events.
enum Way<'k> {
    /// What was found.
    Clear(Box<Result<(Manifest, Tally), Problems>>),
    /// Something was odd: the batch is to be read again.
    Odd(Box<Batch<'k>>),
}

fn by_events<'k>(origin: &Origin<'k>, text: &str, batch: Batch<'k>) -> Way<'k> {
    match events::open(text) {
        Ok(events::Opened { tree, items }) => {
            settings::manifest(origin, (text, &tree, items), batch)
        }
        Err(Odd) => Way::Odd(Box::new(batch)),
    }
}

fn by_tree<'k>(
    origin: &Origin<'k>,
    text: &str,
    batch: Batch<'k>,
) -> Result<(Manifest, Tally), Problems> {
    let tree = syntax::tree(origin.path, text)?;
    settings::whole(origin, (text, &tree), batch)
}

#[cfg(test)]
mod tests;

//! A plan for programs: the totals, and what would be done with each pair. The pairs of a long batch
//! are kept in a scratch file until the totals are known, and never in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::time::Duration;

use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value, json};

use crate::commands::batch::Batch;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::pair::{Pair, Tag};
use crate::plan::Step;
use crate::price::billed;

/// Where the pairs stand among the totals.
const PAIRS: &str = "pairs";

/// What would be done with each pair, in manifest order.
pub(super) enum PairList {
    /// Nobody asks.
    Unasked,
    Held(Vec<Value>),
    Kept(Spool),
}

/// A scratch file with a line for each pair.
pub(super) struct Spool {
    file: BufWriter<File>,
    /// The first trouble with the disk.
    failed: Option<io::Error>,
}

/// The totals, which have no pairs yet, and the pairs.
pub(super) struct Document<'d> {
    pub(super) totals: &'d Map<String, Value>,
    pub(super) pairs: &'d PairList,
}

/// What would be done with a pair.
pub(super) fn pair(batch: &Batch, pair: &Pair, step: Step, audio: Option<Duration>) -> Value {
    let price = batch.manifest.price_of(pair);
    let seconds = |length| price.map_or_else(|| billed(length), |it| it.billed(length));
    json!({
        "id": pair.id.as_str(),
        "tags": pair.tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
        "expires": pair.expires.map(|at| at.to_string()),
        "step": step.name(),
        "seconds": audio.map(|audio| audio.as_secs_f64()),
        "billed_seconds": audio.map(seconds),
        "cost": price.zip(audio).map(|(price, length)| price.cost(length)),
    })
}

impl Spool {
    pub(super) fn new() -> Result<Self, Failure> {
        let file = tempfile::tempfile().map_err(|error| unkept(&error))?;
        Ok(Self { file: BufWriter::new(file), failed: None })
    }

    pub(super) fn put(&mut self, pair: &Value) {
        if self.failed.is_none() {
            self.failed = writeln!(self.file, "{pair}").err();
        }
    }

    /// Once all pairs are in it.
    pub(super) fn conclude(mut self) -> Result<Self, Failure> {
        let failed = self.failed.take().map_or_else(|| self.file.flush(), Err);
        failed.map_err(|error| unkept(&error)).map(|()| self)
    }

    fn lines(&self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        let mut file = self.file.get_ref();
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file).lines())
    }
}

fn unkept(error: &io::Error) -> Failure {
    Failure::new(Exit::Fault, format!("the pairs of the plan cannot be kept: {error}"))
        .hint("make room where temporary files go (TMPDIR)")
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (before, after): (Vec<_>, Vec<_>) =
            self.totals.iter().partition(|(key, _)| key.as_str() < PAIRS);
        before.into_iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.serialize_entry(PAIRS, self.pairs)?;
        after.into_iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

impl Serialize for PairList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spool = match self {
            Self::Unasked => return serializer.collect_seq([(); 0]),
            Self::Held(pairs) => return pairs.serialize(serializer),
            Self::Kept(spool) => spool,
        };
        let mut list = serializer.serialize_seq(None)?;
        for line in spool.lines().map_err(S::Error::custom)? {
            let line = line.map_err(S::Error::custom)?;
            let pair: Value = serde_json::from_str(&line).map_err(S::Error::custom)?;
            list.serialize_element(&pair)?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_were_kept_are_written_like_pairs_that_are_held() {
        let pairs = [json!({"id": "a", "tags": []}), json!({"id": "é\n", "tags": ["x"]})];
        let mut spool = Spool::new().unwrap();
        pairs.iter().for_each(|pair| spool.put(pair));
        let mut whole = json!({"affordable": null, "plan": {"a": 1}, "takes_seconds": 2.5});
        let totals = whole.as_object().unwrap().clone();
        for list in [PairList::Kept(spool.conclude().unwrap()), PairList::Held(pairs.to_vec())] {
            let document = Document { totals: &totals, pairs: &list };
            whole["pairs"] = pairs.to_vec().into();
            for _ in 0..2 {
                assert_eq!(serde_json::to_string_pretty(&document).unwrap(), format!("{whole:#}"));
            }
        }
    }
}

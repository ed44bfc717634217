//! The requests that came, each kept once, and how often each came.
//!
//! A million of them are to take little more than their letters: they stand one behind the other in
//! large blocks, and what finds them again holds nothing but numbers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use crate::decisions::life::TextId;
use crate::state::blocks::Blocks;

const BLOCK_BYTES: usize = 64 << 10;

/// Texts in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    blocks: Vec<String>,
    known: Blocks<Known>,
    places: HashTable<u32>,
    hasher: RandomState,
}

/// Where a text stands, and how often it came.
#[derive(Debug)]
struct Known {
    block: u32,
    start: u32,
    length: u32,
    times: u32,
}

impl Texts {
    /// Notes that a text came once more. Returns how often it has.
    pub(crate) fn came(&mut self, text: &str) -> (TextId, u32) {
        let Self { blocks, known, places, hasher } = self;
        let hash = hasher.hash_one(text);
        let found = places.find(hash, |place| stands(blocks, known, *place) == text);
        let place = found.copied().unwrap_or_else(|| {
            let place = small(known.push(written(blocks, text)));
            let again = |place: &u32| hasher.hash_one(stands(blocks, known, *place));
            places.insert_unique(hash, place, again);
            place
        });
        let times = known.get_mut(place as usize).map_or(1, |known| {
            known.times = known.times.saturating_add(1);
            known.times
        });
        (TextId(place), times)
    }

    /// A text that came.
    pub(crate) fn text(&self, id: TextId) -> &str {
        stands(&self.blocks, &self.known, id.0)
    }
}

fn stands<'a>(blocks: &'a [String], known: &Blocks<Known>, place: u32) -> &'a str {
    let text = known.get(place as usize).and_then(|known| {
        let (start, length) = (known.start as usize, known.length as usize);
        blocks.get(known.block as usize)?.get(start..start + length)
    });
    text.unwrap_or_default()
}

fn written(blocks: &mut Vec<String>, text: &str) -> Known {
    let fits = |last: &String| last.is_empty() || last.len() + text.len() <= last.capacity();
    if !blocks.last().is_some_and(fits) {
        // The first block grows by itself: most fakes serve one test.
        let room = if blocks.is_empty() { text.len() } else { BLOCK_BYTES.max(text.len()) };
        blocks.push(String::with_capacity(room));
    }
    let block = blocks.len() - 1;
    let start = blocks[block].len();
    blocks[block].push_str(text);
    Known { block: small(block), start: small(start), length: small(text.len()), times: 0 }
}

/// Requests have at most a megabyte, and so many that this is too small no machine can hold.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_and_counted() {
        let mut texts = Texts::default();
        let text = |n: usize| format!("{n}{}", "x".repeat(n % 500));
        let ids: Vec<_> = (0..2_000).map(|n| texts.came(&text(n))).collect();
        for (n, (id, times)) in ids.iter().enumerate() {
            assert_eq!((texts.text(*id), *times), (text(n).as_str(), 1));
            assert_eq!(texts.came(&text(n)), (*id, 2));
        }
        let huge = "y".repeat(1 << 20);
        let (id, _) = texts.came(&huge);
        assert_eq!((texts.text(id), texts.known.len()), (huge.as_str(), 2_001));
        assert_eq!(texts.text(TextId(9_999)), "");
    }
}

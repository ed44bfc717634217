//! Which links were seen: one for two tasks is suspicious.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// How many links are remembered; a mixed-up server gives the same one soon again.
const MOST: usize = 100_000;

/// The links of this run by their hashes, and whose they are.
#[derive(Default)]
pub(super) struct Links {
    owners: HashMap<u64, Arc<str>>,
    hasher: RandomState,
}

impl Links {
    /// Whose link this is, if it is another pair's; else it is this one's from now on.
    pub(super) fn owner(&mut self, link: &str, pair: &Arc<str>) -> Option<Arc<str>> {
        let hash = self.hasher.hash_one(link);
        match self.owners.get(&hash) {
            Some(owner) if owner != pair => Some(owner.clone()),
            Some(_) => None,
            None => {
                if self.owners.len() < MOST {
                    self.owners.insert(hash, pair.clone());
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_belongs_to_the_pair_that_had_it_first() {
        let mut links = Links::default();
        let [a, b] = ["a", "b"].map(Arc::<str>::from);
        assert_eq!(links.owner("https://cdn.example/1", &a), None);
        assert_eq!(links.owner("https://cdn.example/1", &a), None);
        assert_eq!(links.owner("https://cdn.example/1", &b), Some(a));
        assert_eq!(links.owner("https://cdn.example/1?v=2", &b), None);
    }
}

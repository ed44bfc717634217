//! A list that grows in blocks: nothing is moved when it grows, and no room is held for as much again.

const BLOCK: usize = 1 << 12;

/// Values in the order in which they came.
#[derive(Debug)]
pub(crate) struct Blocks<T>(Vec<Vec<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Blocks<T> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        // All blocks but the last are full.
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }

    /// Adds one, and returns its place.
    pub(crate) fn push(&mut self, value: T) -> usize {
        let place = self.len();
        match self.0.last_mut().filter(|last| last.len() < BLOCK) {
            Some(last) => last.push(value),
            None => {
                // The first block grows by itself: most lists are short.
                let room = if self.0.is_empty() { 1 } else { BLOCK };
                let mut block = Vec::with_capacity(room);
                block.push(value);
                self.0.push(block);
            }
        }
        place
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place / BLOCK)?.get(place % BLOCK)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.0.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places() {
        let mut list = Blocks::default();
        let places: Vec<_> = (0..3 * BLOCK + 1).map(|n| list.push(n)).collect();
        assert!(places.iter().copied().eq(0..3 * BLOCK + 1));
        assert!(list.iter().copied().eq(places.iter().copied()));
        *list.get_mut(BLOCK).unwrap() = 7;
        assert_eq!((list.len(), list.get(BLOCK), list.get(places.len())), (12_289, Some(&7), None));
    }
}

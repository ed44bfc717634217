//! Which rows a listing has seen: a bit for each, so that a million take 125 kB.

/// A set of row numbers, which begin at 1 and have next to no gaps.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bits: Vec<u64>,
    count: u64,
}

impl Seen {
    /// Puts a row in.
    pub(super) fn add(&mut self, row: i64) {
        let Some((word, bit)) = place(row) else { return };
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count += u64::from(self.bits[word] & bit == 0);
        self.bits[word] |= bit;
    }

    /// Whether a row is in.
    pub(super) fn has(&self, row: i64) -> bool {
        place(row).is_some_and(|(word, bit)| self.bits.get(word).is_some_and(|w| w & bit != 0))
    }

    /// How many are in.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

/// The word of a row, and the bit in it. SQLite numbers no row of ours below 1.
fn place(row: i64) -> Option<(usize, u64)> {
    let row = u64::try_from(row).ok()?;
    Some((usize::try_from(row / 64).ok()?, 1 << (row % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_counts_once() {
        let mut seen = Seen::default();
        for row in [1, 63, 64, 1, 1_000_000, -1] {
            seen.add(row);
        }
        assert_eq!(seen.count(), 4);
        assert!(seen.has(63) && seen.has(1_000_000));
        assert!(!seen.has(2) && !seen.has(999_999) && !seen.has(5_000_000) && !seen.has(-1));
    }
}

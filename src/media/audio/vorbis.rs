//! How much memory a Vorbis decoder would need for the tables that a header asks for.
//!
//! A codebook of sixteen million entries fits into ten bytes, and a header may have 256 of them.

/// Numbers in all codebooks together: usual headers have a tenth of this.
const MOST_NUMBERS: u64 = 4 << 20;

/// Usual headers have a few kilobytes.
const MOST_BYTES: usize = 1 << 20;

/// Whether the codebooks of a setup header are of a usual size. Each begins with a pattern, at any
/// bit, that its numbers of dimensions and entries follow.
pub(super) fn is_modest(setup: &[u8]) -> bool {
    setup.len() <= MOST_BYTES && numbers(setup) <= MOST_NUMBERS
}

fn numbers(setup: &[u8]) -> u64 {
    let words = (0..setup.len()).filter_map(|at| word(setup, at));
    let books = words.flat_map(|word| (0..8).filter_map(move |bit| book(word >> bit)));
    books.fold(0, u64::saturating_add)
}

/// Sixteen bytes, the first lowest, padded with zeros; `None` where not even a pattern fits.
fn word(setup: &[u8], at: usize) -> Option<u128> {
    let bytes = setup.get(at..).filter(|rest| rest.len() >= 8)?;
    Some(bytes.iter().take(16).rev().fold(0, |word, byte| word << 8 | u128::from(*byte)))
}

fn book(word: u128) -> Option<u64> {
    let field = |from: u32, bits: u32| (word >> from) as u64 & ((1 << bits) - 1);
    let (dimensions, entries) = (field(24, 16), field(40, 24));
    (field(0, 24) == 0x56_4342).then_some(entries * dimensions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A codebook that begins at a bit.
    fn setup(dimensions: u128, entries: u128, bit: u32) -> Vec<u8> {
        let word = (entries << 40 | dimensions << 24 | 0x56_4342) << bit;
        [b"\x05vorbis\x00", &word.to_le_bytes()[..]].concat()
    }

    #[test]
    fn codebooks_are_found_at_any_bit() {
        for bit in 0..8 {
            assert_eq!(numbers(&setup(2, 300, bit)), 600, "bit {bit}");
            assert!(is_modest(&setup(2, 300, bit)));
            assert!(!is_modest(&setup(1, 0xff_ffff, bit)));
            assert!(!is_modest(&setup(0xffff, 300, bit)));
            assert!(!is_modest(&setup(0, 1 << 20, bit).repeat(5)));
        }
    }

    #[test]
    fn short_headers_ask_for_nothing() {
        assert!(is_modest(b""));
        assert!(is_modest(b"BCV"));
        assert!(!is_modest(&vec![0; MOST_BYTES + 1]));
    }
}

//! Chance that does not depend on the order of arrival.
//!
//! What happens to a request is drawn from the seed, the request's digest and its try number, so
//! the same seed and the same requests give the same run however they are interleaved.

use crate::words::digest::Digest;

/// Draws for one try of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice for the `attempt`-th (from 1) create with this digest.
    pub(crate) fn new(seed: u64, digest: &Digest, attempt: u32) -> Self {
        Self { state: mix(mix(seed ^ digest.head()) ^ u64::from(attempt)) }
    }

    /// Dice for the `attempt`-th request of one kind about what these were thrown for.
    pub(crate) fn about(self, kind: &str, attempt: u32) -> Self {
        let kind = kind.bytes().fold(self.state, |hash, byte| mix(hash ^ u64::from(byte)));
        Self { state: mix(kind ^ u64::from(attempt)) }
    }

    /// A generator for one purpose: different purposes never share draws.
    pub(crate) fn generator(self, purpose: &str, index: usize) -> fastrand::Rng {
        let word = purpose.bytes().fold(index as u64, |hash, byte| mix(hash ^ u64::from(byte)));
        fastrand::Rng::with_seed(mix(self.state ^ word))
    }

    /// Whether an event with this probability (0 to 1) happens.
    pub(crate) fn happens(self, purpose: &str, index: usize, share: f64) -> bool {
        self.generator(purpose, index).f64() < share
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_and_a_retry_is_drawn_anew() {
        let digests: Vec<_> = (0..10_000u32).map(|n| Digest::of_bytes(&n.to_le_bytes())).collect();
        let hits = |attempt| {
            let drawn = digests.iter().map(|digest| Dice::new(7, digest, attempt));
            drawn.map(|dice| dice.happens("fault", 0, 0.1)).collect::<Vec<_>>()
        };
        let (first, second) = (hits(1), hits(2));
        let count = first.iter().filter(|hit| **hit).count();
        assert!((900..1100).contains(&count), "{count} of 10000 for a share of 0.1");
        assert_eq!(first, hits(1), "the same seed gives the same run");
        assert_ne!(first, second, "a retry is drawn anew");
    }
}

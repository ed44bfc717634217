//! The hashes by which PostgreSQL itself spreads rows over partitions.
//!
//! They are Bob Jenkins' lookup3, the same since version 11 on machines whose lowest byte is the first. Where
//! a server had others, its sums would be nobody's: all would be read, and nothing be wrong.

/// `hashint4extended`, and `hashint2extended`.
pub(super) fn of_number(value: i32, seed: i64) -> i64 {
    let mut state = Mixed::new(4, seed);
    state.a = state.a.wrapping_add(value.cast_unsigned());
    state.last()
}

/// `hashtextextended`.
pub(super) fn of_text(text: &str, seed: i64) -> i64 {
    let bytes = text.as_bytes();
    // No id is longer than that.
    let mut state = Mixed::new(u32::try_from(bytes.len()).unwrap_or(u32::MAX), seed);
    let (whole, rest) = bytes.as_chunks::<12>();
    for chunk in whole {
        state.add(chunk);
        state.mix();
    }
    let mut chunk = [0; 12];
    chunk[..rest.len()].copy_from_slice(rest);
    // The lowest byte of the third word is the length's.
    chunk.copy_within(8..11, 9);
    chunk[8] = 0;
    state.add(&chunk);
    state.last()
}

struct Mixed {
    a: u32,
    b: u32,
    c: u32,
}

impl Mixed {
    fn new(length: u32, seed: i64) -> Self {
        let first = 0x9e37_79b9_u32.wrapping_add(length).wrapping_add(3_923_095);
        let mut state = Self { a: first, b: first, c: first };
        if seed != 0 {
            let [s, t, u, v, w, x, y, z] = seed.to_be_bytes();
            state.a = state.a.wrapping_add(u32::from_be_bytes([s, t, u, v]));
            state.b = state.b.wrapping_add(u32::from_be_bytes([w, x, y, z]));
            state.mix();
        }
        state
    }

    fn add(&mut self, chunk: &[u8; 12]) {
        let (words, _) = chunk.as_chunks::<4>();
        for (part, word) in [&mut self.a, &mut self.b, &mut self.c].into_iter().zip(words) {
            *part = part.wrapping_add(u32::from_le_bytes(*word));
        }
    }

    fn mix(&mut self) {
        let Self { mut a, mut b, mut c } = *self;
        for by in [[4, 6, 8], [16, 19, 4]] {
            a = a.wrapping_sub(c) ^ c.rotate_left(by[0]);
            c = c.wrapping_add(b);
            b = b.wrapping_sub(a) ^ a.rotate_left(by[1]);
            a = a.wrapping_add(c);
            c = c.wrapping_sub(b) ^ b.rotate_left(by[2]);
            b = b.wrapping_add(a);
        }
        *self = Self { a, b, c };
    }

    fn last(self) -> i64 {
        let Self { mut a, mut b, mut c } = self;
        c = (c ^ b).wrapping_sub(b.rotate_left(14));
        a = (a ^ c).wrapping_sub(c.rotate_left(11));
        b = (b ^ a).wrapping_sub(a.rotate_left(25));
        c = (c ^ b).wrapping_sub(b.rotate_left(16));
        a = (a ^ c).wrapping_sub(c.rotate_left(4));
        b = (b ^ a).wrapping_sub(a.rotate_left(14));
        c = (c ^ b).wrapping_sub(b.rotate_left(24));
        (u64::from(b) << 32 | u64::from(c)).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_postgresql_15_says() {
        let numbers = [(0, 0), (12345, 678), (7, -1), (-5, 9_123_456_789_012_345_678)];
        assert_eq!(
            numbers.map(|(value, seed)| of_number(value, seed)),
            [
                4_154_612_158_245_552_303,
                -3_174_121_602_103_833_465,
                5_874_088_688_735_560_945,
                8_447_514_331_174_420_947,
            ]
        );
        let texts = [
            ("", 0),
            ("a", 1),
            ("pair-123456", 123_456),
            ("twelve bytes", 3),
            ("Größere Namen, über zwölf Bytes lang", 4095),
            ("elf bytes..", 5),
        ];
        assert_eq!(
            texts.map(|(text, seed)| of_text(text, seed)),
            [
                -6_939_563_903_564_495_251,
                3_325_245_193_489_759_299,
                -3_260_243_526_476_102_961,
                -6_318_579_989_949_900_893,
                -8_134_170_578_347_933_599,
                -4_227_340_427_065_360_206,
            ]
        );
    }
}

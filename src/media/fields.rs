//! Numbers at a place in hostile bytes: `None` where the bytes end before them.

use std::time::Duration;

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(super) fn be24(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// A size as a place in memory; beyond all memory where it does not fit.
pub(super) fn place(size: impl TryInto<usize>) -> usize {
    size.try_into().unwrap_or(usize::MAX)
}

/// How long a number of units takes; `None` without a rate.
pub(super) fn time(units: u64, per_second: u32) -> Option<Duration> {
    let nanos = (u128::from(units) * 1_000_000_000).checked_div(per_second.into())?;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_the_bytes() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(be16(&bytes, 0), Some(0x0102));
        assert_eq!(be24(&bytes, 5), Some(0x06_0708));
        assert_eq!(le24(&bytes, 5), Some(0x08_0706));
        assert_eq!(le32(&bytes, 4), Some(0x0807_0605));
        assert_eq!(be32(&bytes, 5), None);
        assert_eq!(be64(&bytes, usize::MAX), None);
    }

    #[test]
    fn time_needs_a_rate_and_never_overflows() {
        assert_eq!(time(3, 2), Some(Duration::from_millis(1500)));
        assert_eq!(time(3, 0), None);
        assert!(time(u64::MAX, 1) > time(u64::MAX / 2_000_000_000, 1));
    }
}

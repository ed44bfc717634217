//! Which part of a file is asked for.

use std::ops::RangeInclusive;

/// The most that is sent at once to whoever asks for all from some byte on. Browsers have six connections
/// to a server, and a video that stands still would keep one; they ask for the rest when they need it.
const PIECE: u64 = 512 << 10;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of it.
    Whole,
    /// From the first of these bytes to the last.
    Part(RangeInclusive<u64>),
    /// Nothing that there is.
    Beyond,
}

/// What a `Range` header asks for. One that cannot be understood, or asks for several parts, is as none.
#[must_use]
pub fn asked(header: Option<&str>, length: u64) -> Asked {
    header.and_then(|header| part(header, length)).unwrap_or(Asked::Whole)
}

fn part(header: &str, length: u64) -> Option<Asked> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (from, to) = match (number(first), number(last)) {
        // The last so many.
        (None, Some(count)) if first.is_empty() => (length.saturating_sub(count), u64::MAX),
        (Some(from), None) if last.is_empty() => (from, from.saturating_add(PIECE - 1)),
        (Some(from), Some(to)) if from <= to => (from, to),
        _ => return None,
    };
    let to = to.min(length.checked_sub(1)?);
    Some(if from <= to { Asked::Part(from..=to) } else { Asked::Beyond })
}

/// Nothing but digits; so many of them that they make no number stand for the last one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_given_and_what_nobody_understands_is_no_range() {
        let large = "99999999999999999999999999";
        for (header, expected) in [
            ("bytes=0-0", Asked::Part(0..=0)),
            ("bytes=2-5", Asked::Part(2..=5)),
            ("Bytes = 2-5", Asked::Part(2..=5)),
            ("bytes=2-500", Asked::Part(2..=9)),
            ("bytes=9-", Asked::Part(9..=9)),
            ("bytes=0-", Asked::Part(0..=9)),
            ("bytes=-3", Asked::Part(7..=9)),
            ("bytes=-300", Asked::Part(0..=9)),
            ("bytes=-0", Asked::Beyond),
            ("bytes=10-", Asked::Beyond),
            ("bytes=10-20", Asked::Beyond),
            ("bytes=5-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=1--2", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("0-1", Asked::Whole),
            ("", Asked::Whole),
        ] {
            assert_eq!(asked(Some(header), 10), expected, "{header}");
        }
        assert_eq!(asked(Some(&format!("bytes={large}-")), 10), Asked::Beyond);
        assert_eq!(asked(Some(&format!("bytes=3-{large}")), 10), Asked::Part(3..=9));
        assert_eq!(asked(Some(&format!("bytes=-{large}")), 10), Asked::Part(0..=9));
        assert_eq!(asked(None, 10), Asked::Whole);
    }

    #[test]
    fn an_empty_file_has_no_part() {
        for header in ["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0"] {
            assert_eq!(asked(Some(header), 0), Asked::Whole, "{header}");
        }
    }

    #[test]
    fn what_is_open_at_its_end_comes_in_pieces() {
        assert_eq!(asked(Some("bytes=0-"), 1 << 30), Asked::Part(0..=PIECE - 1));
        assert_eq!(asked(Some("bytes=7-"), 1 << 30), Asked::Part(7..=PIECE + 6));
        assert_eq!(asked(Some("bytes=0-9999999"), 1 << 30), Asked::Part(0..=9_999_999));
    }
}

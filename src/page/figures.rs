//! Numbers and times as people read them.

/// `1,234,567`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `2.1 s`, `34 s`, `5 min 20 s`, `3 h 5 min`, `2 d 4 h`
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let both = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {part}"),
    };
    match seconds {
        0..10 if !millis.is_multiple_of(1000) => format!("{}.{} s", seconds, millis % 1000 / 100),
        0..60 => format!("{seconds} s"),
        60..3600 => both(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => both(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => both(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        for (millis, shown) in [
            (0, "0 s"),
            (2_130, "2.1 s"),
            (34_500, "34 s"),
            (60_000, "1 min"),
            (320_000, "5 min 20 s"),
            (11_100_000, "3 h 5 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(span(millis), shown);
        }
    }
}

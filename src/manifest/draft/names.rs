//! Names of files: in the order in which people count, and as ids.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::pair::PairId;

/// As people order names: `take2` before `take10`, without case.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    while !a.is_empty() && !b.is_empty() {
        let ((left, rest_of_a), (right, rest_of_b)) = (chunk(a), chunk(b));
        let order = match (number(left), number(right)) {
            // Zeros in front do not count; of two equal numbers, the shorter comes first.
            (Some(x), Some(y)) => (x.len(), x, left.len()).cmp(&(y.len(), y, right.len())),
            _ => left.to_lowercase().cmp(&right.to_lowercase()),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_of_a, rest_of_b);
    }
    a.len().cmp(&b.len()).then_with(|| one.cmp(other))
}

/// The digits, or the other characters, at the start of a text; and the rest.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn number(chunk: &str) -> Option<&str> {
    let digits = chunk.starts_with(|c: char| c.is_ascii_digit());
    digits.then(|| chunk.trim_start_matches('0'))
}

/// A text in the alphabet of ids, as near as it gets; never empty, but not always a valid id.
pub(super) fn id(text: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut id = String::new();
    for c in text.chars() {
        match known(c) {
            true => id.push(c),
            false if id.ends_with('-') => {}
            false => id.push('-'),
        }
    }
    match id.trim_matches(['.', '_', '-']) {
        "" => "pair".to_owned(),
        id => id.to_owned(),
    }
}

/// The ids that are taken.
#[derive(Debug, Default)]
pub(super) struct Ids(HashSet<String>);

impl Ids {
    /// A valid id that is not taken yet, like the one that is wanted.
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        // Room for a number. All of it is ASCII.
        let start = &wanted[..wanted.len().min(PairId::MAX_LEN - 10)];
        let start = start.trim_end_matches(['.', '_', '-']);
        // Windows keeps some names to itself.
        let start = match PairId::parse(start) {
            Ok(_) => start.to_owned(),
            Err(_) => format!("pair-{start}"),
        };
        let mut id = start.clone();
        let mut number = 1_u32;
        while !self.0.insert(id.to_ascii_lowercase()) {
            number += 1;
            id = format!("{start}-{number}");
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_and_case_does_not() {
        let mut names = [
            "take10",
            "b",
            "take2",
            "take",
            "A",
            "take002",
            "a1b10",
            "a1b9",
            "99999999999999999999",
            "take2.wav",
            "1",
        ];
        names.sort_by(|one, other| natural(one, other));
        let expected = [
            "1",
            "99999999999999999999",
            "A",
            "a1b9",
            "a1b10",
            "b",
            "take",
            "take2",
            "take2.wav",
            "take002",
            "take10",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn any_name_becomes_an_id() {
        let long = "x".repeat(300);
        for (text, expected) in [
            ("anna-en", "anna-en"),
            ("Anna Müller (2)", "Anna-M-ller-2"),
            ("../../etc/passwd", "etc-passwd"),
            ("张", "pair"),
            ("", "pair"),
            ("-rf", "rf"),
            ("nul", "pair-nul"),
            ("a.", "a"),
            (&long, &long[..118]),
        ] {
            let made = Ids::default().unique(&id(text));
            assert_eq!(made, expected, "{text}");
            assert!(PairId::parse(&made).is_ok());
        }
    }

    #[test]
    fn ids_are_unique_without_case() {
        let mut ids = Ids::default();
        let made = ["a", "A", "a-2", "a"].map(|wanted| ids.unique(wanted));
        assert_eq!(made, ["a", "A-2", "a-2-2", "a-3"]);
    }
}

//! Names of files: in the order in which people count, and as ids.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::pair::{IdError, PairId, folded, nfc};

/// What a pair is called whose files have no name in letters.
const NAMELESS: &str = "pair";
/// How many digits tell two apart, if these do.
const DIGITS: usize = 6;

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

/// A name that is asked for, and what it is asked for.
#[derive(Debug)]
pub(super) struct Wish {
    /// In the alphabet of ids.
    pub(super) name: String,
    /// What no other has: it tells apart those that wish for one name.
    pub(super) path: String,
    /// Whether nothing was lost on the way from the name of the file.
    pub(super) exact: bool,
}

/// Ids for wishes: valid, and unique without case. None depends on the order of the wishes, and of
/// those that wish for one name, only the one whose name it is gets it as it is.
pub(super) fn ids(wishes: &[Wish]) -> Vec<String> {
    let names: Vec<_> = wishes.iter().map(|wish| valid(&wish.name)).collect();
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, name) in names.iter().enumerate() {
        wanted.entry(folded(name)).or_default().push(place);
    }
    let owner = |name: &str| {
        if name.is_empty() {
            return None;
        }
        let mut exact = wanted[&folded(name)].iter().filter(|place| wishes[**place].exact);
        // Two to whom it belongs are as good as none.
        exact.next().filter(|_| exact.next().is_none()).copied()
    };
    let mut taken: HashSet<String> = wanted.keys().cloned().collect();
    let ids = wishes.iter().enumerate().zip(&names).map(|((place, wish), name)| {
        let alone = !name.is_empty() && wanted[&folded(name)].len() == 1;
        match alone || owner(name) == Some(place) {
            true => name.clone(),
            false => told_apart(name, &wish.path, &mut taken),
        }
    });
    ids.collect()
}

/// The name with some digits of the path's digest behind it.
fn told_apart(name: &str, path: &str, taken: &mut HashSet<String>) -> String {
    let digest = Sha256::digest(nfc(path).as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = if name.is_empty() { NAMELESS } else { name };
    let made = |length| format!("{name}-{}", &digits[..length]);
    let free = (DIGITS..digits.len()).map(made).find(|id| taken.insert(folded(id)));
    free.unwrap_or_else(|| made(digits.len()))
}

/// The name, or one like it where a system keeps it to itself; with room for some digits.
fn valid(name: &str) -> String {
    let mut end = name.len().min(PairId::MAX_LEN - DIGITS - 4);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let name = name[..end].trim_end_matches(['.', '_', '-']);
    match PairId::parse(name) {
        Err(IdError::Device) => format!("{NAMELESS}-{name}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::short_alphabet;

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

    fn made(names: &[&str]) -> Vec<String> {
        let wish = |text: &&str| {
            let name = short_alphabet(text);
            Wish { exact: name == *text, name, path: format!("{text}.wav") }
        };
        ids(&names.iter().map(wish).collect::<Vec<_>>())
    }

    #[test]
    fn any_name_becomes_an_id() {
        let long = "x".repeat(300);
        let wide = "王".repeat(300);
        for (text, expected) in [
            ("anna-en", "anna-en"),
            ("Anna Müller (2)", "Anna-Müller-2"),
            ("../../etc/passwd", "etc-passwd"),
            ("张", "张"),
            ("-rf", "rf"),
            ("nul", "pair-nul"),
            ("a.", "a"),
            (&long, &long[..118]),
            (&wide, &wide[..117]),
        ] {
            let [id] = &made(&[text])[..] else { panic!("one id for {text}") };
            assert_eq!(id, expected, "{text}");
            assert!(PairId::parse(id).is_ok());
        }
        assert_eq!(made(&["🎤", "", "🎧"]), ["pair-37a086", "pair-da076e", "pair-593862"]);
    }

    #[test]
    fn ids_depend_on_names_and_never_on_their_order() {
        let names = ["a b", "a-b", "A-B", "c(d)", "c d", "🎤", "王 小", "王(小", "e"];
        let forward = made(&names);
        assert_eq!(forward[8], "e");
        let mut back: Vec<_> = names.into_iter().rev().collect();
        let mut backward = made(&back);
        backward.reverse();
        assert_eq!(forward, backward);
        back.push("new");
        assert_eq!(&made(&back)[..9], forward.iter().rev().cloned().collect::<Vec<_>>());
        let unique: HashSet<_> = forward.iter().map(|id| folded(id)).collect();
        assert_eq!(unique.len(), names.len(), "{forward:?}");
        assert!(forward.iter().all(|id| PairId::parse(id).is_ok()), "{forward:?}");
        assert_eq!(made(&["a b", "a-b"])[1], "a-b", "whose name it is gets it");
        assert_eq!(made(&["a-b", "a b"])[0], "a-b");
    }
}

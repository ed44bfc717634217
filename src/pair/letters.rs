//! The alphabet of ids, and when two names are one: as Unicode has it, not as one language does.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Stands for what is in no id.
const GAP: char = '-';
/// What else than letters and digits is in ids. None of it starts or ends a name that was made.
const SIGNS: [char; 3] = ['.', '_', '-'];

/// In the composed form (NFC): macOS hands out names in the other one.
#[must_use]
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// The form in which two names must differ: file systems compare them without case, some of them
/// also without regard to how a letter is composed.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let folded: String = nfd.normalize(text).chars().flat_map(fold).collect();
    nfd.normalize(&folded).into_owned()
}

/// Letter by letter, as Unicode folds case in full: `ß` is `ss`, `ς` is `σ`.
fn fold(c: char) -> impl Iterator<Item = char> {
    // The one letter that capitals would make another letter of.
    let dotless = c == 'ı';
    let folded = c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.map(move |folded| if dotless { c } else { folded })
}

/// A letter or a digit of any script.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let groups = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number);
    groups.contains(category(c)) && !is_hidden(c)
}

/// What may stand in an id after its first character: also the marks that many scripts write their
/// vowels and tones with.
pub(super) fn is_of_id(c: char) -> bool {
    is_letter(c) || SIGNS.contains(&c) || is_mark(c) && !is_hidden(c)
}

/// An accent, a vowel sign or the like: part of the letter before it.
pub(crate) fn is_mark(c: char) -> bool {
    let marks = GeneralCategory::NonspacingMark;
    !c.is_ascii() && (category(c) == marks || category(c) == GeneralCategory::SpacingMark)
}

/// Nothing of it is seen: joiners, variation selectors, fillers, marks of direction.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let zero_width = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    !c.is_ascii() && (zero_width.contains(c) || category(c) == GeneralCategory::Format)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// A name in the alphabet of ids, as near as it gets: what is in no id is a hyphen, what is not
/// seen is left out. May be empty, or no id for another reason.
#[must_use]
pub fn alphabet(name: &str) -> String {
    spelled(name, |made| made.push(GAP))
}

/// The same with one hyphen for several characters in a row that are in no id.
#[must_use]
pub fn short_alphabet(name: &str) -> String {
    spelled(name, |made| {
        if !made.ends_with(GAP) {
            made.push(GAP);
        }
    })
}

fn spelled(name: &str, gap: impl Fn(&mut String)) -> String {
    let mut made = String::with_capacity(name.len());
    for c in nfc(name).chars().filter(|c| !is_hidden(*c)) {
        let stray = is_mark(c) && !made.ends_with(|last: char| is_letter(last) || is_mark(last));
        if is_of_id(c) && !stray {
            made.push(c);
        } else {
            gap(&mut made);
        }
    }
    made.trim_matches(SIGNS).to_owned()
}

/// As releases did it whose ids were ASCII. Ledgers have pairs under such names.
#[must_use]
pub fn old_alphabet(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(&c);
    let made: String = name.chars().map(|c| if known(c) { c } else { GAP }).collect();
    made.trim_matches(SIGNS).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pair::PairId;

    #[test]
    fn names_are_themselves() {
        for (name, made) in [
            ("王小明", "王小明"),
            ("Anna Müller", "Anna-Müller"),
            ("Anna Mu\u{308}ller", "Anna-Müller"),
            ("が", "が"),
            ("か\u{3099}", "が"),
            ("สวัสดีค่ะ", "สวัสดีค่ะ"),
            ("नमस्ते", "नमस्ते"),
            ("Привет №1", "Привет--1"),
            ("שלום", "שלום"),
            ("１２３", "１２３"),
            ("a\u{200b}b\u{feff}", "ab"),
            ("\u{202e}gpj", "gpj"),
            ("\u{3164}x\u{115f}", "x"),
            ("👩‍🦰 anna", "anna"),
            ("a \u{308}b", "a--b"),
            ("../../etc/passwd", "etc-passwd"),
            ("🎤", ""),
            ("¿qué?", "qué"),
        ] {
            assert_eq!(alphabet(name), made, "{name:?}");
        }
    }

    #[test]
    fn the_old_rule_stays_as_it_was() {
        for (name, made) in [
            ("Anna Müller.v2", "Anna-M-ller.v2"),
            ("Mu\u{308}ller", "Mu-ller"),
            ("../../up", "up"),
            ("100%", "100"),
            ("x%4", "x-4"),
            ("张", ""),
        ] {
            assert_eq!(old_alphabet(name), made, "{name:?}");
        }
    }

    #[test]
    fn names_are_one_without_case_and_however_they_are_composed() {
        for (one, other) in [
            ("Anna", "ANNA"),
            ("Müller", "MU\u{308}LLER"),
            ("straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΣΟΦΟΣ", "σοφος"),
            ("ﬁn", "FIN"),
            ("Ǆ", "ǆ"),
            ("\u{1f80}", "\u{1f88}"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("が", "か"), ("é", "e"), ("kız", "kiz"), ("王", "玉"), ("は", "ぱ")]
        {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_name_what_comes_of_it_is_an_id_or_nothing(name in "\\PC{0,30}") {
            let made = alphabet(&name);
            prop_assert_eq!(alphabet(&made), made.clone(), "once more changes nothing");
            let long = made.len() > PairId::MAX_LEN;
            prop_assert!(made.is_empty() || long || PairId::parse(&made).is_ok(), "{}", made);
        }

        #[test]
        fn names_that_were_fine_are_what_they_were(name in "[ -~]{0,30}") {
            prop_assert_eq!(alphabet(&name), old_alphabet(&name));
        }

        #[test]
        fn composing_and_case_make_no_difference(name in "\\PC{0,30}") {
            let fold = folded(&name);
            prop_assert_eq!(folded(&nfc(&name)), fold.clone());
            prop_assert_eq!(folded(&fold), fold.clone());
            prop_assert_eq!(folded(&name.to_uppercase().to_lowercase()), folded(&name.to_uppercase()));
        }
    }
}

//! Problems by kind: of thousands, people want to know what they have in common.

use std::collections::BTreeMap;

/// How often what kind of problem was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kinds(BTreeMap<String, usize>);

impl Kinds {
    /// Kinds beyond these are counted together.
    const TOLD_APART: usize = 20;

    /// Counts a message among those that differ from it by what they quote, or say of one alone.
    pub(super) fn add(&mut self, message: &str) {
        let message = message.split(" (this one ").next().unwrap_or(message);
        let mut kind = String::new();
        for (index, part) in message.split('`').enumerate() {
            let known = OWN_WORDS.contains(&part) || index % 2 == 0;
            kind.push_str(if index > 0 { "`" } else { "" });
            kind.push_str(if known { part } else { "…" });
        }
        let full = self.0.len() >= Self::TOLD_APART && !self.0.contains_key(&kind);
        *self.0.entry(if full { "others".to_owned() } else { kind }).or_default() += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// Each with how often it was found, the most frequent first.
    pub(super) fn list(&self) -> Vec<(&str, usize)> {
        let mut list: Vec<_> = self.0.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        list
    }
}

/// Words in messages that are ours, not the user's.
const OWN_WORDS: [&str; 13] = [
    "id",
    "take",
    "tags",
    "expires",
    "image",
    "image_url",
    "audio",
    "audio_url",
    "prompt",
    "turbo_mode",
    "advanced",
    "extra",
    "model",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_messages_quote_makes_no_kind_of_its_own() {
        let mut kinds = Kinds::default();
        for name in ["a", "b", "image"] {
            kinds.add(&format!("`image`: the file `{name}` is gone"));
        }
        kinds.add("`audio`: it is empty (this one at 5)");
        assert_eq!(
            kinds.list(),
            [
                ("`image`: the file `…` is gone", 2),
                ("`audio`: it is empty", 1),
                ("`image`: the file `image` is gone", 1)
            ]
        );
        (0..100).for_each(|n| kinds.add(&format!("kind {n}")));
        assert_eq!((kinds.count(), kinds.list().len()), (104, Kinds::TOLD_APART + 1));
        assert_eq!(kinds.list()[0], ("others", 83));
    }
}

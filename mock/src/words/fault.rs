//! The misbehaviours that the fake knows, in one table.
//!
//! A name says what happens and to whom it happened: `…-after-accept` means that the create was
//! accepted, booked and billed first; every other fault books nothing. So the worst case of a paid
//! write, "accepted, but the answer was lost", is one word in a scenario.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $wire:expr;)+) => {
        /// One misbehaviour. In YAML and in magic URLs it goes by its [name](Fault::name).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Fault {
            /// Every fault, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in scenarios, in magic URLs, in the book and in the journal.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What a client meets, in a sentence.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim(),)+ }
            }

            /// What the gate does on the socket; `None` where the answer itself is the fault.
            pub(crate) const fn wire(self) -> Option<Wire> {
                match self { $(Self::$variant => $wire,)+ }
            }
        }
    };
}

/// What the gate does on the socket instead of sending the answer as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// TCP reset.
    Reset,
    /// Orderly end of the connection without a byte.
    Close,
    /// Silence, until the client goes or the fake ends.
    Hang,
    /// Half of the body under the whole's length, then the end.
    Truncate,
    /// Half of the body, then a reset.
    ResetInAnswer,
    /// Half of the body, then silence.
    Stall,
    /// Bytes that are not HTTP.
    Garbage,
    /// The whole answer, a few bytes at a time.
    Drip,
    /// An answer of 64 MB.
    Huge,
    /// Half of the head, then the end.
    CutHead,
    /// The whole answer twice.
    Twice,
}

faults! {
    /// 307 to another path of the same server.
    Status307 = "status-307", None;
    /// 400 `invalid_image_url`.
    Status400 = "status-400", None;
    /// 401 as for a key that has expired.
    Status401 = "status-401", None;
    /// 402 `insufficient_user_quota`.
    Status402 = "status-402", None;
    /// 403 as for a key that may not use the model.
    Status403 = "status-403", None;
    /// 403 with the plain text of the proxy that dislikes a User-Agent.
    Status403Proxy = "status-403-proxy", None;
    /// 404 `model_not_found`.
    Status404 = "status-404", None;
    /// 408: the server gave up waiting.
    Status408 = "status-408", None;
    /// 409: a conflict with something under way.
    Status409 = "status-409", None;
    /// 413 in the proxy's HTML.
    Status413Html = "status-413-html", None;
    /// 422 `unsupported_advanced_options`.
    Status422 = "status-422", None;
    /// 429 with `Retry-After` in seconds.
    Status429 = "status-429", None;
    /// 429 with `Retry-After` as an HTTP date.
    Status429Date = "status-429-date", None;
    /// 429 with neither `Retry-After` nor body.
    Status429Bare = "status-429-bare", None;
    /// 429 whose code says that the balance is used up.
    Status429Quota = "status-429-quota", None;
    /// 500, nothing booked.
    Status500 = "status-500", None;
    /// 502, nothing booked.
    Status502 = "status-502", None;
    /// 503 with `Retry-After`, nothing booked.
    Status503 = "status-503", None;
    /// 504, nothing booked.
    Status504 = "status-504", None;
    /// 524 in the proxy's HTML, nothing booked.
    Status524Html = "status-524-html", None;
    /// A TCP reset as if nothing of the request had been read: it is not counted as read either.
    ResetBeforeRead = "reset-before-read", Some(Wire::Reset);
    /// A TCP reset after the request was read; nothing booked.
    ResetAfterRead = "reset-after-read", Some(Wire::Reset);
    /// The connection ends without an answer; nothing booked.
    CloseAfterRead = "close-after-read", Some(Wire::Close);
    /// No answer, ever; nothing booked.
    HangAfterRead = "hang-after-read", Some(Wire::Hang);
    /// 500 for a create that was booked.
    Status500AfterAccept = "status-500-after-accept", None;
    /// 502 for a create that was booked.
    Status502AfterAccept = "status-502-after-accept", None;
    /// 504 for a create that was booked.
    Status504AfterAccept = "status-504-after-accept", None;
    /// 524 in the proxy's HTML for a create that was booked.
    Status524HtmlAfterAccept = "status-524-html-after-accept", None;
    /// Booked, and a TCP reset instead of the answer.
    ResetAfterAccept = "reset-after-accept", Some(Wire::Reset);
    /// Booked, and the connection ends without an answer.
    CloseAfterAccept = "close-after-accept", Some(Wire::Close);
    /// Booked, and no answer, ever.
    HangAfterAccept = "hang-after-accept", Some(Wire::Hang);
    /// Booked, and the answer's body ends in the middle.
    TruncatedAfterAccept = "truncated-after-accept", Some(Wire::Truncate);
    /// Booked, and a TCP reset in the middle of the answer's body.
    ResetInAnswerAfterAccept = "reset-in-answer-after-accept", Some(Wire::ResetInAnswer);
    /// Booked, and the answer stops in the middle of its body, the connection staying open.
    StallAfterAccept = "stall-after-accept", Some(Wire::Stall);
    /// Booked, and bytes that are not HTTP.
    GarbageAfterAccept = "garbage-after-accept", Some(Wire::Garbage);
    /// Booked, and the whole answer in small pieces over about a second.
    DripAfterAccept = "drip-after-accept", Some(Wire::Drip);
    /// Booked, and an answer of 64 MB.
    HugeAfterAccept = "huge-after-accept", Some(Wire::Huge);
    /// Booked, and a 200 in JSON without `id`.
    WithoutIdAfterAccept = "without-id-after-accept", None;
    /// Booked, and a 200 in HTML.
    HtmlAfterAccept = "html-after-accept", None;
    /// Booked, and a 200 without body.
    EmptyAfterAccept = "empty-after-accept", None;
    /// The good answer to a poll, a download or an upload, its body ending in the middle.
    Truncated = "truncated", Some(Wire::Truncate);
    /// The good answer to a poll, a download or an upload, and a TCP reset in the middle of its body.
    ResetInAnswer = "reset-in-answer", Some(Wire::ResetInAnswer);
    /// The good answer to a poll, a download or an upload stops in the middle of its body.
    Stall = "stall", Some(Wire::Stall);
    /// The good answer to a poll, a download or an upload, in small pieces over about a second.
    Drip = "drip", Some(Wire::Drip);
    /// Bytes that are not HTTP instead of the answer to a poll, a download or an upload.
    Garbage = "garbage", Some(Wire::Garbage);
    /// A 200 in HTML instead of the answer to a poll, a download or an upload.
    Html = "html", None;
    /// A 200 without body instead of the answer to a poll, a download or an upload.
    Empty = "empty", None;
    /// Booked, and a 201 with nothing but `id`: a task that must be kept.
    OnlyIdAfterAccept = "only-id-after-accept", None;
    /// Booked, and a 200 with nulls, unknown fields and a final status: a task that must be kept.
    OddAfterAccept = "odd-after-accept", None;
    /// Booked, and the connection ends in the middle of the answer's head.
    CutHeadAfterAccept = "cut-head-after-accept", Some(Wire::CutHead);
    /// Booked, and the answer twice, one behind the other.
    TwiceAfterAccept = "twice-after-accept", Some(Wire::Twice);
    /// The connection ends in the middle of the head of the answer to a poll, a download or an upload.
    CutHead = "cut-head", Some(Wire::CutHead);
    /// The good answer to a poll, a download or an upload twice, one behind the other.
    Twice = "twice", Some(Wire::Twice);
}

impl Fault {
    /// Looks a fault up by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }

    /// The fault that a URL asks for by the word `fault=NAME` anywhere in it.
    ///
    /// An unknown name is answered with an error by the fake, never ignored: see [`Magic`].
    #[must_use]
    pub fn in_url(url: &str) -> Option<Magic<'_>> {
        let (_, rest) = url.match_indices("fault=").find_map(|(start, word)| {
            let before = url[..start].chars().next_back();
            // `?is_default=1` is another word.
            let begins = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-'));
            begins.then(|| url[start..].split_at(word.len()))
        })?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let name = &rest[..end.unwrap_or(rest.len())];
        Some(Self::from_name(name).map_or(Magic::Unknown(name), Magic::Known))
    }

    /// Whether it is done to the answer that the request deserves: a booked create's, or that to
    /// a poll or a download.
    pub(crate) fn needs_good_answer(self) -> bool {
        let spoilt = [
            Self::Truncated,
            Self::ResetInAnswer,
            Self::Stall,
            Self::Drip,
            Self::Garbage,
            Self::CutHead,
            Self::Twice,
        ];
        self.books() || spoilt.contains(&self)
    }

    /// Whether the create is accepted, booked and billed before the misbehaviour.
    #[must_use]
    pub fn books(self) -> bool {
        self.name().ends_with("-after-accept")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a URL with `fault=` in it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic<'a> {
    /// A fault that exists.
    Known(Fault),
    /// A name that does not.
    Unknown(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_unique_and_what_yaml_uses() {
        let mut names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        for (fault, name) in Fault::ALL.iter().zip(&names) {
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name}");
            assert_eq!(serde_json::to_value(fault).unwrap(), **name);
            assert_eq!(Fault::from_name(name), Some(*fault));
            assert!(fault.explanation().ends_with('.'), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Fault::ALL.len());
    }

    #[test]
    fn a_url_asks_for_a_fault_wherever_it_says_so() {
        let asked = |url| Fault::in_url(url);
        assert_eq!(asked("https://h/a.jpg"), None);
        assert_eq!(asked("https://h/a.jpg?is_default=1&default=x&no-fault=y"), None);
        let behind = asked("https://h/a.jpg?is_default=1&fault=status-500");
        assert_eq!(behind, Some(Magic::Known(Fault::Status500)));
        assert_eq!(asked("https://h/fault=status-500/a.jpg"), Some(Magic::Known(Fault::Status500)));
        assert_eq!(
            asked("https://h/a.jpg?x=1&fault=reset-after-accept&y=2"),
            Some(Magic::Known(Fault::ResetAfterAccept))
        );
        assert_eq!(asked("https://h/a.jpg?fault=oops&y=2"), Some(Magic::Unknown("oops")));
    }

    #[test]
    fn the_readme_tells_of_every_fault_in_the_same_words() {
        let readme = include_str!("../../README.md");
        for fault in Fault::ALL {
            let row = format!("| `{fault}` | {} |", fault.explanation());
            assert!(readme.contains(&row), "missing in README.md: {row}");
        }
    }
}

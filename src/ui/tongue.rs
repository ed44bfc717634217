//! What people are spoken to in.

use std::borrow::Cow;

use crate::words::{Language, Words};

/// A language, and its words where they are not those that the program thinks in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tongue {
    language: Language,
    words: Option<&'static Words>,
}

impl From<Language> for Tongue {
    fn from(language: Language) -> Self {
        Self { language, words: Words::of(language) }
    }
}

impl Tongue {
    /// What the program thinks in.
    pub const ENGLISH: Self = Self { language: Language::English, words: None };

    /// That which the arguments, the environment or the locale want.
    #[must_use]
    pub fn wanted() -> Self {
        let arguments = std::env::args_os().skip(1);
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        Language::wanted(arguments, |name| std::env::var(name).ok()).into()
    }

    /// A command whose help breaks no lines where they are broken as they are said.
    #[must_use]
    pub fn unbroken(self, command: clap::Command) -> clap::Command {
        match self.language {
            Language::English => command,
            Language::Chinese => command.term_width(0),
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn language(self) -> Language {
        self.language
    }

    /// A text for people, each line of it as it is said here, or in English if nobody has put it.
    #[must_use]
    pub fn say(self, text: &str) -> Cow<'_, str> {
        self.words.map_or(Cow::Borrowed(text), |words| words.say(text))
    }

    /// The same of a text that may be the first clause of a message.
    pub(super) fn say_in_short(self, text: &str) -> Cow<'_, str> {
        let short = || self.words.and_then(|words| words.beginning(text));
        match self.say(text) {
            Cow::Borrowed(same) if same == text => {
                short().map_or(Cow::Borrowed(text), Cow::Borrowed)
            }
            said => said,
        }
    }

    /// A single word of the program's own.
    #[must_use]
    pub fn word(self, word: &str) -> Cow<'_, str> {
        self.say(word)
    }

    /// What stands between a label and what it labels.
    #[must_use]
    pub const fn colon(self) -> &'static str {
        match self.language {
            Language::English => ": ",
            Language::Chinese => "：",
        }
    }
}

//! A command as a person writes it in one word of a shell's: taken apart as a shell would, and never
//! given to one, so that no name of a file can become a command.

use std::ffi::OsString;
use std::path::Path;

/// The words of a command, the program first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

/// Why a text is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordsError {
    #[error("no command in it")]
    Empty,
    #[error("a quote {0} that does not end")]
    Open(char),
}

impl Words {
    /// Words end at white space. `'…'` is taken as it is; in `"…"` and outside of quotes `\` keeps
    /// what follows, in `"…"` only `"` and `\`.
    pub(super) fn parse(text: &str) -> Result<Self, WordsError> {
        let (mut words, mut word) = (Vec::new(), None::<String>);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                quote @ ('\'' | '"') => {
                    let inside = quoted(quote, &mut letters)?;
                    word.get_or_insert_default().push_str(&inside);
                }
                // A path of Windows has them, too.
                '\\' if !cfg!(windows) => {
                    word.get_or_insert_default().extend(letters.next());
                }
                space if space.is_whitespace() => words.extend(word.take()),
                other => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        match words.first().is_none_or(String::is_empty) {
            true => Err(WordsError::Empty),
            false => Ok(Self(words)),
        }
    }

    /// The program's name.
    pub(super) fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// As they are.
    pub(super) fn plain(&self) -> Vec<OsString> {
        self.0.iter().map(OsString::from).collect()
    }

    /// With a file and a pair in their places; each place stays within its word.
    pub(super) fn about(&self, path: &Path, id: &str) -> Vec<OsString> {
        self.0.iter().map(|word| filled(word, path, id)).collect()
    }
}

fn quoted(
    quote: char,
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
) -> Result<String, WordsError> {
    let mut inside = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter == quote => return Ok(inside),
            '\\' if quote == '"' && letters.peek().is_some_and(|c| matches!(c, '"' | '\\')) => {
                inside.extend(letters.next());
            }
            other => inside.push(other),
        }
    }
    Err(WordsError::Open(quote))
}

/// What was put in is not looked at again.
fn filled(word: &str, path: &Path, id: &str) -> OsString {
    let mut filled = OsString::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        filled.push(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{path}") {
            filled.push(path);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{id}") {
            filled.push(id);
            rest = after;
        } else {
            filled.push("{");
            rest = &rest[1..];
        }
    }
    filled.push(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::parse(text).unwrap().0
    }

    #[test]
    #[cfg(not(windows))]
    fn words_are_told_apart_as_in_a_shell() {
        assert_eq!(words("  cp  {path}\t/tmp/x  "), ["cp", "{path}", "/tmp/x"]);
        assert_eq!(words(r#"sh -c 'echo "$1"; a\b' x"#), ["sh", "-c", r#"echo "$1"; a\b"#, "x"]);
        assert_eq!(words(r#"a "b \"c\" \\ \n" d\ e"#), ["a", r#"b "c" \ \n"#, "d e"]);
        assert_eq!(words(r#"a'b'"c"d '' """#), ["abcd", "", ""]);
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in ["", "  ", "''", r#""" x"#] {
            assert_eq!(Words::parse(text), Err(WordsError::Empty), "{text}");
        }
        assert_eq!(Words::parse("a 'b"), Err(WordsError::Open('\'')));
        assert_eq!(Words::parse("a b\""), Err(WordsError::Open('"')));
    }

    #[test]
    fn a_name_stays_within_its_word_and_is_taken_as_it_is() {
        let words = Words::parse("cp {path} out/{id}.mp4 {x} {").unwrap();
        let filled = words.about(Path::new("a b/$(rm){id}.mp4"), "anna;en");
        assert_eq!(filled, ["cp", "a b/$(rm){id}.mp4", "out/anna;en.mp4", "{x}", "{"]);
    }
}

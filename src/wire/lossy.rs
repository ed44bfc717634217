//! Reads the first JSON value of a body that other readers refuse.
//!
//! Relays write `NaN`, cut strings in the middle of a character, leave control characters in
//! messages and append a second document. None of that makes what was paid for less true.

use serde_json::Value;

/// The first JSON value in a body, if it is whole. Numbers become text, with all their digits as
/// they are written.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let mended = Mend::default().all(text.trim_start_matches(['\u{feff}', '\0']));
    serde_json::Deserializer::from_str(&mended).into_iter().next()?.ok()
}

/// Writes JSON that says the same, as far as that can be said.
#[derive(Default)]
struct Mend {
    out: String,
    quoted: bool,
}

impl Mend {
    fn all(mut self, text: &str) -> String {
        self.out.reserve(text.len() + text.len() / 8);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = match (self.quoted, c) {
                (_, '"') => self.quote(),
                (true, '\\') => self.escape(rest),
                (true, c) => self.character(c),
                (false, '-' | '0'..='9' | 'a'..='z' | 'A'..='Z') => self.word(rest),
                (false, c) => self.plain(c),
            };
            rest = &rest[taken..];
        }
        self.out
    }

    fn quote(&mut self) -> usize {
        self.quoted = !self.quoted;
        self.plain('"')
    }

    fn plain(&mut self, c: char) -> usize {
        self.out.push(c);
        c.len_utf8()
    }

    /// Within a string.
    fn character(&mut self, c: char) -> usize {
        if c < ' ' {
            self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
            return c.len_utf8();
        }
        self.plain(c)
    }

    /// Within a string, from a backslash.
    fn escape(&mut self, rest: &str) -> usize {
        let unit = |at: usize| {
            let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let length = match (unit(0), unit(6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                self.out.push('\u{fffd}');
                return 6;
            }
            (Some(_), _) => 6,
            (None, _) => return self.short_escape(rest),
        };
        self.out.push_str(&rest[..length]);
        length
    }

    /// An escape that does not exist is the characters that it is written with.
    fn short_escape(&mut self, rest: &str) -> usize {
        match rest.chars().nth(1) {
            Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
                self.out.extend(['\\', c]);
                2
            }
            _ => {
                self.out.push_str("\\\\");
                1
            }
        }
    }

    /// Outside of strings: a number, or a name.
    fn word(&mut self, rest: &str) -> usize {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c));
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        match word {
            "true" | "false" | "null" => self.out.push_str(word),
            "NaN" | "Infinity" | "-Infinity" | "undefined" | "None" => self.out.push_str("null"),
            "True" | "False" => self.out.push_str(&word.to_ascii_lowercase()),
            // A number that the body ends with may have been longer.
            _ if word.parse::<f64>().is_ok() && word.len() < rest.len() => {
                self.out.push_str(&format!("\"{word}\""));
            }
            _ => self.out.push_str(word),
        }
        word.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_refuse_is_read() {
        for (body, says) in [
            (&b"\xef\xbb\xbf{\"a\":\"b\"}"[..], json!({"a": "b"})),
            (b"{\"a\":NaN,\"b\":-Infinity}", json!({"a": null, "b": null})),
            (b"{\"a\":\"\\ud800x\"}", json!({"a": "\u{fffd}x"})),
            (b"{\"a\":\"\\ud83d\\ude00\"}", json!({"a": "\u{1f600}"})),
            (b"{\"a\":\"\xff\"}", json!({"a": "\u{fffd}"})),
            (b"{\"a\":\"1\n2\t\x01\"}", json!({"a": "1\n2\t\u{1}"})),
            (b"{\"a\":\"\\x \\\" \\\\\"}", json!({"a": "\\x \" \\"})),
            (b"{\"a\":\"b\"}{\"code\":\"insert_task_failed\"}", json!({"a": "b"})),
            (b"{\"a\":\"b\"}\n<!-- served by -->", json!({"a": "b"})),
            (b"{\"a\":1757165031.50}", json!({"a": "1757165031.50"})),
            (
                b"{\"a\":123456789012345678901234567890}",
                json!({"a": "123456789012345678901234567890"}),
            ),
            (b"{\"a\":[true,false,null,-1e5]}", json!({"a": [true, false, null, "-1e5"]})),
        ] {
            assert_eq!(read(body), Some(says), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        for body in [
            "",
            "{",
            "<html>",
            "{\"a\":\"b",
            "{\"a\":12",
            "{\"a\":\"\\u12",
            "{\"a\":x}",
            "nonsense",
        ] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }
}

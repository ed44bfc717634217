//! Text from outside on its way into a page: as HTML, as JSON within HTML, and as a link.

use std::fmt::{self, Write};
use std::path::Path;

use url::Url;

use crate::view::printable;

/// A text as HTML shows it, between tags and in quoted attributes: no markup, and no control
/// characters.
pub(super) struct Html<T>(pub(super) T);

impl<T: AsRef<str>> fmt::Display for Html<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, &printable(self.0.as_ref()), |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '"' => Some("&quot;"),
            '\'' => Some("&#39;"),
            _ => None,
        })
    }
}

/// Writes a text with something else in the place of some characters.
fn escaped(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    instead: fn(char) -> Option<&'static str>,
) -> fmt::Result {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| instead(*c).is_some()) {
        f.write_str(&rest[..at])?;
        f.write_str(instead(c).unwrap_or_default())?;
        rest = &rest[at + c.len_utf8()..];
    }
    f.write_str(rest)
}

/// A text as a string of JSON that stands in a script's element: nothing in it can end that element or
/// begin a comment there.
pub(super) struct Json<'a>(pub(super) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        escaped(f, &printable(self.0), |c| match c {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '<' => Some("\\u003c"),
            '>' => Some("\\u003e"),
            '&' => Some("\\u0026"),
            '\u{2028}' => Some("\\u2028"),
            '\u{2029}' => Some("\\u2029"),
            _ => None,
        })?;
        f.write_char('"')
    }
}

/// A file as a link, from the run folder where its path is relative. No name can be taken for an
/// address elsewhere.
#[must_use]
pub fn href(path: &str) -> String {
    if Path::new(path).is_absolute() {
        return Url::from_file_path(path).map(String::from).unwrap_or_default();
    }
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let mut link = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                link.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            byte => _ = write!(link, "%{byte:02X}"),
        }
    }
    link
}

/// As digests stand in a policy.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let of = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            let is_filled = digit <= chunk.len();
            text.push(if is_filled { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "</script><script>alert(1)</script><!-- \u{2028}\u{2029}\u{1b}[31m\u{0}\u{202e}'\"&\\\n]]>";

    #[test]
    fn no_text_becomes_markup() {
        let shown = Html(HOSTILE).to_string();
        assert!(!shown.contains(['<', '>', '"', '\'', '\u{1b}', '\u{0}', '\u{202e}']), "{shown}");
        assert!(shown.starts_with("&lt;/script&gt;"), "{shown}");
        assert_eq!(Html("a&b").to_string(), "a&amp;b");
    }

    #[test]
    fn no_text_ends_the_block_of_data_and_all_of_it_comes_back() {
        let written = Json(HOSTILE).to_string();
        let outside = ['<', '>', '&', '\u{2028}', '\u{2029}', '\u{1b}', '\u{0}', '\u{202e}', '\n'];
        assert!(!written.contains(outside), "{written}");
        let read: String = serde_json::from_str(&written).unwrap();
        assert_eq!(read, printable(HOSTILE));
    }

    #[test]
    fn a_name_of_a_file_is_never_an_address() {
        assert_eq!(href("videos/anna.mp4"), "videos/anna.mp4");
        assert_eq!(href("../a b/ä%#?.jpg"), "../a%20b/%C3%A4%25%23%3F.jpg");
        assert_eq!(href("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(href("https://e.com/a"), "https%3A//e.com/a");
        #[cfg(unix)]
        assert_eq!(href("//host/share/a b.mp4"), "file:///host/share/a%20b.mp4");
    }

    #[test]
    fn digests_are_written_as_policies_have_them() {
        for (bytes, text) in [("", ""), ("c", "Yw=="), ("ca", "Y2E="), ("cal", "Y2Fs")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}

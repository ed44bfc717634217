//! What bytes are, by their beginning.

use super::encoding::Encoding;

/// What the beginning of a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// Nothing, or nothing but white space.
    Empty,
    /// Text: perhaps CSV.
    Text,
    /// Text that begins with an object in braces.
    JsonLines,
    /// Text that begins with a list in brackets.
    JsonList,
    /// A ZIP archive, as .xlsx and .ods are.
    Zip,
    /// A spreadsheet from before 2007, or one with a password.
    OldSpreadsheet,
    /// Something else, by a name that people know.
    Other(&'static str),
}

/// What looks like text, or like UTF-16, and is neither.
const DOCUMENTS: [(&[u8], &str); 2] =
    [(b"SQLite format 3\0", "an SQLite database"), (b"{\\rtf", "an RTF document")];

/// What bytes are called that nobody knows and that are no text.
pub const NO_TEXT: &str = "no text";

/// What a file is whose first bytes ([`super::HEAD`] of them) these are.
#[must_use]
pub fn sniff(head: &[u8]) -> Sniffed {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Sniffed::Zip;
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Sniffed::OldSpreadsheet;
    }
    if let Some((_, name)) = DOCUMENTS.iter().find(|(start, _)| head.starts_with(start)) {
        return Sniffed::Other(name);
    }
    let marked = Encoding::of_mark(head);
    let wide = marked.is_some_and(|(encoding, _)| !encoding.is_utf_8());
    let wide = wide || Encoding::of_zeros(head).is_some();
    if !wide && let Some(name) = crate::media::named(head).filter(|_| !is_readable(head)) {
        return Sniffed::Other(name);
    }
    let text = start_of_text(head);
    match text.trim_start().chars().next() {
        None => Sniffed::Empty,
        Some('{') => Sniffed::JsonLines,
        Some('[') => Sniffed::JsonList,
        Some('<') if is_markup(&text) => Sniffed::Other("a web page or XML"),
        Some(_) if !wide && head.contains(&0) => Sniffed::Other(NO_TEXT),
        Some(_) => Sniffed::Text,
    }
}

/// A tag, and not a mark that a merge left.
fn is_markup(text: &str) -> bool {
    let second = text.trim_start().chars().nth(1);
    second.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '!' | '?'))
}

/// Whether the bytes may be text for people in any encoding.
fn is_readable(head: &[u8]) -> bool {
    !head.iter().any(|byte| *byte < b'\t' || (0x0e..0x1b).contains(byte))
        && !head.starts_with(b"%PDF")
}

/// The beginning as text, as far as that is needed to look at its first sign.
fn start_of_text(head: &[u8]) -> String {
    let (encoding, skip) = match Encoding::of_mark(head) {
        Some(marked) => marked,
        None => (Encoding::of_zeros(head).unwrap_or(Encoding::UTF_8), 0),
    };
    let even = head.len() - head.len() % 2;
    match encoding.is_utf_8() {
        true => String::from_utf8_lossy(&head[skip..]).into_owned(),
        false => encoding.text(&head[skip..even]).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_beginning() {
        let wide: Vec<u8> = "{\"a\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, expected) in [
            (&b""[..], Sniffed::Empty),
            (b"\xef\xbb\xbf \n", Sniffed::Empty),
            (b"image,audio\n", Sniffed::Text),
            (b"\xcd\xbc\xc6\xac,\xd2\xf4\xc6\xb5\n", Sniffed::Text),
            (b"BMX,image\n", Sniffed::Text),
            (b"  {\"image\": 1}\n", Sniffed::JsonLines),
            (&wide, Sniffed::JsonLines),
            (b"[{\"image\": 1}]", Sniffed::JsonList),
            (b"<<<<<<< HEAD\nversion: 1", Sniffed::Text),
            (b"<!doctype html>", Sniffed::Other("a web page or XML")),
            (b"PK\x03\x04....", Sniffed::Zip),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Sniffed::OldSpreadsheet),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Sniffed::Other("a PNG picture")),
            (b"ID3\x04\0\0\0\0\0\0", Sniffed::Other("an MP3 or AAC sound")),
            (b"SQLite format 3\0\x10\0\x01\x01", Sniffed::Other("an SQLite database")),
            (b"{\\rtf1\\ansi image,audio}", Sniffed::Other("an RTF document")),
            (b"%PDF-1.7\n", Sniffed::Other("a PDF")),
            (b"abc\0\0\0\x01\x02\x03\x04", Sniffed::Other("no text")),
        ] {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }
}

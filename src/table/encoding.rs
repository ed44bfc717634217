//! Encodings of text, by the names that people have for them.

use std::collections::VecDeque;
use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How text is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// By its name: `gbk`, `windows-1252`, `utf-16le` or any other of the web's.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let label = match name.as_str() {
            "cp936" | "936" => "gbk",
            "cp1252" | "1252" | "ansi" => "windows-1252",
            "utf16" => "utf-16",
            "utf-8-sig" => "utf-8",
            other => other,
        };
        let known = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
        known.filter(|encoding| encoding.is_ascii_compatible() || is_wide(encoding)).map(Self)
    }

    /// As messages call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Bytes as text: by their mark or their zeros, else UTF-8, in which U+FFFD stands for what is
    /// none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> String {
        let marked = Self::of_mark(bytes);
        let guessed = || Self::of_zeros(&bytes[..bytes.len().min(super::HEAD)]);
        let (encoding, mark) = marked.unwrap_or_else(|| (guessed().unwrap_or(Self::UTF_8), 0));
        encoding.0.decode_without_bom_handling(&bytes[mark..]).0.into_owned()
    }

    pub(super) const UTF_8: Self = Self(UTF_8);

    pub(super) fn is_utf_8(self) -> bool {
        self.0 == UTF_8
    }

    /// That of the byte-order mark that bytes begin with, and how long the mark is.
    pub(super) fn of_mark(head: &[u8]) -> Option<(Self, usize)> {
        encoding_rs::Encoding::for_bom(head).map(|(encoding, length)| (Self(encoding), length))
    }

    /// UTF-16 if that is what the bytes look like: half of those of English text and of its commas
    /// are zero.
    pub(super) fn of_zeros(head: &[u8]) -> Option<Self> {
        let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        match (even, odd) {
            (0, 0) => None,
            (even, odd) if odd > 4 * even => Some(Self(UTF_16LE)),
            (even, odd) if even > 4 * odd => Some(Self(UTF_16BE)),
            _ => None,
        }
    }

    /// The text of some bytes, if they are text in this encoding.
    pub(super) fn text(self, bytes: &[u8]) -> Option<String> {
        let text = self.0.decode_without_bom_handling_and_without_replacement(bytes)?;
        Some(text.into_owned())
    }

    /// Reads bytes of this encoding as UTF-8; what is none of it becomes U+FFFD.
    pub(super) fn reader<R: Read>(self, input: R) -> Decoding<R> {
        let decoder = self.0.new_decoder_without_bom_handling();
        Decoding {
            input,
            decoder,
            raw: vec![0; 8192],
            held: 0..0,
            ended: false,
            finished: false,
            small: VecDeque::new(),
        }
    }

    /// What these bytes, which are no UTF-8, would be in the encodings that are likeliest.
    pub(super) fn guesses(bytes: &[u8]) -> Vec<(&'static str, String)> {
        let read = |(name, encoding): (&'static str, &'static encoding_rs::Encoding)| {
            let text = Self(encoding).text(bytes)?;
            let strange = |c: char| c.is_control() && c != '\t';
            (!text.chars().any(strange)).then_some((name, text))
        };
        [("gbk", GBK), ("windows-1252", WINDOWS_1252)].into_iter().filter_map(read).collect()
    }
}

fn is_wide(encoding: &'static encoding_rs::Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// More than any character takes.
const ROOM: usize = 16;

/// Bytes of some encoding, read as UTF-8.
pub(super) struct Decoding<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    held: std::ops::Range<usize>,
    ended: bool,
    finished: bool,
    /// Bytes for which there was no room.
    small: VecDeque<u8>,
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.small.is_empty() && into.len() >= ROOM {
            return self.decode(into);
        }
        if self.small.is_empty() {
            let mut small = [0; ROOM];
            let count = self.decode(&mut small)?;
            self.small.extend(&small[..count]);
        }
        self.small.read(into)
    }
}

impl<R: Read> Decoding<R> {
    /// Into a place where any character fits.
    fn decode(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.finished {
            if self.held.is_empty() && !self.ended {
                let count = self.input.read(&mut self.raw)?;
                self.held = 0..count;
                self.ended = count == 0;
            }
            let source = &self.raw[self.held.clone()];
            let (result, read, written, _) = self.decoder.decode_to_utf8(source, into, self.ended);
            self.held.start += read;
            // The decoder takes nothing more once it was told that this was all.
            self.finished = self.ended && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_go_by_many_names() {
        for (name, expected) in [
            ("gbk", "GBK"),
            ("GB2312", "GBK"),
            ("cp936", "GBK"),
            ("gb18030", "gb18030"),
            ("Windows-1252", "windows-1252"),
            ("latin1", "windows-1252"),
            ("utf-16le", "UTF-16LE"),
            ("UTF-8", "UTF-8"),
            ("shift_jis", "Shift_JIS"),
            ("big5", "Big5"),
        ] {
            assert_eq!(Encoding::of(name).unwrap().name(), expected);
        }
        for name in ["", "gkb", "utf-7", "replacement", "iso-2022-kr"] {
            assert_eq!(Encoding::of(name), None, "{name}");
        }
    }

    #[test]
    fn text_is_decoded_in_pieces() {
        let gbk = GBK.encode("王小明,图片\n".repeat(5000).as_str()).0.into_owned();
        let mut text = String::new();
        Encoding(GBK).reader(&gbk[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "王小明,图片\n".repeat(5000));
        let mut broken = String::new();
        Encoding(GBK).reader(&b"a\xffb"[..]).read_to_string(&mut broken).unwrap();
        assert_eq!(broken, "a\u{fffd}b");
    }

    #[test]
    fn utf_16_shows_by_its_zeros() {
        let bytes = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "image,音频\nhttps://e.co/图.jpg,b".encode_utf16().flat_map(order).collect()
        };
        assert_eq!(Encoding::of_zeros(&bytes(u16::to_le_bytes)), Some(Encoding(UTF_16LE)));
        assert_eq!(Encoding::of_zeros(&bytes(u16::to_be_bytes)), Some(Encoding(UTF_16BE)));
        assert_eq!(Encoding::of_zeros(b"image,audio\n"), None);
        assert_eq!(Encoding::of_zeros(&[0; 64]), None);
    }
}

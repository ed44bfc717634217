//! Bytes into tokens, however they are cut.

use std::borrow::Cow;

use super::Value;
use super::is_space;
use super::tree::Kind;

/// How long the texts that are kept are, in bytes.
const TEXT: usize = 64 * 1024;
/// How much of a longer one is kept, in bytes.
const START: usize = 4 * 1024;
/// How long the words that are kept are, in bytes.
const WORD: usize = 512;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open(Kind),
    Close(Kind),
    Comma,
    Colon,
    /// `None` if nobody wants it; an error holds the start of one that is too long.
    Text(Option<Result<String, String>>),
    /// A number, or another word without quotes; `None` if nobody wants it.
    Word(Option<String>),
    Garbage,
}

impl Token {
    pub(super) fn text(text: Result<String, String>) -> Value {
        match text {
            Ok(text) => Value::Text(text),
            Err(start) => Value::Start(start),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Between,
    Word,
    Text,
    Escape,
    /// The digits of `\uXXXX` so far, and how many.
    Hex(u16, u8),
}

#[derive(Debug, Default)]
pub(super) struct Lexer {
    mode: Mode,
    skips: bool,
    buffer: Vec<u8>,
    /// The first half of a pair of surrogates.
    high: Option<u16>,
    odd: bool,
}

impl Lexer {
    /// Whether texts and words are kept from now on.
    pub(super) fn keeps(&mut self, keeps: bool) {
        self.skips = !keeps;
    }

    pub(super) const fn is_odd(&self) -> bool {
        self.odd
    }

    /// Takes bytes up to the end of a token, or all there are. Takes none where a byte is the end
    /// of a word and the start of something else.
    pub(super) fn next(&mut self, bytes: &[u8]) -> (usize, Option<Token>) {
        match self.mode {
            Mode::Between => self.between(bytes[0]),
            Mode::Word => self.in_word(bytes),
            Mode::Text => self.in_text(bytes),
            Mode::Escape => self.escape(bytes[0]),
            Mode::Hex(value, digits) => self.hex(bytes[0], value, digits),
        }
    }

    /// A word that the end of the input ends.
    pub(super) fn end(&mut self) -> Option<Token> {
        (self.mode == Mode::Word).then(|| self.word())
    }

    fn between(&mut self, byte: u8) -> (usize, Option<Token>) {
        let token = match byte {
            b'{' => Token::Open(Kind::Map),
            b'[' => Token::Open(Kind::List),
            b'}' => Token::Close(Kind::Map),
            b']' => Token::Close(Kind::List),
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.begin(Mode::Text, 1),
            byte if is_space(byte) || is_mark(byte) => return (1, None),
            byte if is_of_word(byte) => return self.begin(Mode::Word, 0),
            _ => Token::Garbage,
        };
        (1, Some(token))
    }

    fn begin(&mut self, mode: Mode, taken: usize) -> (usize, Option<Token>) {
        self.mode = mode;
        self.buffer.clear();
        (taken, None)
    }

    fn in_word(&mut self, bytes: &[u8]) -> (usize, Option<Token>) {
        let length = bytes.iter().position(|byte| !is_of_word(*byte));
        self.push(&bytes[..length.unwrap_or(bytes.len())], WORD + 1);
        match length {
            None => (bytes.len(), None),
            Some(length) => (length, Some(self.word())),
        }
    }

    fn word(&mut self) -> Token {
        self.mode = Mode::Between;
        let kept = !self.skips && self.buffer.len() <= WORD;
        Token::Word(kept.then(|| String::from_utf8_lossy(&self.buffer).into_owned()))
    }

    fn in_text(&mut self, bytes: &[u8]) -> (usize, Option<Token>) {
        let length = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let plain = &bytes[..length.unwrap_or(bytes.len())];
        self.plain(plain);
        match length.map(|length| bytes[length]) {
            None => (bytes.len(), None),
            Some(b'"') => (plain.len() + 1, Some(self.text())),
            Some(_) => {
                self.mode = Mode::Escape;
                (plain.len() + 1, None)
            }
        }
    }

    fn text(&mut self) -> Token {
        self.mode = Mode::Between;
        self.lone();
        if self.skips {
            return Token::Text(None);
        }
        let long = self.buffer.len() > TEXT;
        self.buffer.truncate(if long { START } else { TEXT });
        let text = String::from_utf8_lossy(&self.buffer);
        self.odd |= !long && matches!(text, Cow::Owned(_));
        let text = text.into_owned();
        Token::Text(Some(if long { Err(text) } else { Ok(text) }))
    }

    fn escape(&mut self, byte: u8) -> (usize, Option<Token>) {
        self.mode = Mode::Text;
        let plain = match byte {
            b'u' => {
                self.mode = Mode::Hex(0, 0);
                return (1, None);
            }
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => byte,
            _ => {
                self.odd = true;
                byte
            }
        };
        self.lone();
        self.push(&[plain], TEXT + 1);
        (1, None)
    }

    fn hex(&mut self, byte: u8, value: u16, digits: u8) -> (usize, Option<Token>) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.mode = Mode::Text;
            self.lone();
            self.replaced();
            return (0, None);
        };
        #[expect(clippy::cast_possible_truncation, reason = "one hexadecimal digit")]
        let value = value << 4 | digit as u16;
        self.mode = Mode::Hex(value, digits + 1);
        if digits == 3 {
            self.mode = Mode::Text;
            self.unit(value);
        }
        (1, None)
    }

    /// One unit of UTF-16.
    fn unit(&mut self, unit: u16) {
        let units = match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => vec![high, unit],
            (Some(_), _) => {
                self.replaced();
                return self.unit(unit);
            }
            (None, _) => vec![unit],
        };
        match String::from_utf16(&units) {
            Ok(text) => self.push(text.as_bytes(), TEXT + 1),
            Err(_) => self.replaced(),
        }
    }

    fn plain(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lone();
            self.odd |= bytes.iter().any(|byte| *byte < b' ');
            self.push(bytes, TEXT + 1);
        }
    }

    /// A first half without its second.
    fn lone(&mut self) {
        if self.high.take().is_some() {
            self.replaced();
        }
    }

    fn replaced(&mut self) {
        self.odd = true;
        self.push("\u{fffd}".as_bytes(), TEXT + 1);
    }

    fn push(&mut self, bytes: &[u8], most: usize) {
        let room = if self.skips { 0 } else { most.saturating_sub(self.buffer.len()) };
        self.buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The three bytes of a mark that says which order the bytes have, at the start of some texts.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, 0xef | 0xbb | 0xbf)
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'$')
}

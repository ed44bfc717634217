//! Text as lines, whatever it is encoded in and however its lines end.

use std::io::{self, BufRead, BufReader, SeekFrom};

use super::encoding::Encoding;
use super::{Input, LONGEST, Problem, unreadable};

/// The lines of a text, one at a time.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    encoding: Encoding,
    /// The line that was read last; from 1.
    pub(super) number: u32,
    /// The last line ended with a carriage return: a line feed behind it is part of its end.
    returned: bool,
}

impl Lines {
    /// Of a table: its byte-order mark goes before what somebody says, and both before a guess.
    pub(super) fn open(
        mut input: Box<dyn Input>,
        head: &[u8],
        said: Option<Encoding>,
    ) -> Result<Self, Problem> {
        let (encoding, skip) = match Encoding::of_mark(head) {
            Some(marked) => marked,
            None => (said.or_else(|| Encoding::of_zeros(head)).unwrap_or(Encoding::UTF_8), 0),
        };
        input.seek(SeekFrom::Start(skip as u64)).map_err(|error| unreadable(&error))?;
        let input: Box<dyn BufRead> = match encoding.is_utf_8() {
            true => Box::new(BufReader::with_capacity(1 << 16, input)),
            false => Box::new(BufReader::with_capacity(1 << 16, encoding.reader(input))),
        };
        Ok(Self { input, encoding, number: 0, returned: false })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next line without its end.
    pub(super) fn next(&mut self) -> Option<Result<String, Problem>> {
        match self.bytes() {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(self.text(bytes)),
            Err(error) => Some(Err(Problem { row: self.number, ..unreadable(&error) })),
        }
    }

    fn bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut any = false;
        loop {
            let mut held = self.input.fill_buf()?;
            if std::mem::take(&mut self.returned) && held.first() == Some(&b'\n') {
                self.input.consume(1);
                held = self.input.fill_buf()?;
            }
            if held.is_empty() {
                self.number += u32::from(any);
                return Ok(any.then_some(line));
            }
            any = true;
            let end = held.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let length = end.unwrap_or(held.len());
            line.extend_from_slice(&held[..length]);
            self.returned = end.is_some_and(|end| held[end] == b'\r');
            self.input.consume(length + usize::from(end.is_some()));
            if line.len() > LONGEST {
                self.number += 1;
                return Err(io::Error::other("this line is longer than 1 MiB"));
            }
            if end.is_some() {
                self.number += 1;
                return Ok(Some(line));
            }
        }
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, Problem> {
        let text = String::from_utf8(bytes).map_err(|error| self.no_utf8(error.as_bytes()))?;
        match text.find('\u{fffd}') {
            Some(at) if !self.encoding.is_utf_8() => Err(self.no_text(text, at)),
            _ => Ok(text),
        }
    }

    /// Says what the bytes would be in other encodings: people know their own names.
    fn no_utf8(&self, bytes: &[u8]) -> Problem {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let at = text.find('\u{fffd}').unwrap_or(0);
        let (before, message) = (text[..at].to_owned(), "the table is not UTF-8");
        let reads = |(name, text): (&str, String)| {
            let strange = |c: char| !c.is_ascii();
            let start = text.find(strange).unwrap_or(0);
            let part: String = text[start..].chars().take_while(|c| *c != ',').take(12).collect();
            format!("`encoding: {name}` reads `{part}` here")
        };
        let guesses: Vec<_> = Encoding::guesses(bytes).into_iter().map(reads).collect();
        let help = match guesses.is_empty() {
            true => "save it again as CSV UTF-8".to_owned(),
            false => format!(
                "save it again as CSV UTF-8, or say what it is beside `pairs_from`: {}",
                guesses.join(", ")
            ),
        };
        let span = before.len()..before.len() + '\u{fffd}'.len_utf8();
        self.problem(text, span, message.to_owned(), help)
    }

    fn no_text(&self, text: String, at: usize) -> Problem {
        let message = format!("this is not {}", self.encoding.name());
        let help = "give its true encoding, or save it again as UTF-8".to_owned();
        self.problem(text, at..at + '\u{fffd}'.len_utf8(), message, help)
    }

    fn problem(
        &self,
        text: String,
        span: std::ops::Range<usize>,
        message: String,
        help: String,
    ) -> Problem {
        Problem { row: self.number, text, span, message, label: "here".to_owned(), help }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines(bytes: &[u8], said: Option<&str>) -> Vec<Result<String, Problem>> {
        let input = Box::new(Cursor::new(bytes.to_vec()));
        let said = said.map(|name| Encoding::of(name).unwrap());
        let mut lines = Lines::open(input, bytes, said).unwrap();
        std::iter::from_fn(|| lines.next()).collect()
    }

    fn good(bytes: &[u8], said: Option<&str>) -> Vec<String> {
        lines(bytes, said).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn lines_end_as_they_like() {
        for text in ["a\nb\n\nc", "a\r\nb\r\n\r\nc\r\n", "a\rb\r\rc", "\u{feff}a\nb\r\n\rc"] {
            assert_eq!(good(text.as_bytes(), None), ["a", "b", "", "c"], "{text:?}");
        }
        assert!(good(b"", None).is_empty());
    }

    #[test]
    fn a_mark_goes_before_what_is_said_and_that_before_a_guess() {
        let wide: Vec<u8> = "图,b\nc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe", &wide[..]].concat();
        assert_eq!(good(&marked, Some("gbk")), ["图,b", "c"]);
        assert_eq!(good(&wide, None), ["图,b", "c"]);
        assert_eq!(good(b"\xcd\xbc,b", Some("gbk")), ["图,b"]);
        assert_eq!(good("图".as_bytes(), None), ["图"]);
    }

    #[test]
    fn what_is_no_utf_8_says_what_it_may_be() {
        let problem = lines(b"a,b\n\xcd\xf5\xd0\xa1\xc3\xf7,c", None).pop().unwrap().unwrap_err();
        assert_eq!((problem.row, problem.span.clone()), (2, 0..3));
        assert!(problem.help.contains("`encoding: gbk` reads `王小明` here"), "{}", problem.help);
        let problem = lines(b"Anna M\xfcller,c", None).pop().unwrap().unwrap_err();
        let help = problem.help;
        assert!(help.contains("`encoding: windows-1252` reads `üller` here"), "{help}");
        let problem = lines(b"a\nb\xff\xff", Some("gbk")).pop().unwrap().unwrap_err();
        assert_eq!((problem.row, problem.message.as_str()), (2, "this is not GBK"));
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let found = lines(&vec![b'x'; LONGEST * 3], None);
        assert!(found[0].as_ref().is_err_and(|problem| problem.row == 1));
    }
}

//! What stops the parser, told by what was typed: characters that look like YAML's own, texts that
//! would have to be in quotes, and escapes that nobody meant.

use super::problem::Finding;
use super::slips::{Slip, look_alike, twin};
use super::tree::Span;
use crate::pair::is_hidden;

/// How many lines above the place a slip may stand: the parser often stumbles a line later.
const LINES_ABOVE: usize = 2;
/// Signs that mean something to YAML at the start of a value.
const SIGNS: &str = "*&!@%`[{>|-?,\"'#";

/// The finding for what was typed at, or just above, the place where the parser stopped.
pub(super) fn explain(text: &str, span: Span, words: &str) -> Option<Finding> {
    let at = span.range().start.min(text.len());
    if words.contains("escape") || words.contains("hexadecimal") {
        return Some(escape(text, at));
    }
    let line = Line::at(text, at);
    let here = odd_character(text, line, |_| true);
    let above = std::iter::successors(line.above(text), |line| line.above(text));
    let above = above.take(LINES_ABOVE).filter_map(|line| odd_character(text, line, is_certain));
    let odd = above.last().or(here);
    match words.contains("unclosed") {
        // What was opened is what it seems to be.
        true => odd.or_else(|| cut_flow(text, line)),
        false => odd.or_else(|| unquoted(text, line, at)),
    }
}

/// Whether an odd character is one wherever it stands, by what stands before it in its line: people
/// write prompts in full-width characters and typographic quotes.
fn is_certain((before, c): (&str, char)) -> bool {
    let key = before.trim_start_matches([' ', '-', '{']);
    match twin(c) {
        Some(':') => KEYS.contains(&key),
        Some(' ' | '[' | '{') => true,
        Some(_) => false,
        None => is_hidden(c),
    }
}

/// Keys that a manifest has in lines of their own.
const KEYS: [&str; 18] = [
    "version",
    "endpoint",
    "model",
    "pairs",
    "defaults",
    "cross",
    "images",
    "audios",
    "id",
    "image",
    "audio",
    "image_url",
    "audio_url",
    "prompt",
    "take",
    "tags",
    "expires",
    "turbo_mode",
];

/// A line of the text, without its end.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
}

impl Line {
    fn at(text: &str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        Self { start, end }
    }

    fn above(&self, text: &str) -> Option<Self> {
        self.start.checked_sub(1).map(|end| Self::at(text, end))
    }

    fn of<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }
}

/// The first character that stands where YAML has one of its own, and only looks like it.
fn odd_character(text: &str, line: Line, counts: impl Fn((&str, char)) -> bool) -> Option<Finding> {
    let shown = line.of(text);
    let (at, c) = odd_in_key(shown).or_else(|| odd_in_flow(shown))?;
    if !counts((&shown[..at], c)) {
        return None;
    }
    let slip = match twin(c) {
        Some(twin) => look_alike(c, twin),
        None => Slip::invisible(c),
    };
    let span = Span::new(line.start + at, line.start + at + c.len_utf8());
    let message =
        slip.what.replace(" is in it where", " stands here where").replace("is in it", "is here");
    Some(Finding::new(span, message, "this character").help(slip.help))
}

/// In the indentation, in the key, as its colon, or between the colon and its value.
fn odd_in_key(line: &str) -> Option<(usize, char)> {
    let is_odd = |c: char| twin(c).is_some() || is_hidden(c);
    for (at, c) in line.char_indices() {
        match c {
            ' ' | '-' | '{' | '[' | '"' | '\'' => {}
            // After the colon the value begins: only what is between them is YAML's.
            ':' => {
                let rest = line[at + 1..].char_indices();
                let first = rest.map(|(more, c)| (at + 1 + more, c)).find(|(_, c)| *c != ' ');
                return first.filter(|(_, c)| is_odd(*c));
            }
            _ if is_odd(c) => return Some((at, c)),
            '#' => return None,
            _ if !c.is_ascii_alphanumeric() && c != '_' => return None,
            _ => {}
        }
    }
    None
}

/// Brackets and commas of a list or a map in one line.
fn odd_in_flow(line: &str) -> Option<(usize, char)> {
    let open = line.find(['[', '{'])?;
    let odd = line[open..]
        .char_indices()
        .find(|(_, c)| matches!(twin(*c), Some('[' | ']' | '{' | '}' | ',')));
    odd.map(|(at, c)| (open + at, c))
}

/// A backslash in double quotes, as in a path of Windows.
fn escape(text: &str, at: usize) -> Finding {
    let line = Line::at(text, at);
    let from = at.max(line.start);
    let slash = text[from..line.end].find('\\').map_or(at, |more| from + more);
    let end = text[slash..].char_indices().nth(2).map_or(text.len(), |(more, _)| slash + more);
    Finding::new(Span::new(slash, end), ESCAPE, "YAML knows no such escape").help(ESCAPE_HELP)
}

/// For a backslash that was meant as one.
pub(super) const ESCAPE: &str = "in double quotes `\\` starts an escape";
pub(super) const ESCAPE_HELP: &str =
    "put the text in single quotes, where `\\` is itself, or write `/` between folders";

/// `#` in a map in one line: the rest of the line is a comment, the closing bracket with it.
fn cut_flow(text: &str, line: Line) -> Option<Finding> {
    let at = line.start + line.of(text).find(" #")? + 1;
    let span = Span::new(at, line.end);
    Some(
        Finding::new(
            span,
            "`#` after a space starts a comment",
            "this is not read, the bracket neither",
        )
        .help("put the text that has the `#` in it in quotes"),
    )
}

/// A value that YAML takes for something else than text, or for text and more.
fn unquoted(text: &str, line: Line, at: usize) -> Option<Finding> {
    let shown = line.of(text);
    let colon = shown.find(": ")?;
    let value = shown[colon + 2..].trim_start();
    let start = line.end - value.len();
    let sign = value.chars().next().filter(|c| SIGNS.contains(*c))?;
    // What stands before the value is not its fault.
    if at < start || shown[..colon].trim().is_empty() {
        return None;
    }
    let span = Span::new(start, start + value.trim_end().len());
    let (message, help) = match sign {
        '"' => (
            "this text goes on after its closing quote",
            "put all of it in single quotes: '\"Hi,\" she says'".to_owned(),
        ),
        '\'' => (
            "this text goes on after its closing quote",
            "put all of it in double quotes: \"'Hi,' she says\"".to_owned(),
        ),
        _ => (
            "this text begins with a sign that means something to YAML",
            format!("put all of it in quotes: \"{sign}…\""),
        ),
    };
    Some(Finding::new(span, message, "meant as text?").help(help))
}

/// What a `#` cut off a plain text that ends here: `#1 fan`, but no comment with a space after its
/// sign.
pub(super) fn cut_off(text: &str, end: usize) -> Option<Span> {
    let line = Line::at(text, end.min(text.len()));
    let rest = &text[end.min(line.end)..line.end];
    let cut = rest.trim_start();
    let is_cut = cut.len() < rest.len()
        && cut.strip_prefix('#')?.starts_with(|c: char| !c.is_whitespace() && c != '#');
    let start = line.end - cut.len();
    is_cut.then(|| Span::new(start, start + cut.trim_end().len()))
}

/// What stands after a key whose value is nothing, if that is an anchor or a comment that was meant
/// as text.
pub(super) fn lost(text: &str, key_end: usize) -> Option<Span> {
    let line = Line::at(text, key_end.min(text.len()));
    let rest = text[key_end.min(line.end)..line.end].trim_start_matches(['"', '\'']);
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    let meant = |c: char| !c.is_whitespace() && c != '#';
    let is_lost = value.strip_prefix(['#', '&']).is_some_and(|rest| rest.starts_with(meant));
    let start = line.end - value.len();
    is_lost.then(|| Span::new(start, start + value.trim_end().len()))
}

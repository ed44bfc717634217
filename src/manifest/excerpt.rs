//! The line of the manifest that a message shows: safe for a screen, short, and still under its
//! caret.
//!
//! Signatures in the queries of URLs, user names and passwords, and API keys that someone put into
//! a manifest are left out; control characters become pictures of themselves; of a very long line
//! only the part around the place is kept.

use std::ops::Range;

/// What stands for a part that is not shown.
const HIDDEN: char = '…';

/// In characters; longer lines are cut.
const WIDTH: usize = 110;

/// How much of a cut line stands before the place, in characters.
const BEFORE: usize = 40;

/// How far from the place secrets are looked for, in bytes: as long as a URL can be.
const LOOKED_AT: usize = 8192;

/// Words before a colon whose value is a secret, wherever they turn up.
pub(super) const SECRETS: [&str; 12] = [
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "access_key_id",
    "secret_key",
    "authorization",
    "token",
    "secret",
    "password",
];

/// A line as it may be shown, and the part of it that is meant, in bytes of the shown text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    pub(super) mark: Range<usize>,
}

impl Excerpt {
    /// Of one line without its end; `mark` counts bytes of that line.
    pub(super) fn of(line: &str, mark: Range<usize>) -> Self {
        let window = window(line, &mark);
        let hidden = hidden_parts(&line[window.clone()]);
        Self::hiding(line, mark, (window, hidden))
    }

    /// Of a row of which these are the cells, and whether they are secret as a whole.
    pub(super) fn of_cells(
        row: &str,
        mark: Range<usize>,
        cells: impl Iterator<Item = (Range<usize>, bool)>,
    ) -> Self {
        let window = window(row, &mark);
        let in_window = |at: usize| at.clamp(window.start, window.end) - window.start;
        let hidden = cells.flat_map(|(cell, secret)| {
            let cut = cell.start < window.start && cell.end > window.start;
            let whole = Range { start: 0, end: cell.len() };
            let parts = match secret || cut {
                true => Vec::from([whole]),
                false => hidden_parts(&row[cell.clone()]),
            };
            let start = cell.start;
            let moved = parts.into_iter().map(move |part| start + part.start..start + part.end);
            moved.collect::<Vec<_>>()
        });
        let hidden = hidden.map(|part| in_window(part.start)..in_window(part.end));
        let hidden = hidden.filter(|part| !part.is_empty()).collect();
        Self::hiding(row, mark, (window.clone(), hidden))
    }

    /// What is left of a window of a line when parts of it are hidden.
    fn hiding(
        line: &str,
        mark: Range<usize>,
        (window, hidden): (Range<usize>, Vec<Range<usize>>),
    ) -> Self {
        let cut_before = window.start > 0;
        let mark = mark.start - window.start..mark.end.min(window.end) - window.start;
        let line = &line[window];
        let mut shown: Vec<Piece> = Vec::new();
        for (at, c) in line.char_indices() {
            let piece = match hidden.iter().find(|part| part.contains(&at)) {
                Some(part) if part.start == at => Piece { at, shown: HIDDEN },
                Some(_) => continue,
                None => Piece { at, shown: harmless(c) },
            };
            shown.push(piece);
        }
        let index = |at: usize| shown.partition_point(|piece| piece.at < at);
        let first = index(mark.start).min(shown.len());
        let last = index(mark.end).max(first);
        Self::cut(&shown, first..last, cut_before)
    }

    fn cut(shown: &[Piece], mark: Range<usize>, cut_before: bool) -> Self {
        let long = shown.len() > WIDTH;
        let from = if long { mark.start.saturating_sub(BEFORE) } else { 0 };
        let to = if long { shown.len().min(from + WIDTH) } else { shown.len() };
        let lead = if cut_before || from > 0 { HIDDEN.to_string() } else { String::new() };
        let bytes = |part: &[Piece]| part.iter().map(|piece| piece.shown.len_utf8()).sum::<usize>();
        let start = lead.len() + bytes(&shown[from..mark.start]);
        let end = start + bytes(&shown[mark.start..mark.end.min(to)]);
        let mut text = lead;
        text.extend(shown[from..to].iter().map(|piece| piece.shown));
        if to < shown.len() {
            text.push(HIDDEN);
        }
        Self { text, mark: start..end }
    }
}

/// The part of a line that is looked at at all: a manifest that is one line of JSON may have 60 MB
/// of it. It starts between two words, so that no half of a URL is taken for something else.
fn window(line: &str, mark: &Range<usize>) -> Range<usize> {
    let boundary = |at: &usize| line.is_char_boundary(*at);
    let from = (mark.start.saturating_sub(LOOKED_AT)..).find(boundary).unwrap_or(mark.start);
    let to = (mark.start + LOOKED_AT..line.len()).find(boundary).unwrap_or(line.len());
    let between = |c: char| c.is_whitespace() || c == '"';
    let start = match line[from..mark.start].find(between) {
        _ if from == 0 => 0,
        Some(at) => from + at,
        None => mark.start,
    };
    start..to
}

/// One shown character and the byte of the line it stands for.
struct Piece {
    at: usize,
    shown: char,
}

/// The character, or a picture of it where a terminal would obey it or hide it.
pub(super) fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // Other controls, and marks that reorder or hide what stands after them.
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        _ => c,
    }
}

/// A name out of the manifest as a message may repeat it.
pub(super) fn quoted(name: &str) -> String {
    let excerpt = Excerpt::of(name, 0..0);
    let mut text: String = excerpt.text.chars().take(60).collect();
    if text.len() < excerpt.text.len() && !text.ends_with(HIDDEN) {
        text.push(HIDDEN);
    }
    format!("`{text}`")
}

/// The parts of a line that are not for a screen, in order and apart.
fn hidden_parts(line: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<_> = logins(line).chain(queries(line)).chain(keys(line)).collect();
    parts.retain(|part| !part.is_empty());
    parts.sort_by_key(|part| part.start);
    parts.dedup_by(|later, earlier| {
        let touching = later.start <= earlier.end;
        if touching {
            earlier.end = earlier.end.max(later.end);
        }
        touching
    });
    parts
}

/// `user:password` of `https://user:password@host`.
fn logins(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, scheme)| {
        let start = at + scheme.len();
        let host = &line[start..];
        let host = &host[..host.find(['/', '?', '#', '"', '\'']).unwrap_or(host.len())];
        host.rfind('@').map(|end| start..start + end)
    })
}

/// What follows the `?` or `#` of a URL, also of one without its `https://`.
fn queries(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices(['?', '#']).filter_map(|(at, sign)| {
        // Spaces of other scripts are longer than a byte.
        let spaces = line[..at].char_indices().rev().find(|(_, c)| c.is_whitespace());
        let word = spaces.map_or(0, |(place, space)| place + space.len_utf8());
        let start = at + sign.len();
        let is_url = line[word..at].contains("://");
        let has_value = line[start..].split_whitespace().next().is_some_and(|w| w.contains('='));
        let is_query = sign == "?" && has_value;
        (is_url || is_query).then(|| start..start + value_end(&line[start..]))
    })
}

/// The value after `api_key:` and its like. Nobody should write one, and someone will.
fn keys(line: &str) -> Vec<Range<usize>> {
    let lower = line.to_ascii_lowercase();
    let end = line.len();
    let words = SECRETS.iter().flat_map(|word| lower.match_indices(word));
    let values = words.filter_map(|(at, word)| {
        let rest = lower[at + word.len()..].trim_start_matches(['"', '\'', ' ']);
        let value = rest.strip_prefix(':')?.trim_start();
        Some(end - value.len()..end)
    });
    values.collect()
}

/// Where a scalar ends at the latest. A space does not end it: it may be the mistake.
fn value_end(text: &str) -> usize {
    let ends = |at: usize, c: char| {
        let mut rest = text[at + c.len_utf8()..].chars();
        let next = rest.next();
        let before_break = next.is_none_or(|c| c.is_whitespace() || ",]}".contains(c));
        match c {
            '"' | '\'' | ',' => before_break,
            ' ' => next.is_some_and(|c| "#}]".contains(c)),
            '}' | ']' => next.is_none(),
            _ => false,
        }
    };
    text.char_indices().find(|(at, c)| ends(*at, *c)).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line shown for a mark on `what`, and what the mark covers there.
    fn show(line: &str, what: &str) -> (String, String) {
        let at = line.find(what).unwrap();
        let excerpt = Excerpt::of(line, at..at + what.len());
        let marked = excerpt.text[excerpt.mark.clone()].to_owned();
        (excerpt.text, marked)
    }

    #[test]
    fn queries_are_hidden_and_the_mark_stays_on_its_word() {
        for (line, shown) in [
            ("image: https://a/b.jpg?X-Sig=secret", "image: https://a/b.jpg?…"),
            ("image: \"https://a/b.jpg?sig=secret\" # why", "image: \"https://a/b.jpg?…\" # why"),
            ("{image: https://a/b?s=1,2, take: 2}", "{image: https://a/b?…, take: 2}"),
            ("{image: https://a/b?s=1}", "{image: https://a/b?…}"),
            ("image: https://a/b.jpg?s=one two", "image: https://a/b.jpg?…"),
            ("image: https://a/b.jpg#frag", "image: https://a/b.jpg#…"),
            ("image: a.example/b.jpg?sig=secret", "image: a.example/b.jpg?…"),
            ("image: https://me:pw@a/b.jpg?x", "image: https://…@a/b.jpg?…"),
            ("api_key: sk-secret", "api_key: …"),
            ("  \"Authorization\" : Bearer x", "  \"Authorization\" : …"),
            ("secretary: a, token: b", "secretary: a, token: …"),
            ("image:\u{3000}https://a/b.jpg?s=1", "image:\u{3000}https://a/b.jpg?…"),
            ("a\u{a0}b?s=1", "a\u{a0}b?…"),
            ("prompt: Is this real? Yes # no", "prompt: Is this real? Yes # no"),
        ] {
            assert_eq!(Excerpt::of(line, 0..0).text, shown);
        }
        let line = "{ä: https://a/b?s=secret, audio: ü, take: 0}";
        assert_eq!(show(line, "take").1, "take");
        assert_eq!(show(line, "https://a/b?s=secret").1, "https://a/b?…");
        assert_eq!(show(line, "secret").0, "{ä: https://a/b?…, audio: ü, take: 0}");
    }

    #[test]
    fn terminals_are_told_nothing() {
        let (text, marked) = show("a\u{1b}[31mb\tc\u{202e}d\u{9b}", "b\tc");
        assert_eq!(text, "a␛[31mb c\u{fffd}d\u{fffd}");
        assert_eq!(marked, "b c");
        assert_eq!(quoted("x\r\ny"), "`x␍␊y`");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}HERE{}", "é".repeat(2500), "x".repeat(2500));
        let (text, marked) = show(&line, "HERE");
        assert_eq!(marked, "HERE");
        assert_eq!(text.chars().count(), WIDTH + 2);
        let (text, marked) = show(&"y".repeat(5000), &"y".repeat(5000));
        assert_eq!((text.chars().count(), marked.chars().count()), (WIDTH + 1, WIDTH));
        assert_eq!(quoted(&"n".repeat(500)).chars().count(), 63);
    }
}

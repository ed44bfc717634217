//! How messages are put together from others, and which parts of a line are no words at all.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::{Effort, Words};

/// Between two columns there are so many spaces at least.
const CLOSE: usize = 2;
/// What stands between phrases that are each complete, and what does in Chinese.
const SENTENCES: [(&str, &str); 3] = [(". ", "。"), ("; ", "；"), (" · ", " · ")];
/// The same of what is said of one thing.
const PARTS: (&str, &str) = (", ", "，");

impl Words {
    /// Phrases with something between them, all of which are known or no words.
    pub(super) fn composed(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        if let Some(own) = self.cells(text, depth, effort) {
            return Some(own);
        }
        for sentences in SENTENCES {
            if let Some(own) = self.list(text, sentences, depth, effort) {
                return Some(own);
            }
        }
        self.said_of(text, depth, effort)
            .or_else(|| self.remarked(text, depth, effort))
            .or_else(|| self.list(text, PARTS, depth, effort))
            .or_else(|| self.counted(text, depth, effort))
    }

    /// `5 saved, 2 in doubt`: all parts, or none.
    fn list(
        &self,
        text: &str,
        (between, chinese): (&str, &str),
        depth: usize,
        effort: &mut Effort,
    ) -> Option<String> {
        if !text.contains(between) {
            return None;
        }
        let parts: Vec<_> = text.split(between).collect();
        let mut said = Vec::with_capacity(parts.len());
        for part in &parts {
            effort.spend(1)?;
            said.push(part.contains(' ').then(|| self.phrase(part, depth, effort)).flatten());
        }
        // Single words in a row are names rather than phrases: ids, tags, columns.
        if said.iter().all(Option::is_none) {
            return None;
        }
        let own = parts.iter().zip(said).map(|(part, said)| {
            let word = || self.whole.get(part).map(|own| (*own).to_owned());
            said.or_else(word).or_else(|| is_data(part).then(|| (*part).to_owned()))
        });
        Some(own.collect::<Option<Vec<_>>>()?.join(chinese))
    }

    /// `5 pairs (3 of them new)`
    fn remarked(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        let inner = text.strip_suffix(')')?;
        let (before, remark) = inner.rsplit_once(" (")?;
        let (known, before) = self.part(before, depth, effort)?;
        let (too, remark) = self.part(remark, depth, effort)?;
        (known || too).then(|| format!("{before}（{remark}）"))
    }

    /// `anna-en: in doubt`, `1 pair in doubt: doubts.csv`: of something that is no word of ours, or is.
    fn said_of(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        let (of, said) = text.split_once(": ")?;
        // A word before a colon is a name unless it stands in a template.
        let known = of.contains(' ').then(|| self.phrase(of, depth, effort)).flatten();
        let own = self.phrase(said, depth, effort);
        if known.is_none() && own.is_none() {
            return None;
        }
        let of = known.or_else(|| is_data(of).then(|| of.to_owned()))?;
        let said = own.or_else(|| is_data(said).then(|| said.to_owned()))?;
        Some(format!("{of}：{said}"))
    }

    /// `the balance is used up: no quota left`: with what somebody else says.
    pub(super) fn quoting(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        let (ours, others) = text.split_once(": ").filter(|(ours, _)| ours.contains(' '))?;
        let own = self.phrase(ours, depth.checked_sub(1)?, effort)?;
        Some(format!("{own}：{others}"))
    }

    /// `12 settled before`, `5 pairs to be created again`: how many, and what of them.
    fn counted(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        let (number, rest) = text.split_once(' ')?;
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Some(own) = self.phrase(rest, depth, effort) {
            return Some(format!("{number} {own}"));
        }
        let (things, rest) = rest.split_once(' ')?;
        let things = self.phrase(&format!("{number} {things}"), depth, effort)?;
        Some(format!("{things}{}", self.phrase(rest, depth, effort)?))
    }

    /// Columns with two spaces or more between them: each begins where it did, if there is room.
    fn cells(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        if !text.contains("  ") {
            return None;
        }
        let mut own = String::new();
        let (mut rest, mut known, mut before) = (text, false, 0);
        while !rest.is_empty() {
            let (cell, after) = rest.split_at(rest.find("  ").unwrap_or(rest.len()));
            let next = after.trim_start_matches(' ');
            let said = match self.phrase(cell, depth, effort) {
                Some(said) => {
                    known = true;
                    said
                }
                None if is_data(cell) || !cell.contains(' ') => cell.to_owned(),
                // What the last cell of a pair says of its error is the service's.
                None if next.is_empty() && is_coded(cell) => cell.to_owned(),
                None => return None,
            };
            // What stands far from the cell before it is aligned by its end.
            let less = cell.width().saturating_sub(said.width());
            let left = if before > CLOSE { less } else { 0 };
            let more = said.width().saturating_sub(cell.width());
            let gap = after.len() - next.len();
            own.push_str(&" ".repeat(left));
            own.push_str(&said);
            if !next.is_empty() {
                own.push_str(&" ".repeat((gap + less - left).saturating_sub(more).max(CLOSE)));
            }
            (rest, before) = (next, gap);
        }
        known.then_some(own)
    }

    /// A part: known, or no words.
    fn part(&self, part: &str, depth: usize, effort: &mut Effort) -> Option<(bool, String)> {
        match self.phrase(part, depth, effort) {
            Some(own) => Some((true, own)),
            None => is_data(part).then(|| (false, part.to_owned())),
        }
    }
}

/// Whether a text has no words that should be said in another language: a number with its unit, an id,
/// a path, a command in backquotes.
#[must_use]
pub(super) fn is_data(text: &str) -> bool {
    match words(text) {
        0 => true,
        1 => !text.trim().contains(' '),
        _ => false,
    }
}

/// `bad_gateway: no answer from upstream`: an error's code, and what somebody else says of it.
fn is_coded(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(code, _)| !code.contains(' '))
}

/// Whether there is a word in it at all.
pub(super) fn has_words(text: &str) -> bool {
    words(text) > 0
}

/// How many words a text has outside of commands.
fn words(text: &str) -> usize {
    // A command to paste.
    if text.starts_with("callsheet ") {
        return 0;
    }
    let outside = text.split('`').step_by(2);
    let is_word = |word: &&str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    outside.flat_map(|text| text.split(' ')).filter(is_word).count()
}

/// What lines are indented by.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Spaces, and what lists begin with.
pub(super) fn is_indent(c: char) -> bool {
    matches!(c, ' ' | '\t' | '-' | '*' | '•' | '…' | '|')
}

/// A row whose first cell ends where that of another ended, if it has become narrower.
pub(super) fn aligned_by_end(row: &str, own: String) -> String {
    let first = |row: &str| row.find("  ").map(|end| row[..end].width());
    let less = first(row).zip(first(&own)).map_or(0, |(was, is)| was.saturating_sub(is));
    let Some(end) = own.find("  ").filter(|_| less > 0) else { return own };
    let (cell, rest) = own.split_at(end);
    let spare = rest.len() - rest.trim_start_matches(' ').len() - CLOSE;
    let moved = less.min(spare);
    format!("{:moved$}{cell}{}", "", &rest[moved..])
}

/// Without what terminals obey: how a word looks does not say what it means.
pub(super) fn without_looks(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, text)| text));
    }
    Cow::Owned(plain)
}

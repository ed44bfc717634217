//! A message with gaps: found in a text, and filled in another language.

use super::Effort;

/// A template with fewer letters of ours says little by itself.
const LOOSE: usize = 8;

/// What may stand in a gap.
///
/// In the catalogue a letter after the number: `{1}` is anything, `{1n}` a number, `{1d}` data that is
/// never ours, `{1o}` the same without a space, `{1w}` our words even if it is a single one, `{1s}` the ending of a plural or another
/// short word of English grammar, which Chinese has no need of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Number,
    Data,
    Name,
    Word,
    Grammar,
}

/// What was found in a gap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Whether the template stands for nothing unless this is known.
    pub(super) must_be_known: bool,
    /// Whether it is something more of ours, or nothing.
    pub(super) is_more: bool,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(&'static str),
    Gap { number: usize, kind: Kind },
}

/// A message with gaps, in both languages.
#[derive(Debug)]
pub(super) struct Template {
    english: Vec<Piece>,
    chinese: Vec<Piece>,
    letters: usize,
}

impl Kind {
    pub(super) const fn is_data(self) -> bool {
        matches!(self, Self::Data | Self::Name | Self::Number | Self::Grammar)
    }

    pub(super) fn is_word(self) -> bool {
        self == Self::Word
    }

    fn allows(self, text: &str) -> bool {
        match self {
            Self::Any | Self::Data | Self::Word => true,
            Self::Name => !text.is_empty() && !text.contains(' '),
            Self::Number => {
                let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ');
                text.starts_with(|c: char| c.is_ascii_digit())
                    && text.ends_with(|c: char| c.is_ascii_digit())
                    && text.chars().all(part)
            }
            Self::Grammar => text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_lowercase()),
        }
    }
}

/// The parts of a message as the catalogue has it.
pub(super) fn pieces(message: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(open) = message[at..].find('{').map(|open| at + open) {
        let Some((gap, length)) = gap(&message[open..]) else {
            at = open + 1;
            continue;
        };
        if open > from {
            pieces.push(Piece::Text(&message[from..open]));
        }
        pieces.push(gap);
        from = open + length;
        at = from;
    }
    if from < message.len() {
        pieces.push(Piece::Text(&message[from..]));
    }
    pieces
}

/// What is quoted is somebody's: a name, a value.
fn quoted(pieces: &mut [Piece], place: usize) {
    let is_quote = |piece: &Piece, end: bool| match piece {
        Piece::Text(text) if end => text.ends_with(['`', '"', '\'']),
        Piece::Text(text) => text.starts_with(['`', '"', '\'']),
        Piece::Gap { .. } => false,
    };
    let is_quoted = is_quote(&pieces[place - 1], true) && is_quote(&pieces[place + 1], false);
    if let Piece::Gap { kind: kind @ Kind::Any, .. } = &mut pieces[place]
        && is_quoted
    {
        *kind = Kind::Data;
    }
}

/// A gap at the beginning of a text, and how long it is written; `{header: …}` is none.
fn gap(text: &str) -> Option<(Piece, usize)> {
    let close = text.find('}')?;
    let inner = text.get(1..close)?;
    let (number, kind) = match inner.strip_suffix(|c: char| c.is_ascii_lowercase()) {
        Some(number) => (number, &inner[number.len()..]),
        None => (inner, ""),
    };
    let kind = match kind {
        "" => Kind::Any,
        "n" => Kind::Number,
        "d" => Kind::Data,
        "o" => Kind::Name,
        "w" => Kind::Word,
        "s" => Kind::Grammar,
        _ => return None,
    };
    Some((Piece::Gap { number: number.parse().ok()?, kind }, close + 1))
}

impl Template {
    pub(super) fn is_whole(message: &'static str) -> bool {
        !pieces(message).iter().any(|piece| matches!(piece, Piece::Gap { .. }))
    }

    pub(super) fn new(english: &'static str, chinese: &'static str) -> Self {
        let (mut english, chinese) = (pieces(english), pieces(chinese));
        (1..english.len().saturating_sub(1)).for_each(|place| quoted(&mut english, place));
        // What something is said of: a file, an id, a host.
        if let [Piece::Gap { kind: kind @ Kind::Any, .. }, Piece::Text(next), ..] = &mut english[..]
            && next.starts_with(": ")
        {
            *kind = Kind::Data;
        }
        let letters = english.iter().map(|piece| match piece {
            Piece::Text(text) => text.chars().filter(|c| c.is_alphabetic()).count(),
            Piece::Gap { .. } => 0,
        });
        let letters = letters.sum();
        Self { english, chinese, letters }
    }

    /// How much of it is ours.
    pub(super) const fn letters(&self) -> usize {
        self.letters
    }

    /// Whether so little of it is ours that what stands in its gaps has to be looked at first.
    pub(super) fn is_loose(&self) -> bool {
        let numbers = |piece: &Piece| {
            !matches!(piece, Piece::Gap { kind: Kind::Any | Kind::Data | Kind::Word, .. })
        };
        self.letters < LOOSE && !self.english.iter().all(numbers)
    }

    /// Whether a text has at least its longest part, or how it begins and ends.
    pub(super) fn may_match(&self, text: &str) -> bool {
        let begins = match self.english.first() {
            Some(Piece::Text(first)) => text.starts_with(first),
            Some(Piece::Gap { kind: Kind::Number, .. }) => {
                text.starts_with(|c: char| c.is_ascii_digit())
            }
            _ => true,
        };
        let ends = match self.english.last() {
            Some(Piece::Text(last)) => text.ends_with(last),
            _ => true,
        };
        begins && ends
    }

    /// What stands in its gaps in a text, by their numbers, if the text is this message.
    pub(super) fn gaps_in<'t>(
        &self,
        text: &'t str,
        effort: &mut Effort,
    ) -> Option<Vec<(usize, Found<'t>)>> {
        let mut gaps = Vec::new();
        fits(&self.english, text, &mut gaps, effort)?;
        for (number, found) in &mut gaps {
            found.must_be_known &= !self.quotes(*number);
            found.is_more = !found.kind.is_data() && self.is_more(*number);
        }
        Some(gaps)
    }

    /// Whether a message ends with what somebody else may say: a system, a service, a library.
    fn quotes(&self, number: usize) -> bool {
        let [.., Piece::Text(before), Piece::Gap { number: last, .. }] = &self.english[..] else {
            return false;
        };
        *last == number && before.ends_with(": ") && !self.is_loose()
    }

    /// Whether a gap stands right behind a word or another gap: for something more of ours, which is not
    /// always there.
    pub(super) fn is_more(&self, number: usize) -> bool {
        let is_it = |piece: &Piece| matches!(piece, Piece::Gap { number: of, .. } if *of == number);
        self.english.windows(2).any(|pair| {
            let before = match &pair[0] {
                Piece::Text(text) => text.ends_with(char::is_alphanumeric),
                Piece::Gap { .. } => true,
            };
            before && is_it(&pair[1])
        })
    }

    /// The message in the other language.
    pub(super) fn filled<'t>(
        &self,
        gaps: Vec<(usize, Found<'t>)>,
        mut own: impl FnMut(Found<'t>) -> Option<String>,
    ) -> Option<String> {
        let mut filled = Vec::with_capacity(gaps.len());
        for (number, found) in gaps {
            filled.push((number, own(found)?));
        }
        let mut said = String::new();
        for piece in &self.chinese {
            let next = match piece {
                Piece::Text(text) => *text,
                Piece::Gap { number, .. } => {
                    let gap = filled.iter().find(|(of, _)| of == number);
                    gap.map_or("", |(_, text)| text.as_str())
                }
            };
            join(&mut said, next);
        }
        Some(said)
    }

    #[cfg(test)]
    pub(super) fn both(&self) -> (&[Piece], &[Piece]) {
        (&self.english, &self.chinese)
    }
}

/// Puts a text behind another: a space stands between Chinese and what is none, and nowhere else.
pub(super) fn join(said: &mut String, next: &str) {
    let alone = said.strip_suffix(' ').is_some_and(|before| before.ends_with(is_chinese));
    if alone && next.starts_with(is_chinese) {
        said.pop();
    }
    let after = next.strip_prefix(' ').filter(|after| after.starts_with(is_chinese));
    let next = after.filter(|_| said.ends_with(is_chinese)).unwrap_or(next);
    let meet = (said.ends_with(is_chinese) && next.starts_with(is_latin))
        || (said.ends_with(is_latin) && next.starts_with(is_chinese));
    said.push_str(if meet { " " } else { "" });
    said.push_str(next);
}

/// A character of a Chinese word, no punctuation.
fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '`'
}

/// Fits pieces to a text; each gap takes as little as it can.
fn fits<'t>(
    pieces: &[Piece],
    text: &'t str,
    gaps: &mut Vec<(usize, Found<'t>)>,
    effort: &mut Effort,
) -> Option<()> {
    effort.spend(1)?;
    match pieces {
        [] => text.is_empty().then_some(()),
        [Piece::Text(own), rest @ ..] => fits(rest, text.strip_prefix(own)?, gaps, effort),
        [Piece::Gap { number, kind }, rest @ ..] => {
            let known = gaps.len();
            let mut ends = ends(rest, text);
            ends.find_map(|end| {
                let inner = &text[..end];
                if !kind.allows(inner) {
                    return effort.spend(1).and(None);
                }
                let must_be_known = !kind.is_data();
                gaps.push((
                    *number,
                    Found { kind: *kind, text: inner, must_be_known, is_more: false },
                ));
                let fitted = fits(rest, &text[end..], gaps, effort);
                if fitted.is_none() {
                    gaps.truncate(known);
                }
                fitted
            })
        }
    }
}

/// Where a gap may end: before each place where what follows it stands.
fn ends<'a>(rest: &'a [Piece], text: &'a str) -> Box<dyn Iterator<Item = usize> + 'a> {
    match rest {
        [] => Box::new(std::iter::once(text.len())),
        [Piece::Text(next)] => {
            let end = text.strip_suffix(next).map(str::len);
            Box::new(end.into_iter())
        }
        [Piece::Text(next), ..] => Box::new(text.match_indices(next).map(|(end, _)| end)),
        // The second is something more that is not always there.
        [Piece::Gap { .. }, ..] => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            Box::new(ends.rev().collect::<Vec<_>>().into_iter())
        }
    }
}

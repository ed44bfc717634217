//! The columns of a table: what people call them, and what they mean.

use std::ops::Range;

use super::Problem;
use super::cell::invisible;

/// More columns than anybody names.
const MOST: usize = 1_000;

/// How many columns are named in a message.
const NAMED: usize = 12;

/// What columns may be called, and what that means here.
#[derive(Debug)]
pub struct Vocabulary {
    /// The words of this program, each with others for the same; folded as [`fold`] does.
    pub names: &'static [(&'static str, &'static [&'static str])],
    /// Those of them that may be spread over columns of their parts: `advanced.seed`.
    pub open: &'static [&'static str],
}

/// The columns of pairs.
pub const PAIRS: Vocabulary = Vocabulary {
    names: &[
        ("id", &["pairid", "videoid", "编号"]),
        ("take", &[]),
        ("image", IMAGE),
        ("audio", AUDIO),
        ("prompt", &["prompts", "提示词", "提示", "动作"]),
        ("turbo_mode", &["turbomode", "turbo"]),
        ("advanced", &[]),
        ("extra", &[]),
    ],
    open: &["advanced", "extra"],
};

const IMAGE: &[&str] = &[
    "imageurl",
    "imagelink",
    "imagefile",
    "imagepath",
    "portrait",
    "portraiturl",
    "portraitfile",
    "picture",
    "pictureurl",
    "photo",
    "photourl",
    "图片",
    "图片url",
    "图片链接",
    "图片地址",
    "图像",
    "照片",
    "头像",
    "人像",
    "肖像",
];
const AUDIO: &[&str] = &[
    "audiourl",
    "audiolink",
    "audiofile",
    "audiopath",
    "recording",
    "recordingurl",
    "speech",
    "speechurl",
    "voice",
    "voiceurl",
    "sound",
    "音频",
    "音频url",
    "音频链接",
    "音频地址",
    "录音",
    "语音",
    "声音",
];

/// The columns of lists of tasks.
pub const TASKS: Vocabulary = Vocabulary {
    names: &[
        ("id", &["pairid", "videoid", "编号"]),
        ("task_id", &["taskid", "task", "任务id", "任务编号", "任务号"]),
    ],
    open: &[],
};

/// What a column means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// One of the vocabulary's words.
    Known(&'static str),
    /// A part of one of them: `advanced.seed`.
    Part(&'static str, String),
    /// None of them.
    Other,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As written; may be empty.
    pub written: String,
    /// What it means.
    pub key: Key,
    /// Where its name stands in the header's text, in bytes.
    span: Range<usize>,
}

/// All columns of a table.
#[derive(Debug)]
pub struct Columns {
    vocabulary: &'static Vocabulary,
    list: Vec<Column>,
    /// The row of their names, and its text; not that of JSON Lines, which have none.
    header: Option<(u32, String)>,
}

impl Columns {
    /// Without a header: as keys turn up.
    pub(super) fn of_keys(vocabulary: &'static Vocabulary) -> Self {
        Self { vocabulary, list: Vec::new(), header: None }
    }

    /// Out of a header: what is written in which part of its text.
    pub(super) fn of_header(
        vocabulary: &'static Vocabulary,
        number: u32,
        text: String,
        names: Vec<(String, Range<usize>)>,
    ) -> Result<Self, Problem> {
        let mut columns = Self { vocabulary, list: Vec::new(), header: Some((number, text)) };
        let most = names.len() > MOST;
        for (written, span) in names.into_iter().take(MOST) {
            let key = vocabulary.key(&written);
            let same = |other: &&Column| other.key == key && key != Key::Other;
            if let Some(first) = columns.list.iter().find(same) {
                return Err(columns.twice(&first.written.clone(), &written, span));
            }
            columns.list.push(Column { written, key, span });
        }
        if most {
            return Err(columns.problem(0..0, "the table has more than 1000 columns", TOO_MANY));
        }
        match columns.known() {
            0 => Err(columns.nameless()),
            _ => Ok(columns),
        }
    }

    /// The column of a key, which is a new one if it was not met before.
    pub(super) fn of_key(&mut self, written: &str) -> Option<usize> {
        if let Some(index) = self.list.iter().position(|column| column.written == written) {
            return Some(index);
        }
        if self.list.len() >= MOST {
            return None;
        }
        let key = self.vocabulary.key(written);
        self.list.push(Column { written: written.to_owned(), key, span: 0..0 });
        Some(self.list.len() - 1)
    }

    /// What a column means.
    #[must_use]
    pub fn key(&self, column: usize) -> &Key {
        self.list.get(column).map_or(&Key::Other, |column| &column.key)
    }

    /// As written in the header; empty beyond it.
    #[must_use]
    pub fn called(&self, column: usize) -> &str {
        self.list.get(column).map_or("", |column| column.written.trim())
    }

    /// All names as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|column| column.written.trim())
    }

    /// Which column has a name, however it is written.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        let name = fold(name);
        self.list.iter().position(|column| fold(&column.written) == name)
    }

    /// Whether any column means this.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let is = |column: &Column| matches!(&column.key, Key::Known(known) if *known == name);
        self.list.iter().any(is)
    }

    /// Whether its names stand in a row of their own.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// The row of their names, and its text.
    #[must_use]
    pub fn header(&self) -> Option<(u32, &str)> {
        self.header.as_ref().map(|(number, text)| (*number, text.as_str()))
    }

    /// How many columns the header names.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many columns mean something.
    pub(super) fn known(&self) -> usize {
        self.list.iter().filter(|column| column.key != Key::Other).count()
    }

    /// For messages: `column B`; JSON has keys.
    #[must_use]
    pub fn place(&self, column: usize) -> String {
        match self.header {
            Some(_) => format!("column {}", letters(column)),
            None => "this value".to_owned(),
        }
    }

    /// Something that is wrong with the header.
    #[must_use]
    pub fn problem(&self, span: Range<usize>, message: &str, help: &str) -> Problem {
        let (row, text) = self.header.clone().unwrap_or_default();
        let label = "the names of the columns".to_owned();
        Problem { row, text, span, message: message.to_owned(), label, help: help.to_owned() }
    }

    /// That a column is missing.
    #[must_use]
    pub fn missing(&self, name: &str) -> Problem {
        let (message, names) = (format!("the table has no column `{name}`"), self.found());
        let help = format!("call one of its columns `{name}`; it has {names}");
        self.problem(0..self.header.as_ref().map_or(0, |(_, text)| text.len()), &message, &help)
    }

    fn found(&self) -> String {
        let written = self.list.iter().filter(|column| !column.written.trim().is_empty());
        let mut names: Vec<_> =
            written.map(|column| format!("`{}`", short(&column.written))).collect();
        if names.len() > NAMED {
            names.truncate(NAMED);
            names.push("…".to_owned());
        }
        names.join(", ")
    }

    fn twice(&self, first: &str, second: &str, span: Range<usize>) -> Problem {
        let message = format!("`{}` and `{}` mean the same", short(first), short(second));
        self.problem(span, &message, "keep one of the two columns, or give the other another name")
    }

    fn nameless(&self) -> Problem {
        let known: Vec<_> = self.vocabulary.names.iter().map(|(name, _)| *name).collect();
        let text = self.header.as_ref().map_or("", |(_, text)| text);
        let message = match text.contains("://") {
            true => "the first row has no names of columns: it looks like a pair",
            false => "no column of this table is known",
        };
        let help = format!("name the columns in the first row; known are {}", known.join(", "));
        self.problem(0..text.len(), message, &help)
    }

    /// Columns that nothing is made of, named once.
    pub(super) fn ignored(&self, used: &[usize]) -> Option<Problem> {
        let ignored = |(index, column): &(usize, &Column)| {
            column.key == Key::Other && !column.written.trim().is_empty() && !used.contains(index)
        };
        let list = self.list.iter().enumerate().filter(ignored);
        let list: Vec<_> = list.map(|(_, column)| column).collect();
        let first = list.first()?;
        let mut names: Vec<_> =
            list.iter().take(NAMED).map(|column| format!("`{}`", short(&column.written))).collect();
        if list.len() > NAMED {
            names.push(format!("{} more", list.len() - NAMED));
        }
        let known: Vec<_> = self.vocabulary.names.iter().map(|(name, _)| *name).collect();
        let message = match list.len() {
            1 => format!("the column {} is passed over", names.join(", ")),
            _ => format!("the columns {} are passed over", names.join(", ")),
        };
        let help = format!("known are {}", known.join(", "));
        let mut problem = self.problem(first.span.clone(), &message, &help);
        problem.label = "nothing is made of it".to_owned();
        Some(problem)
    }
}

const TOO_MANY: &str = "is it the right file? Remove the columns that are not needed";

/// A name as a message repeats it.
fn short(name: &str) -> String {
    let name = name.trim();
    let cut: String = name.chars().take(40).collect();
    if cut.len() < name.len() { cut + "…" } else { cut }
}

impl Vocabulary {
    /// What a column of this name means.
    pub(super) fn key(&self, written: &str) -> Key {
        let written = written.trim_matches(invisible);
        if let Some((of, part)) = written.split_once('.')
            && let Some(open) = self.open.iter().find(|open| **open == fold(of))
            && !part.trim().is_empty()
        {
            return Key::Part(open, part.trim().to_owned());
        }
        let folded = fold(written);
        let known = |(name, others): &&(&'static str, &[&str])| {
            fold(name) == folded || others.contains(&folded.as_str())
        };
        self.names.iter().find(known).map_or(Key::Other, |(name, _)| Key::Known(name))
    }
}

/// A name without what people write differently: case, spaces, `_`, `-`, full-width letters, and
/// what stands in brackets behind it.
fn fold(name: &str) -> String {
    let name =
        name.split(['(', '（']).next().filter(|name| !name.trim().is_empty()).unwrap_or(name);
    let wide = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    };
    let kept = |c: &char| !invisible(*c) && !['_', '-', '*', ':'].contains(c);
    name.chars().map(wide).filter(kept).flat_map(char::to_lowercase).collect()
}

/// As spreadsheets name columns: A to Z, AA and on.
pub(super) fn letters(column: usize) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_as_people_write_them() {
        for (written, name) in [
            ("id", "id"),
            (" ID ", "id"),
            ("Image URL", "image"),
            ("image_url", "image"),
            ("IMAGE-URL", "image"),
            ("imageUrl", "image"),
            ("image (https)", "image"),
            ("\u{feff}image", "image"),
            ("Image\u{a0}Link", "image"),
            ("ｉｍａｇｅ", "image"),
            ("图片", "image"),
            ("图片 URL", "image"),
            ("audio url", "audio"),
            ("音频", "audio"),
            ("音频（链接）", "audio"),
            ("Turbo Mode", "turbo_mode"),
            ("提示词", "prompt"),
            ("Advanced", "advanced"),
        ] {
            assert_eq!(PAIRS.key(written), Key::Known(name), "{written:?}");
        }
        assert_eq!(PAIRS.key("Advanced.Seed"), Key::Part("advanced", "Seed".to_owned()));
        assert_eq!(PAIRS.key("extra.resolution"), Key::Part("extra", "resolution".to_owned()));
        for written in ["", "name", "notes", "image2", "advanced.", "ids", "prompt.x"] {
            assert_eq!(PAIRS.key(written), Key::Other, "{written:?}");
        }
        assert_eq!(TASKS.key("Task ID"), Key::Known("task_id"));
    }

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        for (column, expected) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), expected);
        }
    }

    #[test]
    fn words_of_the_vocabularies_are_folded_and_said_once() {
        for vocabulary in [&PAIRS, &TASKS] {
            let words = vocabulary.names.iter().flat_map(|(_, others)| others.iter());
            let words: Vec<_> = words.collect();
            for word in &words {
                assert_eq!(fold(word), **word);
                assert_eq!(words.iter().filter(|other| *other == word).count(), 1, "{word}");
            }
        }
    }
}

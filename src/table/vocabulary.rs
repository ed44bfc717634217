//! What people call columns, and what that means.

use super::cell::invisible;

/// What columns may be called, and what that means here.
#[derive(Debug)]
pub struct Vocabulary {
    /// The words of this program, each with others for the same; folded as `fold` does.
    pub names: &'static [(&'static str, &'static [&'static str])],
    /// Those of them that may be spread over columns of their parts: `advanced.seed`.
    pub open: &'static [&'static str],
}

/// The columns of pairs.
pub const PAIRS: Vocabulary = Vocabulary {
    names: &[
        ("id", &["pairid", "videoid", "编号"]),
        ("take", &[]),
        ("tags", &["tag", "标签"]),
        ("expires", &["expiry", "expiresat", "过期时间"]),
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
        ("action", &[]),
        ("attempt", &[]),
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

    /// The word that somebody may have meant.
    pub(super) fn nearest(&self, written: &str) -> Option<&'static str> {
        let folded = fold(&written.chars().take(40).collect::<String>());
        let distance = |name: &str| strsim::damerau_levenshtein(&folded, &fold(name));
        let names = self.names.iter().map(|(name, _)| *name);
        let near = names.filter(|name| distance(name) <= name.len().div_ceil(4));
        near.min_by_key(|name| distance(name))
    }
}

/// A name without what people write differently: case, spaces, `_`, `-`, full-width letters, and
/// what stands in brackets behind it.
pub(super) fn fold(name: &str) -> String {
    let name =
        name.split(['(', '（']).next().filter(|name| !name.trim().is_empty()).unwrap_or(name);
    let wide = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    };
    let kept = |c: &char| !invisible(*c) && !['_', '-', '*', ':'].contains(c);
    name.chars().map(wide).filter(kept).flat_map(char::to_lowercase).collect()
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

//! What people read in another language than English: a catalogue of whole messages, and how one is
//! found for a text that was made in English.
//!
//! The program thinks and writes in English. Just before a text is shown, it is looked up here, line by
//! line: a line whose template is in the catalogue is said in Chinese, any other stays as it is. What
//! came from outside (ids, paths, what a service says) stands in the gaps of templates and is left
//! alone. Nothing that machines read comes here.

mod compose;
mod language;
mod template;
mod wrap;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

pub use self::language::Language;
use self::template::{Found, Template};
pub use self::wrap::wrapped;

const CHINESE: &str = include_str!("zh.tsv");

/// How many steps one text may cost before it is left as it is: texts from outside are hostile.
const MOST_STEPS: usize = 20_000;
/// How deep phrases stand in the gaps of others.
const DEEPEST: usize = 5;

/// All messages in a language.
#[derive(Debug)]
pub struct Words {
    /// Those without gaps.
    whole: HashMap<&'static str, &'static str>,
    /// The others, the most of our own letters first.
    templates: Vec<Template>,
}

/// A line of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// As the program makes it, with numbered gaps.
    english: &'static str,
    /// What is said instead.
    chinese: &'static str,
}

/// How much was tried for a text.
struct Effort {
    steps: usize,
}

impl Effort {
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(steps)?;
        Some(())
    }
}

/// The catalogue as it is written: two columns, `#` begins a remark.
fn entries() -> impl Iterator<Item = Entry> {
    let lines = CHINESE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (english, chinese) = line.split_once('\t')?;
        Some(Entry { english, chinese })
    })
}

impl Words {
    /// The words of a language; none for the one that the program thinks in.
    #[must_use]
    pub fn of(language: Language) -> Option<&'static Self> {
        static MADE: OnceLock<Words> = OnceLock::new();
        match language {
            Language::English => None,
            Language::Chinese => Some(MADE.get_or_init(Self::chinese)),
        }
    }

    fn chinese() -> Self {
        let mut words = Self { whole: HashMap::new(), templates: Vec::new() };
        for Entry { english, chinese } in entries() {
            if Template::is_whole(english) {
                words.whole.insert(english, chinese);
            } else {
                words.templates.push(Template::new(english, chinese));
            }
        }
        words.templates.sort_by_key(|template| std::cmp::Reverse(template.letters()));
        words
    }

    /// A text of any number of lines, each of them said in this language if the catalogue has it.
    #[must_use]
    pub fn say<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut said = String::with_capacity(text.len());
        let mut changed = false;
        for line in text.split_inclusive('\n') {
            let (line, end) = match line.strip_suffix('\n') {
                Some(line) => (line, "\n"),
                None => (line, ""),
            };
            match self.line(line) {
                Some(own) => {
                    changed = true;
                    said.push_str(&own);
                }
                None => said.push_str(line),
            }
            said.push_str(end);
        }
        if changed { Cow::Owned(said) } else { Cow::Borrowed(text) }
    }

    /// The first clause of a message, if a text is the first clause of one: help in short.
    #[must_use]
    pub fn beginning(&self, text: &str) -> Option<&'static str> {
        let ends = [": ", "; ", ". ", " [", ", "];
        let is_it = |english: &str| {
            let rest = english.strip_prefix(text);
            rest.is_some_and(|rest| ends.iter().any(|end| rest.starts_with(end)))
        };
        let mut found = self.whole.iter().filter(|(english, _)| is_it(english));
        let (_, chinese) = found.next()?;
        // Two that go on differently may begin differently, too.
        if found.next().is_some() || !text.contains(' ') {
            return None;
        }
        let end = chinese.find(['：', '；', '。', '，', '[']).unwrap_or(chinese.len());
        Some(chinese[..end].trim_end())
    }

    /// One line, with what it is indented by; nothing if the catalogue does not have it.
    fn line(&self, line: &str) -> Option<String> {
        let plain = compose::without_looks(line);
        let mut effort = Effort { steps: MOST_STEPS };
        // What begins a list's item may be a part of the message, and may stand before it.
        [compose::is_space, compose::is_indent].into_iter().find_map(|is_before| {
            let text = plain.trim_start_matches(is_before);
            let (indent, end) =
                (&plain[..plain.len() - text.len()], text.trim_end_matches([' ', '*']));
            let own = self.phrase(end, DEEPEST, &mut effort)?;
            let own = compose::aligned_by_end(end, own);
            Some(format!("{indent}{own}{}", &text[end.len()..]))
        })
    }

    /// A phrase as a whole, or put together from others in one of the ways that messages are.
    fn phrase(&self, text: &str, depth: usize, effort: &mut Effort) -> Option<String> {
        if let Some(own) = self.whole.get(text) {
            return Some((*own).to_owned());
        }
        if depth == 0 || !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        // What is mostly ours is tried before what is put together, and that before what is mostly not.
        self.templated(text, depth, effort, |template| !template.is_loose())
            .or_else(|| self.composed(text, depth, effort))
            .or_else(|| self.templated(text, depth, effort, Template::is_loose))
            .or_else(|| self.quoting(text, depth, effort))
    }

    fn templated(
        &self,
        text: &str,
        depth: usize,
        effort: &mut Effort,
        counts: impl Fn(&Template) -> bool,
    ) -> Option<String> {
        for template in self.templates.iter().filter(|template| template.may_match(text)) {
            if !counts(template) {
                continue;
            }
            let Some(gaps) = template.gaps_in(text, effort) else { continue };
            let own = template.filled(gaps, |found| self.gap(found, depth - 1, effort));
            if own.is_some() {
                return own;
            }
        }
        None
    }

    /// What stands in a gap: nothing if it had to be known and is not.
    fn gap(&self, found: Found<'_>, depth: usize, effort: &mut Effort) -> Option<String> {
        let as_it_is = || Some(found.text.to_owned());
        if found.kind.is_data() {
            return as_it_is();
        }
        // A single word is ours only where a template says so.
        let may_be_ours = found.kind.is_word() || found.text.trim().contains(' ');
        let text = found.text.trim();
        let own = may_be_ours.then(|| self.phrase(text, depth, effort)).flatten();
        match own {
            Some(own) => Some(found.text.replacen(text, &own, 1)),
            None if found.is_more && compose::has_words(text) => None,
            None if found.must_be_known && !compose::is_data(text) => None,
            None => as_it_is(),
        }
    }
}

#[cfg(test)]
mod tests;

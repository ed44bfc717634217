//! What is wrong with a manifest, where, and what to do about it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Serialize, Serializer};

use crate::pair::Role;

use super::excerpt::{Excerpt, harmless};
use super::kinds::Kinds;
use super::notes::Notes;
use super::places::{NoFiles, Shown};
use super::tree::Span;

/// One thing that is wrong, with all that is needed to show it.
///
/// It keeps the one line it points at, without secrets and control characters, so it outlives the
/// file and may be printed anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Names the key or the value that is wrong.
    pub message: String,
    /// What is expected, to stand at the caret.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Where.
    pub place: Place,
    related: Option<(String, Place)>,
}

/// A place in a manifest or a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Of the manifest, or of one of its tables.
    pub path: String,
    /// From 1; of a sheet the number of the row.
    pub line: usize,
    /// From 1, in characters; of a sheet in cells.
    pub column: usize,
    /// In bytes of the text after a byte-order mark, or of the shown text of a table's row.
    pub bytes: Range<usize>,
    /// Which cell of a table, if it is one: "column B, `Image URL`".
    pub cell: Option<String>,
    pub(super) excerpt: Excerpt,
}

/// A place in the text of a manifest that can be pointed at later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(pub(super) Span);

/// Where the media of a pair stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// The portrait.
    pub image: Mark,
    /// The recording.
    pub audio: Mark,
    /// What is said of when its links die.
    pub expires: Option<Mark>,
}

impl Marks {
    /// Of one of the two.
    #[must_use]
    pub const fn of(&self, role: Role) -> Mark {
        match role {
            Role::Image => self.image,
            Role::Audio => self.audio,
        }
    }
}

/// The problems of one manifest in the order of their places. As an error it is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    level: Severity,
    list: Vec<Problem>,
    more: Kinds,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is sent.
    Error,
    /// Allowed, but it looks like a slip.
    Warning,
}

/// A problem while it is found: it knows bytes, not yet lines.
#[derive(Debug)]
pub(super) struct Finding {
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
    related: Option<(String, Span)>,
}

impl Finding {
    pub(super) fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (message, label) = (message.into(), label.into());
        Self { span, message, label, help: None, related: None }
    }

    /// What to do.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Another place that has to do with it.
    pub(super) fn related(self, span: Span, label: impl Into<String>) -> Self {
        Self { related: Some((label.into(), span)), ..self }
    }

    fn located(self, places: &HashMap<Span, Place>) -> Option<Problem> {
        let related = self.related.as_ref();
        Some(Problem {
            message: clean(&self.message),
            label: clean(&self.label),
            help: self.help.as_deref().map(clean),
            place: places.get(&self.span)?.clone(),
            related: related
                .and_then(|(label, span)| Some((clean(label), places.get(span)?.clone()))),
        })
    }
}

/// All findings of one reading.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    more: Kinds,
}

impl Findings {
    /// A file that is wrong on every line must not fill the memory with messages.
    pub(super) const KEPT: usize = 1_000;

    pub(super) fn note(&mut self, finding: Finding) {
        if self.list.len() < Self::KEPT {
            self.list.push(finding);
        } else {
            self.more.add(&finding.message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// With lines and columns, sorted; what an alias repeats is said once.
    pub(super) fn locate(mut self, shown: &Shown<'_>, level: Severity) -> Problems {
        self.list.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        self.list.dedup_by(|a, b| (a.span, &a.message) == (b.span, &b.message));
        let related = |finding: &Finding| finding.related.as_ref().map(|(_, span)| *span);
        let spans = self.list.iter().flat_map(|finding| [Some(finding.span), related(finding)]);
        let spans: BTreeSet<_> = spans.flatten().collect();
        let shown = Shown { path: &clean(shown.path), ..*shown };
        let places = if spans.is_empty() { HashMap::new() } else { shown.places(&spans) };
        let list = self.list.into_iter().filter_map(|finding| finding.located(&places)).collect();
        Problems { level, list, more: self.more }
    }
}

/// Without what a terminal would obey. Messages are ours, but names in them are not.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { harmless(c) }).collect()
}

impl Problem {
    /// In other words.
    fn said(&self, say: &impl Fn(&str) -> String) -> Self {
        let related = self.related.as_ref();
        let cell = self.place.cell.as_deref().map(say);
        Self {
            message: say(&self.message),
            label: say(&self.label),
            help: self.help.as_deref().map(say),
            place: Place { cell, ..self.place.clone() },
            related: related.map(|(label, place)| (say(label), place.clone())),
        }
    }
}

impl Problems {
    /// Notes on a manifest that was read.
    #[must_use]
    pub fn of_notes(shown: &Shown<'_>, notes: Notes, level: Severity) -> Self {
        let text = shown.text.strip_prefix('\u{feff}').unwrap_or(shown.text);
        notes.into_findings().locate(&Shown { text, ..*shown }, level)
    }

    /// No warnings.
    pub(super) fn none() -> Self {
        Self { level: Severity::Warning, list: Vec::new(), more: Kinds::default() }
    }

    /// How many of them [`Problems::render`] shows.
    pub const SHOWN: usize = 50;

    /// One problem with the file as a whole.
    pub(super) fn one(path: &str, text: &str, finding: Finding) -> Self {
        let shown = Shown { path, text, tables: &[], files: &NoFiles };
        Findings { list: vec![finding], more: Kinds::default() }.locate(&shown, Severity::Error)
    }

    /// In the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many there are, also those that were not kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len() + self.more.count()
    }

    /// Only warnings can be none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// For people: path, line, column, the line with a caret, what is expected and what to do; the
    /// first [`Problems::SHOWN`], and how many more there are.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.render_as(colour, str::to_owned)
    }

    /// The same in other words: `say` gives them for ours, and is never given what the file says.
    #[must_use]
    pub fn render_as(&self, colour: bool, say: impl Fn(&str) -> String) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = self.list.iter().take(Self::SHOWN).map(|problem| problem.said(&say));
        let mut text: Vec<String> = shown
            .map(|problem| self.with_columns(&problem, self.report(&renderer, &problem, &say)))
            .collect();
        if self.len() > Self::SHOWN {
            text.push(say(&self.rest()));
        }
        text.join("\n\n")
    }

    /// How many more there are of which kind, the most first.
    fn rest(&self) -> String {
        let mut kinds = self.more.clone();
        self.list.iter().skip(Self::SHOWN).for_each(|problem| kinds.add(&problem.message));
        let more = self.len() - Self::SHOWN;
        let lines = kinds.list();
        let lines = lines.iter().map(|(kind, count)| format!("\n  {count} × {kind}"));
        format!("… and {more} more:{}", lines.collect::<String>())
    }

    fn report(
        &self,
        renderer: &Renderer,
        problem: &Problem,
        say: &impl Fn(&str) -> String,
    ) -> String {
        let (level, name) = match self.level {
            Severity::Error => (Level::ERROR, "error"),
            Severity::Warning => (Level::WARNING, "warning"),
        };
        let level = level.with_name(say(name));
        let label = match &problem.place.cell {
            Some(cell) => format!("{} ({cell})", problem.label),
            None => problem.label.clone(),
        };
        let primary = self.snippet(&problem.place, AnnotationKind::Primary, &label);
        let mut group = Group::with_title(level.primary_title(&problem.message)).element(primary);
        if let Some((label, place)) = &problem.related {
            group = group.element(self.snippet(place, AnnotationKind::Context, label));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.with_name(say("help")).message(help));
        }
        renderer.render(&[group])
    }

    fn snippet<'a>(
        &'a self,
        place: &'a Place,
        kind: AnnotationKind,
        label: &'a str,
    ) -> Snippet<'a, Annotation<'a>> {
        let annotation = kind.span(place.excerpt.mark.clone()).label(label);
        let source = Snippet::source(&place.excerpt.text).path(&place.path);
        source.line_start(place.line).annotation(annotation)
    }

    /// The renderer counts columns of the excerpt, which are not those of the file where
    /// something was left out before the mark.
    fn with_columns(&self, problem: &Problem, report: String) -> String {
        let related = problem.related.iter().map(|(_, place)| place);
        std::iter::once(&problem.place).chain(related).fold(report, |report, place| {
            let named = |column| format!("{}:{}:{column}", place.path, place.line);
            let shown = place.excerpt.text[..place.excerpt.mark.start].chars().count() + 1;
            match shown == place.column {
                true => report,
                false => report.replacen(&named(shown), &named(place.column), 1),
            }
        })
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// For programs: a list of `{path, line, column, message, help}`.
impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            path: &'a str,
            line: usize,
            column: usize,
            message: &'a str,
            help: Option<&'a str>,
        }
        serializer.collect_seq(self.list.iter().map(|problem| Entry {
            path: &problem.place.path,
            line: problem.place.line,
            column: problem.place.column,
            message: &problem.message,
            help: problem.help.as_deref(),
        }))
    }
}

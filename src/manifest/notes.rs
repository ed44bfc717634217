//! What is found out about places in a manifest after it was read.

use super::problem::{Finding, Findings, Mark};

/// Something that was found out about a place in a manifest after it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub mark: Mark,
    /// Names what is wrong.
    pub message: String,
    /// To stand at the caret.
    pub label: String,
    /// What to do.
    pub help: String,
}

/// Notes on a manifest. However many come, few are kept, and the others counted by kind.
#[derive(Debug, Default)]
pub struct Notes(Findings);

impl Notes {
    /// How many are kept.
    pub const KEPT: usize = Findings::KEPT;

    /// Takes a note.
    pub fn add(&mut self, note: Note) {
        let Note { mark, message, label, help } = note;
        self.0.note(Finding::new(mark.0, message, label).help(help));
    }

    pub(super) fn into_findings(self) -> Findings {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Note> for Notes {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let mut all = Self::default();
        notes.into_iter().for_each(|note| all.add(note));
        all
    }
}

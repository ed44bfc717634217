//! The book: every create that was accepted, so billed, whatever became of its answer.
//!
//! It is what a client's own ledger is compared with. "How many creates, which of them twice, and
//! of which does the client not know?"

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::iter::once_with;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::decisions::life::TextId;
use crate::state::blocks::Blocks;
use crate::state::texts::Texts;
use crate::words::clock::Millis;
use crate::words::digest::Digest;
use crate::words::fault::Fault;
use crate::words::id::{Letters, TaskId};

/// One accepted create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Counts the accepted creates, from 1.
    pub number: u64,
    /// When it was accepted, in milliseconds of unix time by the fake's clock.
    pub unix_millis: u64,
    /// The same for requests that mean the same.
    pub digest: Digest,
    /// The task that was made of it.
    pub task: TaskId,
    /// The misbehaviour that struck after it was accepted.
    pub fault: Option<Fault>,
    /// The status that was answered; `None` if no answer went out, or none yet.
    pub status: Option<u16>,
    /// Whether an answer with the task's id went out whole while the client was still there.
    pub delivered: bool,
    /// The request's body.
    #[serde(serialize_with = "as_json")]
    pub request: Arc<str>,
}

impl Entry {
    /// The request's body as JSON.
    #[must_use]
    pub fn request_json(&self) -> Value {
        serde_json::from_str(&self.request).unwrap_or_default()
    }
}

fn as_json<S: serde::Serializer>(request: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<Value>(request).unwrap_or_default().serialize(serializer)
}

/// The book at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Book {
    /// How many requests to create were read, accepted or not.
    pub creates_read: u64,
    /// The accepted creates, in order.
    pub entries: Vec<Entry>,
}

/// What a book comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) read: u64,
    pub(crate) accepted: usize,
    /// Accepted creates whose task the client was not told of.
    pub(crate) lost: usize,
    /// Requests that were accepted more than once.
    pub(crate) twice: usize,
}

impl Tally {
    pub(crate) fn of(book: &Book) -> Self {
        let (lost, twice) = (book.undelivered().count(), book.duplicates().len());
        Self { read: book.creates_read, accepted: book.entries.len(), lost, twice }
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            accepted: self.accepted + other.accepted,
            lost: self.lost + other.lost,
            twice: self.twice + other.twice,
        }
    }
}

/// Several accepted creates of the same request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// What they share.
    pub digest: Digest,
    /// Their tasks, in the order of acceptance.
    pub tasks: Vec<TaskId>,
}

impl Book {
    /// The requests that were accepted more than once, each paid for as often, in the order of
    /// their first acceptance.
    #[must_use]
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut places = HashMap::new();
        let mut groups: Vec<Duplicate> = Vec::new();
        for entry in &self.entries {
            let place = *places.entry(entry.digest).or_insert_with(|| {
                groups.push(Duplicate { digest: entry.digest, tasks: Vec::new() });
                groups.len() - 1
            });
            groups[place].tasks.push(entry.task.clone());
        }
        groups.retain(|group| group.tasks.len() > 1);
        groups
    }

    /// The book in JSON, with what it comes to, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        const ENTRIES: usize = 64;
        let begin = once_with(|| {
            // Fails only for maps whose keys are no strings, of which there are none.
            let duplicates = serde_json::to_string(&self.duplicates()).unwrap_or_default();
            let (creates, read) = (self.entries.len(), self.creates_read);
            let begin = format!(
                "{{\"creates\":{creates},\"creates_read\":{read},\"duplicates\":{duplicates},\
                 \"entries\":["
            );
            begin.into_bytes()
        });
        let pieces = self.entries.chunks(ENTRIES).enumerate().map(|(place, entries)| {
            let mut piece = serde_json::to_vec(entries).unwrap_or_default();
            // An array without its brackets, but with what parts it from the one before.
            piece.pop();
            match piece.first_mut() {
                Some(first) if place > 0 => *first = b',',
                Some(first) => *first = b' ',
                None => {}
            }
            piece
        });
        begin.chain(pieces).chain(once_with(|| b"]}".to_vec()))
    }

    /// The accepted creates whose task the client was not told of.
    pub fn undelivered(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.delivered)
    }

    /// The ids of all tasks, in the order of acceptance.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskId> {
        self.entries.iter().map(|entry| &entry.task)
    }
}

/// The book as the engine keeps it.
#[derive(Debug, Default)]
pub(crate) struct Bookkeeper {
    creates_read: u64,
    booked: Blocks<Booked>,
    /// What tasks of a recording are called, by their place: their ids are not ours.
    recorded: HashMap<usize, TaskId>,
    requests: Texts,
    file: Option<File>,
}

/// An accepted create, without what follows from the rest.
#[derive(Clone, Copy, Debug)]
struct Booked {
    accepted: Millis,
    letters: Letters,
    request: TextId,
    /// Half as long as one that might be 0.
    status: Option<NonZeroU16>,
    fault: Option<Fault>,
    delivered: bool,
}

impl Booked {
    /// In full, of the task that stands at this place.
    fn entry(self, place: usize, (task, request): (TaskId, Arc<str>)) -> Entry {
        let Self { accepted, status, fault, delivered, .. } = self;
        Entry {
            number: place as u64 + 1,
            unix_millis: accepted.0,
            digest: Digest::of_bytes(request.as_bytes()),
            task,
            fault,
            status: status.map(NonZeroU16::get),
            delivered,
            request,
        }
    }
}

impl Bookkeeper {
    /// A book that is also appended to this file, one JSON line per accepted create.
    pub(crate) fn with_file(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { file: path.map(open).transpose()?, ..Self::default() })
    }

    /// A book of its own that is appended to the same file.
    pub(crate) fn beside(&self) -> io::Result<Self> {
        let file = self.file.as_ref().map(File::try_clone).transpose()?;
        Ok(Self { file, ..Self::default() })
    }

    pub(crate) const fn read_one(&mut self) {
        self.creates_read += 1;
    }

    pub(crate) const fn unread_one(&mut self) {
        self.creates_read -= 1;
    }

    pub(crate) const fn creates_read(&self) -> u64 {
        self.creates_read
    }

    pub(crate) fn creates(&self) -> u64 {
        self.booked.len() as u64
    }

    /// Notes that a request came, in canonical form, accepted or not. Returns how often it has.
    pub(crate) fn came(&mut self, request: &str) -> (TextId, u32) {
        self.requests.came(request)
    }

    /// A request that came.
    pub(crate) fn request(&self, id: TextId) -> &str {
        self.requests.text(id)
    }

    /// Books an accepted create, durably for a reader of the file before this returns.
    pub(crate) fn accept(
        &mut self,
        accepted: Millis,
        request: TextId,
        letters: Letters,
        fault: Option<Fault>,
    ) -> io::Result<usize> {
        let (status, delivered) = (None, false);
        let booked = Booked { accepted, letters, request, status, fault, delivered };
        self.write_down(booked, || TaskId::of(accepted.seconds(), letters))?;
        Ok(self.booked.push(booked))
    }

    /// The same of a create that a recording accepts, under the id that it has there.
    pub(crate) fn accept_recorded(
        &mut self,
        accepted: Millis,
        request: TextId,
        task: TaskId,
    ) -> io::Result<usize> {
        let letters = Letters::default();
        let (status, fault, delivered) = (None, None, false);
        let booked = Booked { accepted, letters, request, status, fault, delivered };
        self.write_down(booked, || task.clone())?;
        let place = self.booked.push(booked);
        self.recorded.insert(place, task);
        Ok(place)
    }

    /// Appends what is booked next to the file.
    fn write_down(&mut self, booked: Booked, task: impl FnOnce() -> TaskId) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let request = self.requests.text(booked.request).into();
        let mut line = serde_json::to_vec(&booked.entry(self.booked.len(), (task(), request)))?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// What the task at a place is called.
    fn task(&self, place: usize, booked: &Booked) -> TaskId {
        let ours = || TaskId::of(booked.accepted.seconds(), booked.letters);
        self.recorded.get(&place).cloned().unwrap_or_else(ours)
    }

    /// What a task was made of.
    pub(crate) fn request_of(&self, task: &TaskId) -> Option<Value> {
        let recorded = || self.recorded.iter().find(|(_, known)| *known == task);
        let booked = match recorded() {
            Some((place, _)) => self.booked.iter().nth(*place)?,
            None => {
                let (seconds, letters) = task.parts()?;
                let is = |booked: &&Booked| {
                    booked.letters == letters && booked.accepted.seconds() == seconds
                };
                self.booked.iter().find(is)?
            }
        };
        serde_json::from_str(self.requests.text(booked.request)).ok()
    }

    /// Notes what became of the answer to a booked create.
    pub(crate) fn answered(&mut self, index: usize, status: Option<u16>, delivered: bool) {
        if let Some(booked) = self.booked.get_mut(index) {
            booked.status = status.and_then(NonZeroU16::new);
            booked.delivered = delivered;
        }
    }

    /// Forgets everything but the file.
    pub(crate) fn reset(&mut self) {
        *self = Self { file: self.file.take(), ..Self::default() };
    }

    pub(crate) fn snapshot(&self) -> Book {
        // Equal requests are kept once here too.
        let mut requests = HashMap::new();
        let entries = self.booked.iter().enumerate().map(|(place, booked)| {
            let text = || Arc::from(self.requests.text(booked.request));
            let request = requests.entry(booked.request.0).or_insert_with(text);
            booked.entry(place, (self.task(place, booked), Arc::clone(request)))
        });
        Book { creates_read: self.creates_read, entries: entries.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::dice::Dice;

    #[test]
    fn duplicates_are_found_by_digest_in_order() {
        let mut keeper = Bookkeeper::default();
        for (n, text) in ["b", "a", "b", "c", "a", "b"].into_iter().enumerate() {
            let dice = Dice::new(1, &Digest::of_bytes(text.as_bytes()), 1);
            let (request, _) = keeper.came(&format!("\"{text}\""));
            keeper.accept(Millis(0), request, Letters::draw(dice, n), None).unwrap();
        }
        let book = keeper.snapshot();
        let found: Vec<_> = book.duplicates().iter().map(|d| d.tasks.len()).collect();
        assert_eq!(found, [3, 2]);
        assert_eq!(book.duplicates()[0].tasks[1], book.entries[2].task);
        assert_eq!(book.entries[3].request_json(), "c");
        assert_eq!(book.undelivered().count(), 6);
    }
}

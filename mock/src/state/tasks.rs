//! The tasks at the server, so that a million of them take little room.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::decisions::life::Task;
use crate::state::blocks::Blocks;
use crate::words::id::{Letters, TaskId};

/// Tasks in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    kept: Blocks<Kept>,
    places: HashTable<u32>,
    models: Vec<Arc<str>>,
}

/// A task, and what tells it apart from those of the same second.
#[derive(Debug)]
struct Kept {
    letters: Letters,
    task: Task,
}

impl Kept {
    fn is(&self, seconds: u64, letters: Letters) -> bool {
        self.letters == letters && self.task.born.seconds() == seconds
    }
}

impl Tasks {
    /// Whether a task of this second has these letters.
    pub(crate) fn has(&self, seconds: u64, letters: Letters) -> bool {
        self.place(seconds, letters).is_some()
    }

    /// Adds a task, whose id follows from when it was made and these letters.
    pub(crate) fn insert(&mut self, letters: Letters, task: Task) {
        let Self { kept, places, .. } = self;
        let hash = letters.hash();
        let Ok(place) = u32::try_from(kept.push(Kept { letters, task })) else { return };
        let again = |place: &u32| kept.get(*place as usize).map_or(0, |kept| kept.letters.hash());
        places.insert_unique(hash, place, again);
    }

    pub(crate) fn get(&self, id: &TaskId) -> Option<&Task> {
        let (seconds, letters) = id.parts()?;
        self.kept.get(self.place(seconds, letters)?).map(|kept| &kept.task)
    }

    pub(crate) fn get_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        let (seconds, letters) = id.parts()?;
        let place = self.place(seconds, letters)?;
        self.kept.get_mut(place).map(|kept| &mut kept.task)
    }

    /// All tasks with their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        let id = |kept: &Kept| TaskId::of(kept.task.born.seconds(), kept.letters);
        self.kept.iter().map(move |kept| (id(kept), &kept.task))
    }

    /// All tasks.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Task> {
        self.kept.iter().map(|kept| &kept.task)
    }

    /// The name of a model, which all its tasks share.
    pub(crate) fn model(&mut self, name: &str) -> Arc<str> {
        let known = self.models.iter().find(|known| ***known == *name);
        known.cloned().unwrap_or_else(|| {
            let new: Arc<str> = name.into();
            self.models.push(Arc::clone(&new));
            new
        })
    }

    fn place(&self, seconds: u64, letters: Letters) -> Option<usize> {
        let is = |place: &u32| {
            self.kept.get(*place as usize).is_some_and(|kept| kept.is(seconds, letters))
        };
        self.places.find(letters.hash(), is).map(|place| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decisions::life::{Made, TextId};
    use crate::words::clock::Millis;
    use crate::words::dice::Dice;
    use crate::words::digest::Digest;

    #[test]
    fn each_of_many_tasks_is_found_by_its_id_and_no_other_is() {
        let dice = Dice::new(1, &Digest::of_bytes(b"x"), 1);
        let letters = |n| Letters::draw(dice, n);
        let mut tasks = Tasks::default();
        for n in 0..10_000 {
            let made = Made { request: TextId(0), dice };
            let born = Millis(1_000 * (n as u64 % 3));
            let model = tasks.model(["a", "b"][n % 2]);
            let length = Duration::from_secs(n as u64);
            tasks.insert(letters(n), Task::new((model, 0, born), length, None, made));
        }
        for n in 0..10_000 {
            let id = TaskId::of(n as u64 % 3, letters(n));
            assert_eq!(tasks.get(&id).unwrap().length, Duration::from_secs(n as u64));
            assert_eq!(&*tasks.get_mut(&id).unwrap().model, ["a", "b"][n % 2]);
            assert!(!tasks.has(3, letters(n)) && tasks.get(&TaskId::of(3, letters(n))).is_none());
        }
        assert!(tasks.get(&TaskId::named("task-unified-0-x")).is_none());
        assert_eq!((tasks.values().count(), tasks.models.len()), (10_000, 2));
        assert!(tasks.iter().all(|(id, task)| tasks.get(&id).unwrap().length == task.length));
    }
}

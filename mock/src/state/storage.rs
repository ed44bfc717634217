//! The files that were handed over, bounded in bytes.
//!
//! `auto_cleanup`, which is on unless switched off, makes room by deleting the oldest files, even
//! those that a task still waits for; switched off, a full storage is a 403.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::http::answer::Answer;
use crate::words::clock::Millis;

/// How long a file lives.
const LIFE: Duration = Duration::from_secs(72 * 3600);

/// A file that was handed over.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) name: String,
    bytes: Arc<[u8]>,
    born: Millis,
}

/// The files of all accounts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    files: VecDeque<Stored>,
    count: u64,
}

/// What is to be stored.
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) auto_cleanup: bool,
}

impl Storage {
    pub(crate) fn put(&mut self, upload: Upload, now: Millis, most: u64) -> Result<Stored, Answer> {
        self.expire(now);
        let size = upload.bytes.len() as u64;
        while self.bytes() + size > most {
            if !upload.auto_cleanup || self.files.pop_front().is_none() {
                let what = "the storage is full, and auto_cleanup is off or would not help";
                return Err(Answer::error(403, "permission_error", "storage_full", what));
            }
        }
        self.count += 1;
        let id = format!("file-{}-{:06}", now.seconds(), self.count);
        let stored = Stored { id, name: upload.name, bytes: upload.bytes.into(), born: now };
        self.files.push_back(stored.clone());
        Ok(stored)
    }

    pub(crate) fn get(&mut self, id: &str, name: &str, now: Millis) -> Option<Arc<[u8]>> {
        self.expire(now);
        let found = self.files.iter().find(|file| file.id == id && file.name == name);
        found.map(|file| Arc::clone(&file.bytes))
    }

    fn expire(&mut self, now: Millis) {
        self.files.retain(|file| now.since(file.born) < LIFE);
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: usize, auto_cleanup: bool) -> Upload {
        Upload { name: name.into(), bytes: vec![0; size], auto_cleanup }
    }

    #[test]
    fn a_full_storage_forgets_the_oldest_or_refuses() {
        let mut storage = Storage::default();
        let now = Millis(1_000_000);
        let old = storage.put(file("old", 60, true), now, 100).unwrap();
        assert_eq!(storage.put(file("kept", 60, false), now, 100).unwrap_err().status, 403);
        assert!(storage.get(&old.id, "old", now).is_some());
        let new = storage.put(file("new", 60, true), now, 100).unwrap();
        assert!(storage.get(&old.id, "old", now).is_none(), "made room");
        assert_eq!(storage.put(file("vast", 101, true), now, 100).unwrap_err().status, 403);
        assert!(storage.get(&new.id, "new", now.plus(LIFE)).is_none(), "72 hours are over");
    }
}

//! The uploads in parts that are under way in a bucket, `multipart.jsonl` in the run folder: a bucket
//! keeps, and bills, the parts of one that nobody ends.
//!
//! An upload is noted durably before it is asked for, and by its id as soon as that is known. So the
//! next run ends what a killed one left; where the id never came, the bucket is asked for it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{folder_of, private, sync_folder};

/// What the file is called.
const NAME: &str = "multipart.jsonl";

/// An upload that is under way, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// The bucket at its server.
    pub(super) bucket: String,
    pub(super) object: String,
    /// What the bucket calls it; nothing where nobody knows whether it was begun.
    pub(super) id: Option<String>,
}

/// What is written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// It is about to be asked for.
    Begins { n: u64, bucket: String, object: String },
    /// It was begun.
    Begun { n: u64, id: String },
    /// There is none of it any more.
    Over { n: u64 },
}

/// The uploads of this run, and those that earlier ones left. Its verbs wait for the disk.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
    under_way: BTreeMap<u64, Begun>,
    last: u64,
}

impl Journal {
    /// With what is written in a run folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(run_folder: &Path) -> io::Result<Self> {
        let path = run_folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut journal = Self { path, file: None, under_way: BTreeMap::new(), last: 0 };
        // A line that was cut off was not acted on yet.
        let lines = text.split(|&byte| byte == b'\n');
        lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .for_each(|line| journal.take(line));
        Ok(journal)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Begins { n, bucket, object } => {
                self.last = self.last.max(n);
                self.under_way.insert(n, Begun { bucket, object, id: None });
            }
            Line::Begun { n, id } => {
                if let Some(begun) = self.under_way.get_mut(&n) {
                    begun.id = Some(id);
                }
            }
            Line::Over { n } => drop(self.under_way.remove(&n)),
        }
    }

    /// Those that are not over, by their numbers.
    pub(super) fn under_way(&self) -> Vec<(u64, Begun)> {
        self.under_way.iter().map(|(n, begun)| (*n, begun.clone())).collect()
    }

    /// Notes durably that an upload is about to be asked for; gives its number.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn begins(&mut self, bucket: &str, object: &str) -> io::Result<u64> {
        let n = self.last + 1;
        self.write(Line::Begins { n, bucket: bucket.to_owned(), object: object.to_owned() })?;
        self.file.as_ref().map_or(Ok(()), File::sync_data)?;
        Ok(n)
    }

    /// Notes what the bucket calls it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn begun(&mut self, n: u64, id: &str) -> io::Result<()> {
        self.write(Line::Begun { n, id: id.to_owned() })
    }

    /// Notes that it is over.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn over(&mut self, n: u64) -> io::Result<()> {
        self.write(Line::Over { n })?;
        match &self.file {
            // A crash that loses this brings back what is over, which is found out then.
            Some(file) if self.under_way.is_empty() => file.set_len(0),
            _ => Ok(()),
        }
    }

    fn write(&mut self, line: Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        if self.file.is_none() {
            self.file = Some(self.create()?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&text))?;
        self.take(line);
        Ok(())
    }

    fn create(&self) -> io::Result<File> {
        let there = self.path.exists();
        let mut options: OpenOptions = private();
        let mut file = options.append(true).create(true).open(&self.path)?;
        match there {
            // What was cut off before does not swallow what follows.
            true => file.write_all(b"\n")?,
            false => sync_folder(folder_of(&self.path))?,
        }
        Ok(file)
    }

    /// Drops the file, unless something in it is not over.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if !self.under_way.is_empty() {
            return Ok(());
        }
        self.file = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: &str = "https://s3.example.com/films/";

    fn left(folder: &Path) -> Vec<(u64, Option<String>)> {
        let left = Journal::open(folder).unwrap().under_way();
        left.into_iter().map(|(n, begun)| (n, begun.id)).collect()
    }

    #[test]
    fn what_is_not_over_is_known_to_the_next_run_and_the_file_goes_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        assert!(journal.under_way().is_empty() && !folder.path().join(NAME).exists());
        let (a, b) = (journal.begins(BUCKET, "a").unwrap(), journal.begins(BUCKET, "b").unwrap());
        journal.begun(a, "id-a").unwrap();
        journal.end().unwrap();
        assert_eq!(left(folder.path()), [(a, Some("id-a".to_owned())), (b, None)]);
        drop(journal);
        let mut journal = Journal::open(folder.path()).unwrap();
        let c = journal.begins(BUCKET, "c").unwrap();
        assert!(c > b);
        for n in [a, b] {
            journal.over(n).unwrap();
        }
        assert_eq!(left(folder.path()), [(c, None)]);
        journal.over(c).unwrap();
        assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), b"");
        journal.end().unwrap();
        assert!(!folder.path().join(NAME).exists());
    }

    #[test]
    fn a_line_that_was_cut_off_hides_none_that_follows() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        let a = journal.begins(BUCKET, "a").unwrap();
        drop(journal);
        let path = folder.path().join(NAME);
        let torn = [fs::read(&path).unwrap(), b"{\"begun\":{\"n\":1,\"i".to_vec()].concat();
        fs::write(&path, torn).unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        let b = journal.begins(BUCKET, "b").unwrap();
        assert_eq!(left(folder.path()), [(a, None), (b, None)]);
    }
}

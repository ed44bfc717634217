//! A file that grows beside its place, `NAME.part`, and what is known of it, `NAME.part.json`: a
//! run that is killed leaves both, and the next one goes on from there.
//!
//! Each line of the second tells what the first so many bytes are, with their SHA-256. So nothing
//! has to be synced while it grows: what a crash tore does not fit its sum, and is not used.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{hexadecimal, remove, sync_folder};

/// The ending of a file that is not whole yet.
const PART: &str = "part";
/// What stands after that in the name of the file beside it.
const NOTES: &str = "json";
/// So many bytes are fetched again at most after a kill.
const STEP: u64 = 1 << 20;
/// More than any notes that we write, in bytes.
const MOST_NOTES: u64 = 16 << 20;

/// What bytes are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The SHA-256 of the link: its signature is nobody's business here.
    link: String,
    /// Names the version of the file behind it.
    validator: String,
}

impl Source {
    /// The file behind a link, in the version that the validator names.
    #[must_use]
    pub fn new(link: &str, validator: String) -> Self {
        Self { link: hexadecimal(&Sha256::digest(link)), validator }
    }

    /// Names the version of the file.
    #[must_use]
    pub fn validator(&self) -> &str {
        &self.validator
    }
}

/// What the first bytes of a part are.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    source: Source,
    bytes: u64,
    sha256: String,
}

/// A file that grows beside its place, and is moved there once it is whole.
#[derive(Debug)]
pub struct Part {
    file: File,
    place: PathBuf,
    length: u64,
    digest: Sha256,
    source: Option<Source>,
    /// Of how many bytes there is a note.
    noted: u64,
}

impl Part {
    /// Starts empty, as `NAME.part`; one that an earlier run left is dropped.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn start(place: &Path) -> io::Result<Self> {
        drop_part(place)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(beside(place))?;
        let (place, digest) = (place.to_owned(), Sha256::new());
        Ok(Self { file, place, length: 0, digest, source: None, noted: 0 })
    }

    /// Goes on with what an earlier run left of the file behind this link, if that is what it was.
    /// Reads all of it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn resume(place: &Path, link: &str) -> io::Result<Option<Self>> {
        let Some(note) = last_note(&notes(place))? else { return Ok(None) };
        let source = Source::new(link, note.source.validator.clone());
        let file = OpenOptions::new().read(true).write(true).open(beside(place));
        let file = match file {
            Ok(file) if source == note.source => file,
            _ => return Ok(None),
        };
        let mut digest = Sha256::new();
        let length = io::copy(&mut (&file).take(note.bytes), &mut Summed(&mut digest))?;
        if length != note.bytes || hexadecimal(&digest.clone().finalize()) != note.sha256 {
            return Ok(None);
        }
        file.set_len(length)?;
        let place = place.to_owned();
        Ok(Some(Self { file, place, length, digest, source: Some(source), noted: length }))
    }

    /// How many bytes are there.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What they are of, if that has a name.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        match &self.source {
            Some(source) if self.length >= self.noted + STEP => self.note(source.clone()),
            _ => Ok(()),
        }
    }

    fn note(&mut self, source: Source) -> io::Result<()> {
        let sha256 = hexadecimal(&self.digest.clone().finalize());
        let note = Note { source, bytes: self.length, sha256 };
        let line = serde_json::to_string(&note)? + "\n";
        let mut options = OpenOptions::new();
        options.append(true).create(true).open(notes(&self.place))?.write_all(line.as_bytes())?;
        self.noted = self.length;
        Ok(())
    }

    /// Is empty again, and of this from now on.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn restart(&mut self, source: Option<Source>) -> io::Result<()> {
        remove(&notes(&self.place))?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.length, self.digest) = (0, Sha256::new());
        (self.source, self.noted) = (source, 0);
        Ok(())
    }

    /// To look at what is there.
    pub fn contents(&mut self) -> &mut File {
        &mut self.file
    }

    /// Moves the file to its place, durably; gives its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// When the file system refuses; it is not in its place then.
    pub fn keep(self) -> io::Result<String> {
        self.file.sync_all()?;
        drop(self.file);
        fs::rename(beside(&self.place), &self.place)?;
        remove(&notes(&self.place))?;
        sync_folder(self.place.parent().unwrap_or(Path::new(".")))?;
        Ok(hexadecimal(&self.digest.finalize()))
    }
}

/// The newest note that was written whole.
fn last_note(path: &Path) -> io::Result<Option<Note>> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MOST_NOTES).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(text.rsplit(|&byte| byte == b'\n').find_map(|line| serde_json::from_slice(line).ok()))
}

/// What is written goes into the sum.
struct Summed<'a>(&'a mut Sha256);

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Drops what an earlier run left beside a place, if anything.
///
/// # Errors
/// When the file system refuses.
pub fn drop_part(place: &Path) -> io::Result<()> {
    remove(&beside(place))?;
    remove(&notes(place))
}

/// The place beside which a file lies that is not whole, or its notes; `None` for other files.
#[must_use]
pub fn place_of(path: &Path) -> Option<PathBuf> {
    let path = if path.extension()? == NOTES { path.with_extension("") } else { path.to_owned() };
    (path.extension()? == PART).then(|| path.with_extension(""))
}

fn beside(place: &Path) -> PathBuf {
    with_ending(place, PART)
}

fn notes(place: &Path) -> PathBuf {
    with_ending(&beside(place), NOTES)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::super::sha256;
    use super::*;

    const LINK: &str = "https://example.com/a.mp4?sig=1";

    fn source() -> Option<Source> {
        Some(Source::new(LINK, "\"v1\"".to_owned()))
    }

    /// As a kill leaves it: three notes, and bytes after the last.
    fn left(place: &Path) {
        let mut part = Part::start(place).unwrap();
        part.restart(source()).unwrap();
        for n in 1..=3 {
            part.append(&vec![n; usize::try_from(STEP).unwrap()]).unwrap();
        }
        part.append(b"and more").unwrap();
    }

    #[test]
    fn a_part_is_moved_to_its_place_once_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        fs::write(beside(&place), "left by a run that died").unwrap();
        let mut part = Part::start(&place).unwrap();
        part.append(b"wrong").unwrap();
        part.restart(source()).unwrap();
        part.append(b"he").unwrap();
        part.append(b"llo").unwrap();
        assert_eq!(part.length(), 5);
        assert!(!place.exists());
        let digest = part.keep().unwrap();
        assert!(digest.starts_with("2cf24dba5fb0a30e26e83b2ac5b9e29e"), "{digest}");
        assert_eq!(fs::read(&place).unwrap(), b"hello");
        assert_eq!(sha256(&mut File::open(&place).unwrap()).unwrap(), digest);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_kill_left_goes_on_from_its_last_note() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        left(&place);
        let mut part = Part::resume(&place, LINK).unwrap().unwrap();
        assert_eq!((part.length(), part.source()), (3 * STEP, source().as_ref()));
        part.append(b"the end").unwrap();
        let digest = part.keep().unwrap();
        assert_eq!(fs::metadata(&place).unwrap().len(), 3 * STEP + 7);
        assert_eq!(sha256(&mut File::open(&place).unwrap()).unwrap(), digest);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_what_was_noted_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        let resumed = |link: &str| Part::resume(&place, link).unwrap().map(|part| part.length());
        assert_eq!(resumed(LINK), None, "nothing is there");
        left(&place);
        assert_eq!(resumed("https://example.com/b.mp4?sig=1"), None);
        let known = fs::read_to_string(notes(&place)).unwrap();
        assert!(!known.contains("sig=1"), "{known}");
        fs::write(notes(&place), &known[..known.len() - 20]).unwrap();
        assert_eq!(resumed(LINK), Some(2 * STEP), "the last note was cut off");
        let mut bytes = fs::read(beside(&place)).unwrap();
        bytes[100] ^= 1;
        fs::write(beside(&place), &bytes).unwrap();
        assert_eq!(resumed(LINK), None, "a bit was changed");
        fs::write(beside(&place), "").unwrap();
        assert_eq!(resumed(LINK), None, "a crash took the bytes");
    }

    #[test]
    fn parts_and_notes_are_told_by_their_names() {
        let place = |name| place_of(Path::new(name)).map(|place| place.display().to_string());
        assert_eq!(place("v/a.b.mp4.part"), Some("v/a.b.mp4".to_owned()));
        assert_eq!(place("v/a.b.mp4.part.json"), Some("v/a.b.mp4".to_owned()));
        assert_eq!([place("a.mp4"), place("a.json"), place("a")], [None, None, None]);
    }
}

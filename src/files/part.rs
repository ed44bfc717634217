//! A file that grows beside its place, `NAME.part`, with notes of what it is: a run that is killed
//! leaves both, and the next one goes on from there.
//!
//! Each note tells what the first so many bytes are, with their SHA-256. So nothing has to be
//! synced while it grows: what a crash tore does not fit its sum, and is not used. The notes stay
//! until it is recorded that the file is in its place, and prove until then that it is ours.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::aside::Aside;
use super::moved::move_new;
use super::notes::{Left, Origin, PartNote, beside, drop_part, left, notes, open, there};
use super::{hexadecimal, remove, sha256, sync_folder};

/// So many bytes are fetched again at most after a kill.
const STEP: u64 = 1 << 20;

/// A file that grows beside its place, and is moved there once it is whole.
#[derive(Debug)]
pub struct Part {
    file: File,
    notes: File,
    place: PathBuf,
    origin: Origin,
    length: u64,
    digest: Sha256,
    /// Names the version of the file behind the link, if anything does.
    validator: Option<String>,
    /// Of how many bytes there is a note.
    noted: u64,
    whole: bool,
}

impl Part {
    /// Starts empty, as `NAME.part`; one that the same task left is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if somebody else has a file of that name; or when the file
    /// system refuses.
    pub fn start(place: &Path, origin: &Origin) -> io::Result<Self> {
        match left(place, origin)? {
            Left::Nothing => {}
            Left::Ours(_) => drop_part(place, origin)?,
            Left::Foreign(path) => return Err(in_the_way(&path)),
        }
        let mut new = OpenOptions::new();
        let mut notes_file = new.append(true).create_new(true).open(notes(place))?;
        let digest = Sha256::new();
        let made = PartNote::new(origin, None, &digest).write(&mut notes_file).and_then(|()| {
            notes_file.sync_data()?;
            // A part without its notes is nobody's: their name has to be there first.
            sync_folder(place.parent().unwrap_or(Path::new(".")))?;
            let mut new = OpenOptions::new();
            new.read(true).write(true).create_new(true).open(beside(place))
        });
        let file = made.inspect_err(|_| drop(remove(&notes(place))))?;
        Ok(Self {
            file,
            notes: notes_file,
            place: place.to_owned(),
            origin: origin.clone(),
            length: 0,
            digest,
            validator: None,
            noted: 0,
            whole: false,
        })
    }

    /// Goes on with what an earlier run left of the file behind this link, if that is what it was.
    /// Reads all of it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn resume(place: &Path, origin: &Origin) -> io::Result<Option<Self>> {
        let note = match left(place, origin)? {
            Left::Ours(note) if note.is_of(origin) && note.bytes > 0 => note,
            _ => return Ok(None),
        };
        if there(&beside(place))?.is_none_or(|found| has_other_names(&found)) {
            return Ok(None);
        }
        let file = open(OpenOptions::new().read(true).write(true), &beside(place))?;
        let mut digest = Sha256::new();
        let length = io::copy(&mut (&file).take(note.bytes), &mut Summed(&mut digest))?;
        if length != note.bytes || hexadecimal(&digest.clone().finalize()) != note.sha256 {
            return Ok(None);
        }
        file.set_len(length)?;
        let notes = open(OpenOptions::new().append(true), &notes(place))?;
        let (place, origin) = (place.to_owned(), origin.clone());
        let PartNote { validator, whole, .. } = note;
        Ok(Some(Self {
            file,
            notes,
            place,
            origin,
            length,
            digest,
            validator,
            noted: length,
            whole,
        }))
    }

    /// How many bytes are there.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What names the version of the file behind the link, if anything does.
    #[must_use]
    pub fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Whether it was whole when it was last tried to be moved to its place.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        if self.validator.is_some() && self.length >= self.noted + STEP {
            self.note()
        } else {
            Ok(())
        }
    }

    fn note(&mut self) -> io::Result<()> {
        let mut note = PartNote::new(&self.origin, self.validator.as_deref(), &self.digest);
        (note.bytes, note.whole) = (self.length, self.whole);
        note.write(&mut self.notes)?;
        self.noted = self.length;
        Ok(())
    }

    /// Is empty again, and of this version from now on.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn restart(&mut self, validator: Option<String>) -> io::Result<()> {
        let began = self.length > 0;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.length, self.digest) = (0, Sha256::new());
        (self.validator, self.whole) = (validator, false);
        self.noted = 0;
        if began { self.note() } else { Ok(()) }
    }

    /// To look at what is there.
    pub fn contents(&mut self) -> &mut File {
        &mut self.file
    }

    /// Moves the file to its place, durably; gives its SHA-256 in hexadecimal. The notes stay, and
    /// have to be dropped once that is recorded. What may be `replaced` there has another name, too.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something is there already: it stays, and so does the
    /// part. Or when the file system refuses; it is not in its place then.
    pub fn keep(mut self, replaced: &[Aside]) -> io::Result<String> {
        self.file.sync_all()?;
        if !self.whole {
            self.whole = true;
            self.note()?;
            self.notes.sync_all()?;
        }
        drop(self.file);
        let beside = beside(&self.place);
        match move_new(&beside, &self.place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !any_covers(replaced, &self.place)? {
                    return Err(in_the_way(&self.place));
                }
                std::fs::rename(&beside, &self.place)?;
            }
            moved => moved?,
        }
        sync_folder(self.place.parent().unwrap_or(Path::new(".")))?;
        Ok(hexadecimal(&self.digest.finalize()))
    }
}

/// The file of a task that was moved to its place, when nobody could record it: opened, with its
/// SHA-256. Nothing else that is there is taken for it.
///
/// # Errors
/// When the file system refuses.
pub fn kept(place: &Path, origin: &Origin) -> io::Result<Option<(File, String)>> {
    let note = match left(place, origin)? {
        Left::Ours(note) if note.whole => note,
        _ => return Ok(None),
    };
    let same = |found: std::fs::Metadata| found.is_file() && found.len() == note.bytes;
    if !there(place)?.is_some_and(same) {
        return Ok(None);
    }
    let mut file = open(OpenOptions::new().read(true), place)?;
    let found = sha256(&mut file)?;
    if found != note.sha256 {
        return Ok(None);
    }
    // The run was killed after the move: its name may not be durable yet.
    sync_folder(place.parent().unwrap_or(Path::new(".")))?;
    Ok(Some((file, found)))
}

fn any_covers(replaced: &[Aside], place: &Path) -> io::Result<bool> {
    for aside in replaced {
        if aside.covers(place)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_the_way(path: &Path) -> io::Error {
    let text =
        format!("{} is there, and is not the video of this pair: move it away", path.display());
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// What is written to one name of a file is in all of them.
fn has_other_names(found: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(found);
    #[cfg(not(unix))]
    let names = u64::from(found.is_file());
    names != 1
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINK: &str = "https://example.com/a.mp4?sig=1";

    fn origin() -> Origin {
        Origin::new("t1", LINK)
    }

    /// As a kill leaves it: three notes, and bytes after the last.
    fn left_by_a_kill(place: &Path) {
        let mut part = Part::start(place, &origin()).unwrap();
        part.restart(Some("\"v1\"".to_owned())).unwrap();
        for n in 1..=3 {
            part.append(&vec![n; usize::try_from(STEP).unwrap()]).unwrap();
        }
        part.append(b"and more").unwrap();
    }

    fn count(folder: &tempfile::TempDir) -> usize {
        fs::read_dir(folder.path()).unwrap().count()
    }

    #[test]
    fn a_part_is_moved_to_its_place_once_it_is_kept_and_known_until_it_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        left_by_a_kill(&place);
        let mut part = Part::start(&place, &origin()).unwrap();
        part.append(b"wrong").unwrap();
        part.restart(None).unwrap();
        part.append(b"he").unwrap();
        part.append(b"llo").unwrap();
        assert_eq!(part.length(), 5);
        assert!(!place.exists() && kept(&place, &origin()).unwrap().is_none());
        let digest = part.keep(&[]).unwrap();
        assert!(digest.starts_with("2cf24dba5fb0a30e26e83b2ac5b9e29e"), "{digest}");
        assert_eq!(fs::read(&place).unwrap(), b"hello");
        assert_eq!(kept(&place, &origin()).unwrap().unwrap().1, digest);
        assert!(kept(&place, &Origin::new("t2", LINK)).unwrap().is_none(), "another task's");
        fs::write(&place, "jello").unwrap();
        assert!(kept(&place, &origin()).unwrap().is_none(), "somebody wrote into it");
        drop_part(&place, &origin()).unwrap();
        assert_eq!(count(&folder), 1);
    }

    #[test]
    fn what_is_in_the_way_stays_and_the_part_too() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        let mut part = Part::start(&place, &origin()).unwrap();
        part.append(b"hello").unwrap();
        fs::write(&place, "theirs").unwrap();
        assert_eq!(part.keep(&[]).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place).unwrap(), b"theirs");
        let again = Part::resume(&place, &origin()).unwrap().unwrap();
        assert!(again.is_whole() && again.length() == 5);
        assert!(again.keep(&[]).is_err());
        fs::remove_file(&place).unwrap();
        Part::resume(&place, &origin()).unwrap().unwrap().keep(&[]).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"hello");
    }

    #[test]
    fn what_a_kill_left_goes_on_from_its_last_note() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        left_by_a_kill(&place);
        let mut part = Part::resume(&place, &origin()).unwrap().unwrap();
        assert_eq!((part.length(), part.validator()), (3 * STEP, Some("\"v1\"")));
        assert!(!part.is_whole());
        part.append(b"the end").unwrap();
        let digest = part.keep(&[]).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().len(), 3 * STEP + 7);
        assert_eq!(sha256(&mut File::open(&place).unwrap()).unwrap(), digest);
    }

    #[test]
    fn what_is_not_what_was_noted_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        let resumed = |link: &str| {
            let origin = Origin::new("t1", link);
            Part::resume(&place, &origin).unwrap().map(|part| part.length())
        };
        assert_eq!(resumed(LINK), None, "nothing is there");
        left_by_a_kill(&place);
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
    fn what_is_somebody_elses_is_neither_gone_on_with_nor_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        fs::write(beside(&place), "theirs").unwrap();
        assert!(Part::resume(&place, &origin()).unwrap().is_none());
        let refused = Part::start(&place, &origin()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        drop_part(&place, &origin()).unwrap();
        assert_eq!(fs::read(beside(&place)).unwrap(), b"theirs");
        assert_eq!(count(&folder), 1);
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_through_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        left_by_a_kill(&place);
        let other = folder.path().join("copy");
        fs::hard_link(beside(&place), &other).unwrap();
        let before = fs::read(&other).unwrap();
        assert!(Part::resume(&place, &origin()).unwrap().is_none());
        Part::start(&place, &origin()).unwrap().append(b"anew").unwrap();
        assert!(fs::read(&other).unwrap() == before);
    }
}

//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

mod local;

pub use self::local::{Local, LocalError, find};

/// Writes a file beside its place, makes it durable and moves it there, so that nobody ever sees
/// half of it, whatever happens.
///
/// # Errors
/// When the file system refuses, or `fill` fails; what was there before is still there then.
pub fn write_whole<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    let beside = filled(path, fill)?;
    beside.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))?;
    Ok(())
}

/// The same where nothing is yet: whatever is there stays.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something is there; or when the file system refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = filled(path, |file| file.write_all(bytes))?;
    beside.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// A file beside its place, whole and durable.
fn filled<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<tempfile::NamedTempFile, E> {
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let beside = beside.prefix(".callsheet-").tempfile_in(folder_of(path))?;
    let mut writer = BufWriter::new(beside.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    beside.as_file().sync_all()?;
    Ok(beside)
}

/// The folder of a file; a bare name is in this one.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and renames are durable by other means.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The ending of a file that is not whole yet.
pub const PART: &str = "part";

/// A file that grows beside its place, and is moved there once it is whole.
#[derive(Debug)]
pub struct Part {
    file: File,
    beside: PathBuf,
    place: PathBuf,
    length: u64,
    digest: Sha256,
}

impl Part {
    /// Starts empty, as `NAME.part`; one that an earlier run left is dropped.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn start(place: &Path) -> io::Result<Self> {
        let beside = beside(place);
        remove(&beside)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&beside)?;
        let place = place.to_owned();
        Ok(Self { file, beside, place, length: 0, digest: Sha256::new() })
    }

    /// How many bytes are there.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Is empty again.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.length, self.digest) = (0, Sha256::new());
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
        fs::rename(&self.beside, &self.place)?;
        sync_folder(self.place.parent().unwrap_or(Path::new(".")))?;
        Ok(hexadecimal(&self.digest.finalize()))
    }
}

/// Drops what an earlier run left beside a place, if anything.
///
/// # Errors
/// When the file system refuses.
pub fn drop_part(place: &Path) -> io::Result<()> {
    remove(&beside(place))
}

fn beside(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".");
    name.push(PART);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(file: &mut File) -> io::Result<String> {
    let mut digest = Sha256::new();
    file.seek(SeekFrom::Start(0))?;
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            read => digest.update(&block[..read]),
        }
    }
}

/// Each byte as two digits, in lower case.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_failure_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_whole::<io::Error>(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_whole::<io::Error>(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        write_new(&path, b"first").unwrap();
        let again = write_new(&path, b"second").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(folder_of(Path::new("a.yaml")), Path::new("."));
    }

    #[test]
    fn a_part_is_moved_to_its_place_once_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        fs::write(beside(&place), "left by a run that died").unwrap();
        let mut part = Part::start(&place).unwrap();
        part.append(b"wrong").unwrap();
        part.restart().unwrap();
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
}

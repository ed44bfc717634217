//! Files that appear whole or not at all.

mod local;
mod part;
mod space;
mod tables;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::local::{Local, LocalError, find};
pub use self::part::{Part, Source, drop_part, place_of};
pub use self::space::free;
pub use self::tables::Tables;

/// What the names of files begin with that are not in their place yet.
const BESIDE: &str = ".callsheet-";
/// Nobody takes longer to write one: what is older was left by a process that was killed.
const LEFT: Duration = Duration::from_secs(60);

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
    let beside = beside.prefix(BESIDE).tempfile_in(folder_of(path))?;
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

/// Writes a small file whole or not at all, but durably only in the course of time: for what is
/// worth nothing after a crash.
///
/// # Errors
/// When the file system refuses.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!("{BESIDE}{name}"));
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

/// Drops what processes that were killed left beside the files of a folder. Others may be writing
/// there now.
///
/// # Errors
/// When the file system refuses.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let old = metadata.modified()?.elapsed().is_ok_and(|age| age > LEFT);
        let ours = entry.file_name().to_string_lossy().starts_with(BESIDE);
        if ours && old && metadata.is_file() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and renames are durable by other means.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
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
    fn only_what_the_dead_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, age: u64| {
            let file = File::create(folder.path().join(name)).unwrap();
            let then = std::time::SystemTime::now() - Duration::from_secs(age);
            file.set_modified(then).unwrap();
        };
        make(".callsheet-old", 3600);
        make(".callsheet-new", 0);
        make("tasks.csv", 3600);
        fs::create_dir(folder.path().join(".callsheet-folder")).unwrap();
        sweep(folder.path()).unwrap();
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, [".callsheet-folder", ".callsheet-new", "tasks.csv"]);
    }
}

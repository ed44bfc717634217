//! Files that appear whole or not at all.

mod aside;
mod folder;
mod identity;
mod local;
mod moved;
mod near;
mod network;
mod notes;
mod part;
mod space;
mod tables;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::aside::{Aside, Content};
pub use self::folder::{make_folder, make_private_folder};
pub use self::identity::Identity;
pub use self::local::{Local, LocalError, find};
pub use self::network::{file_system, network_disk};
pub use self::notes::{Origin, drop_part, names_of, place_of};
pub use self::part::{Part, kept};
pub use self::space::free;
pub use self::tables::Tables;

/// What the names of files begin with that are not in their place yet.
const BESIDE: &str = ".callsheet-";
/// Nobody takes longer to write one: what is older was left by a process that was killed.
const LEFT: Duration = Duration::from_secs(60);

/// Who may read a file that is made. One that is there stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody else: signed links are in it.
    Owner,
    /// Whom the umask lets.
    Others,
}

/// To open a file that nobody else is to read, if it is made.
#[must_use]
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file that nobody else is to read, unless something is there.
///
/// # Errors
/// When the file system refuses.
pub fn make_private(path: &Path) -> io::Result<()> {
    match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Writes a file beside its place, makes it durable and moves it there, so that nobody ever sees
/// half of it, whatever happens. Nobody else may read it, unless they could read the one before.
///
/// # Errors
/// When the file system refuses, or `fill` fails; what was there before is still there then.
pub fn write_whole<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    let beside = filled(path, Readers::Owner, fill)?;
    keep_readers(path, beside.as_file())?;
    beside.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))?;
    Ok(())
}

/// The same where nothing is yet: whatever is there stays.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something is there; or when the file system refuses.
pub fn write_new(path: &Path, readers: Readers, bytes: &[u8]) -> io::Result<()> {
    fill_new(path, readers, |file| file.write_all(bytes))
}

/// The same of what is too long to be held.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something is there; or when the file system refuses, or `fill`
/// fails.
pub fn fill_new(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = filled(path, readers, fill)?;
    beside.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// Has a file made beside its place by whoever is given its path, makes it durable and moves it
/// there. Only its owner can read it.
///
/// # Errors
/// When the file system refuses, or `make` fails; what was there before is still there then.
pub fn write_private(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder_of(path))?;
    make(beside.path())?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// A file beside its place, whole and durable.
fn filled<E: From<io::Error>>(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<tempfile::NamedTempFile, E> {
    let mut beside = tempfile::Builder::new();
    match readers {
        // As it makes them.
        Readers::Owner => {}
        #[cfg(unix)]
        Readers::Others => {
            beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        #[cfg(not(unix))]
        Readers::Others => {}
    }
    let beside = beside.prefix(BESIDE).tempfile_in(folder_of(path))?;
    let mut writer = BufWriter::new(beside.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    beside.as_file().sync_all()?;
    Ok(beside)
}

/// Lets those read the new file who could read the old one.
fn keep_readers(path: &Path, new: &File) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(old) if cfg!(unix) => new.set_permissions(old.permissions()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
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
    private().write(true).create(true).truncate(true).open(&beside)?.write_all(bytes)?;
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
///
/// # Errors
/// When the file system refuses.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
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
        write_new(&path, Readers::Others, b"first").unwrap();
        let again = write_new(&path, Readers::Owner, b"second").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(folder_of(Path::new("a.yaml")), Path::new("."));
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_reads_a_file_unless_they_could_before() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let write = || write_whole::<io::Error>(&path, |file| file.write_all(b"a link")).unwrap();
        write();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        write();
        assert_eq!(mode(), 0o664);
        make_private(&path).unwrap();
        assert_eq!((mode(), fs::read(&path).unwrap()), (0o664, b"a link".to_vec()));
        for (readers, most) in [(Readers::Owner, 0o600), (Readers::Others, 0o666)] {
            fs::remove_file(&path).unwrap();
            write_new(&path, readers, b"").unwrap();
            assert_eq!(mode() & !most, 0);
        }
        assert!(mode() & 0o040 > 0 || umask_hides(), "others may read a manifest");
    }

    /// Whether files that anybody makes here are for themselves alone.
    #[cfg(unix)]
    fn umask_hides() -> bool {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "").unwrap();
        fs::metadata(&path).unwrap().permissions().mode() & 0o040 == 0
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

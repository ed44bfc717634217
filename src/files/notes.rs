//! What is known of a file that grows, `NAME.part.json` beside `NAME.part`: whose it is, and what
//! its first so many bytes are, with their SHA-256.
//!
//! It is written before the file itself and goes last, so that no file of somebody else's is ever
//! taken for ours. Lines are only ever added: a kill leaves at most the last of them cut.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{hexadecimal, remove};

/// The ending of a file that is not whole yet.
pub(super) const PART: &str = "part";
/// What stands after that in the name of the file beside it.
const NOTES: &str = "json";
/// More than any notes that we write, in bytes.
const MOST_NOTES: u64 = 16 << 20;

/// What a file is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The task that made it.
    task: String,
    /// The SHA-256 of the link: its signature is nobody's business here.
    link: String,
}

impl Origin {
    /// The file that a task made, behind a link.
    #[must_use]
    pub fn new(task: &str, link: &str) -> Self {
        Self { task: task.to_owned(), link: hexadecimal(&Sha256::digest(link)) }
    }
}

/// What the first bytes of a file are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartNote {
    /// Releases before this was written knew files by their links.
    task: Option<String>,
    link: String,
    /// Names the version of the file behind the link, if anything does.
    pub(super) validator: Option<String>,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Whether that is all of it.
    #[serde(default)]
    pub(super) whole: bool,
}

impl PartNote {
    pub(super) fn new(origin: &Origin, validator: Option<&str>, digest: &Sha256) -> Self {
        Self {
            task: Some(origin.task.clone()),
            link: origin.link.clone(),
            validator: validator.map(str::to_owned),
            bytes: 0,
            sha256: hexadecimal(&digest.clone().finalize()),
            whole: false,
        }
    }

    /// Whether it is of a file that the same task made.
    fn is_ours(&self, origin: &Origin) -> bool {
        match &self.task {
            Some(task) => *task == origin.task,
            None => self.link == origin.link,
        }
    }

    /// Whether it is of the very file behind the link.
    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        self.is_ours(origin) && self.link == origin.link
    }

    pub(super) fn write(&self, to: &mut File) -> io::Result<()> {
        to.write_all((serde_json::to_string(self)? + "\n").as_bytes())
    }
}

/// What lies beside the place of a file.
#[derive(Debug)]
pub(super) enum Left {
    Nothing,
    /// What a task of ours left, with its newest note.
    Ours(PartNote),
    /// Somebody else's.
    Foreign(PathBuf),
}

/// Looks at what lies beside a place.
pub(super) fn left(place: &Path, origin: &Origin) -> io::Result<Left> {
    let (part, notes) = (beside(place), notes(place));
    let there = (there(&part)?, there(&notes)?);
    Ok(match there {
        (None, None) => Left::Nothing,
        (Some(found), _) if !found.is_file() => Left::Foreign(part),
        (_, Some(found)) if !found.is_file() => Left::Foreign(notes),
        (Some(_), None) => Left::Foreign(part),
        // Cut off before anything was written.
        (None, Some(found)) if found.len() == 0 => {
            remove(&notes)?;
            Left::Nothing
        }
        (_, Some(_)) => match last_note(&notes)? {
            Some(note) if note.is_ours(origin) => Left::Ours(note),
            _ => Left::Foreign(notes),
        },
    })
}

/// What is at a place, a link itself and not what it leads to; nothing if nothing is.
pub(super) fn there(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest note that was written whole.
fn last_note(path: &Path) -> io::Result<Option<PartNote>> {
    let mut text = Vec::new();
    open(OpenOptions::new().read(true), path)?.take(MOST_NOTES).read_to_end(&mut text)?;
    Ok(text.rsplit(|&byte| byte == b'\n').find_map(|line| serde_json::from_slice(line).ok()))
}

/// Opens a file, and never what a link leads to.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// Drops what lies beside a place, if this task left it.
///
/// # Errors
/// When the file system refuses.
pub fn drop_part(place: &Path, origin: &Origin) -> io::Result<()> {
    if let Left::Ours(_) = left(place, origin)? {
        remove(&beside(place))?;
        remove(&notes(place))?;
    }
    Ok(())
}

/// The place beside which a file lies that is not whole, or its notes; `None` for other files.
#[must_use]
pub fn place_of(path: &Path) -> Option<PathBuf> {
    let path = if path.extension()? == NOTES { path.with_extension("") } else { path.to_owned() };
    (path.extension()? == PART).then(|| path.with_extension(""))
}

/// The names that a file of this name takes while it grows.
#[must_use]
pub fn names_of(name: &str) -> [String; 3] {
    [name.to_owned(), format!("{name}.{PART}"), format!("{name}.{PART}.{NOTES}")]
}

pub(super) fn beside(place: &Path) -> PathBuf {
    with_ending(place, PART)
}

pub(super) fn notes(place: &Path) -> PathBuf {
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
    use super::*;

    #[test]
    fn parts_and_notes_are_told_by_their_names() {
        let place = |name| place_of(Path::new(name)).map(|place| place.display().to_string());
        assert_eq!(place("v/a.b.mp4.part"), Some("v/a.b.mp4".to_owned()));
        assert_eq!(place("v/a.b.mp4.part.json"), Some("v/a.b.mp4".to_owned()));
        assert_eq!([place("a.mp4"), place("a.json"), place("a")], [None, None, None]);
        assert_eq!(names_of("a.mp4"), ["a.mp4", "a.mp4.part", "a.mp4.part.json"]);
    }

    #[test]
    fn what_a_task_left_is_its_own_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        let ours = Origin::new("t1", "https://v/a?sig=1");
        let found = |origin: &Origin| match left(&place, origin).unwrap() {
            Left::Nothing => "nothing".to_owned(),
            Left::Ours(note) => format!("{} bytes", note.bytes),
            Left::Foreign(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
        };
        assert_eq!(found(&ours), "nothing");
        fs::write(notes(&place), "").unwrap();
        assert_eq!(found(&ours), "nothing", "it was cut off before it began");
        assert!(!notes(&place).exists());
        let mut note = PartNote::new(&ours, None, &Sha256::new());
        note.write(&mut File::create(notes(&place)).unwrap()).unwrap();
        assert_eq!(found(&ours), "0 bytes");
        assert_eq!(found(&Origin::new("t1", "https://v/b")), "0 bytes", "the link was renewed");
        assert_eq!(found(&Origin::new("t2", "https://v/a?sig=1")), "a.mp4.part.json");
        drop_part(&place, &Origin::new("t2", "https://v/a?sig=1")).unwrap();
        assert!(notes(&place).exists());
        note.task = None;
        note.write(&mut File::create(notes(&place)).unwrap()).unwrap();
        assert_eq!(found(&ours), "0 bytes", "of an older release");
        assert_eq!(found(&Origin::new("t1", "https://v/b")), "a.mp4.part.json");
        fs::write(beside(&place), "theirs").unwrap();
        fs::remove_file(notes(&place)).unwrap();
        assert_eq!(found(&ours), "a.mp4.part");
        fs::write(notes(&place), "no notes").unwrap();
        assert_eq!(found(&ours), "a.mp4.part.json");
    }

    #[test]
    #[cfg(unix)]
    fn links_are_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let (place, ours) = (folder.path().join("a.mp4"), Origin::new("t1", "https://v/a"));
        let other = folder.path().join("diary");
        fs::write(&other, "dear diary").unwrap();
        for at in [beside(&place), notes(&place)] {
            std::os::unix::fs::symlink(&other, &at).unwrap();
            assert!(matches!(left(&place, &ours).unwrap(), Left::Foreign(path) if path == at));
            fs::remove_file(at).unwrap();
        }
    }
}

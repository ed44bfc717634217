//! Files beside a manifest: found without leaving its folder.
//!
//! A manifest may come from somebody else, and its files are uploaded to where everyone can fetch
//! them. So nothing outside the manifest's folder can be named, also not through a link.

use std::borrow::Cow;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::near::{Near, near};

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Where, without links.
    pub path: PathBuf,
    /// In bytes.
    pub length: u64,
    /// Changes when its content does: its length, when it was last written and, on Unix, when
    /// anything of it was last changed, which no program can set back.
    pub version: String,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Nothing of that name.
    #[error("there is no such file")]
    Missing,
    /// Nothing of that name, but of one like it, which follows.
    #[error("there is no such file")]
    Near(String),
    /// Nothing of that name, which is written as Windows does.
    #[error("there is no such file")]
    Backslashes,
    /// Something else than a file.
    #[error("this is {0}, not a file")]
    NoFile(&'static str),
    /// It is not below the manifest's folder.
    #[error("it lies outside the manifest's folder")]
    Outside,
    /// The system refused.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
}

impl LocalError {
    /// For programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Near(_) | Self::Backslashes => "file_missing",
            Self::NoFile(_) => "not_a_file",
            Self::Outside => "file_outside",
            Self::Unreadable(_) => "file_unreadable",
        }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Near(path) => return format!("did you mean {path}?").into(),
            Self::Missing => {
                "paths are relative to the manifest; if a URL is meant, it starts with https://"
            }
            Self::Backslashes => {
                "on this system `/` stands between folders, and there are no drives: \
                 write the path from the manifest's folder on"
            }
            Self::NoFile(_) => "name the file itself",
            Self::Outside => "put it into the manifest's folder, or below it; a link does not do",
            Self::Unreadable(_) => "is it yours to read?",
        })
    }
}

impl From<io::Error> for LocalError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

/// Finds a file by its path relative to a manifest.
///
/// # Errors
/// When it is not there, not a file, or not inside the manifest's folder.
pub fn find(manifest: &Path, path: &str) -> Result<Local, LocalError> {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
    let path = match fs::canonicalize(folder.join(path)).map_err(LocalError::from) {
        Err(LocalError::Missing) => fs::canonicalize(otherwise(&folder, path)?)?,
        found => found?,
    };
    if !path.starts_with(&folder) {
        return Err(LocalError::Outside);
    }
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(LocalError::NoFile(what));
    }
    let version = version(&metadata);
    Ok(Local { path, length: metadata.len(), version })
}

/// The file that is meant, where the name is the same in another Unicode form.
fn otherwise(folder: &Path, path: &str) -> Result<PathBuf, LocalError> {
    match near(folder, path) {
        Some(Near::Same(path)) => Ok(path),
        Some(Near::Like(path)) => Err(LocalError::Near(path)),
        None if cfg!(unix) && path.contains('\\') => Err(LocalError::Backslashes),
        None => Err(LocalError::Missing),
    }
}

fn version(metadata: &Metadata) -> String {
    let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let version = format!("{}-{}", metadata.len(), written.unwrap_or_default().as_nanos());
    #[cfg(unix)]
    let version = {
        use std::os::unix::fs::MetadataExt;
        format!("{version}-{}.{:09}-{}", metadata.ctime(), metadata.ctime_nsec(), metadata.ino())
    };
    version
}

impl Local {
    /// The digest of its bytes, in lower-case hexadecimal.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sha256(&self) -> Result<String, LocalError> {
        Ok(super::sha256(&mut File::open(&self.path)?)?)
    }

    /// Its bytes, if it has no more than `most`.
    ///
    /// # Errors
    /// When the system refuses, or it has more by now.
    pub fn read(&self, most: u64) -> Result<Vec<u8>, LocalError> {
        let expected = usize::try_from(self.length.min(most)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(expected + 1);
        File::open(&self.path)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let grown = io::Error::new(io::ErrorKind::FileTooLarge, "it is too large");
            return Err(LocalError::Unreadable(grown));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_the_folder_are_found() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("batch");
        fs::create_dir_all(folder.join("faces")).unwrap();
        fs::write(folder.join("faces/anna.jpg"), "jpeg").unwrap();
        fs::write(outer.path().join("secret"), "key").unwrap();
        let manifest = folder.join("spring.yaml");
        let found = find(&manifest, "./faces/../faces/anna.jpg").unwrap();
        assert_eq!((found.length, found.read(4).unwrap()), (4, b"jpeg".to_vec()));
        assert!(matches!(found.read(3), Err(LocalError::Unreadable(_))));
        let inside = fs::canonicalize(&found.path).unwrap();
        assert!(find(&manifest, inside.to_str().unwrap()).is_ok(), "absolute, but inside");
        let code = |path: &str| find(&manifest, path).map_err(|error| error.code()).unwrap_err();
        assert_eq!(code("faces/ben.jpg"), "file_missing");
        assert_eq!(code("faces/anna.jpg/x"), "file_missing");
        assert_eq!(code("faces"), "not_a_file");
        assert_eq!(code("../secret"), "file_outside");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.join("link.jpg")).unwrap();
            assert_eq!(code("link.jpg"), "file_outside");
            assert_eq!(code("/dev/null"), "file_outside");
        }
    }

    #[test]
    fn a_file_that_is_written_again_has_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("m.yaml");
        fs::write(folder.path().join("a"), "one").unwrap();
        let first = find(&manifest, "a").unwrap();
        assert_eq!(find(&manifest, "a").unwrap(), first);
        fs::write(folder.path().join("a"), "three").unwrap();
        assert_ne!(find(&manifest, "a").unwrap().version, first.version);
    }
}

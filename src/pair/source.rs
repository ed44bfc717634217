//! Where a portrait or a recording comes from: the web, or this machine.

use std::borrow::Cow;
use std::fmt;

use super::url::MediaUrl;

/// Which of the two media of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The portrait.
    Image,
    /// The recording.
    Audio,
}

impl Role {
    /// Both, in the order in which people read them.
    pub const BOTH: [Self; 2] = [Self::Image, Self::Audio];

    /// As in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }

    /// The field of the request.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Image => "image_url",
            Self::Audio => "audio_url",
        }
    }
}

/// Where a medium comes from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A public URL, sent as written.
    Url(MediaUrl),
    /// A file on this machine, uploaded just before its create.
    File(LocalFile),
}

/// A file beside the manifest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalFile {
    /// As written, relative to the manifest's folder.
    pub path: String,
    /// The digest of its bytes, once it was read, in lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// Marks a file in a request as it is listed. Never sent.
const SCHEME: &str = "file:";
const DIGEST: &str = "#sha256=";

impl Source {
    /// The URL or path, as the manifest has it: with its query, so never for a screen or a log.
    #[must_use]
    pub fn as_written(&self) -> &str {
        match self {
            Self::Url(url) => url.as_written(),
            Self::File(file) => &file.path,
        }
    }

    /// As it stands in the request that the ledger lists: a file with its digest, so that a request
    /// is another one when the file's content is.
    #[must_use]
    pub fn listed(&self) -> String {
        match self {
            Self::Url(url) => url.as_written().to_owned(),
            Self::File(LocalFile { path, sha256: None }) => format!("{SCHEME}{path}"),
            Self::File(LocalFile { path, sha256: Some(sha256) }) => {
                format!("{SCHEME}{path}{DIGEST}{sha256}")
            }
        }
    }
}

impl Source {
    /// The same, without a copy of a URL.
    pub(super) fn listed_text(&self) -> Cow<'_, str> {
        match self {
            Self::Url(url) => url.as_written().into(),
            Self::File(_) => self.listed().into(),
        }
    }
}

impl LocalFile {
    /// A file that was not read yet.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), sha256: None }
    }

    /// Out of what [`Source::listed`] gave; nothing for a URL.
    #[must_use]
    pub fn of_listed(listed: &str) -> Option<Self> {
        let text = listed.strip_prefix(SCHEME)?;
        Some(match text.rsplit_once(DIGEST) {
            Some((path, sha256)) => Self { path: path.to_owned(), sha256: Some(sha256.to_owned()) },
            None => Self::new(text),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(file) => f.write_str(&file.path),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for LocalFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_from_what_is_listed() {
        let read = LocalFile { path: "a#sha256=b.jpg".to_owned(), sha256: Some("0f".repeat(32)) };
        for file in [LocalFile::new("voices/anna 1.wav"), read] {
            let listed = Source::File(file.clone()).listed();
            assert_eq!(LocalFile::of_listed(&listed), Some(file), "{listed}");
        }
        assert_eq!(LocalFile::of_listed("https://example.com/file:a#sha256=b"), None);
    }
}

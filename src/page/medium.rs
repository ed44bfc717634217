//! Portraits, recordings and videos as a page names them.

use std::path::Path;

use super::escape::href;
use crate::pair::{LocalFile, without_query};
use crate::state::State;
use crate::view::Row;

/// A portrait or a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Medium {
    /// Somewhere else, without what signs its link: only to be followed by hand.
    Remote(String),
    /// A link to a file of this machine.
    Local(String),
}

impl Medium {
    /// Of what the ledger lists; `media` leads from the run folder to where local files are named from.
    pub(super) fn of(listed: &str, media: &str) -> Self {
        match LocalFile::of_listed(listed) {
            Some(file) if Path::new(&file.path).is_absolute() => Self::Local(href(&file.path)),
            Some(file) => Self::Local(format!("{media}{}", href(&file.path))),
            None => Self::Remote(without_query(listed)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Remote(link) | Self::Local(link) => link,
        }
    }

    /// The folder, which many have in common, and the name in it.
    pub(super) fn split(&self) -> (&str, &str) {
        let link = self.as_str();
        let path = link.split_once("?…").map_or(link, |(path, _)| path);
        link.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
    }

    /// Where it can be followed to: a link that has lost its signature leads nowhere.
    pub(super) fn link(&self) -> Option<&str> {
        let is_link = |link: &str| link.starts_with("https://") || link.starts_with("http://");
        match self {
            Self::Local(link) => Some(link),
            Self::Remote(link) => {
                Some(&**link).filter(|link| is_link(link) && !link.ends_with('…'))
            }
        }
    }
}

/// Where the video is, as long as it is there.
pub(super) fn video(row: &Row) -> Option<&str> {
    row.video_path.as_deref().filter(|_| row.state == State::Saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_elsewhere_is_told_from_files_and_loses_its_signature() {
        let signed = Medium::of("https://e.com/p/a.jpg?sig=/secret", "../");
        assert_eq!(signed.split(), ("https://e.com/p/", "a.jpg?…"));
        assert_eq!(signed.link(), None);
        let plain = Medium::of("https://e.com/p/a.jpg", "../");
        assert_eq!(plain.link(), Some("https://e.com/p/a.jpg"));
        let local = Medium::of("file:my faces/a.jpg#sha256=00ff", "../");
        assert_eq!(local.split(), ("../my%20faces/", "a.jpg"));
        assert_eq!(local.link(), Some("../my%20faces/a.jpg"));
        assert_eq!(Medium::of("javascript:alert(1)", "../").link(), None);
    }
}

//! Files whose names were typed a little differently from what the disk has.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::pair::{folded, is_hidden, nfc};

/// Entries of a folder that are compared; in a larger one a name is not searched for.
const MOST_COMPARED: usize = 20_000;

/// A file that is not there under the name that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Near {
    /// The same name in another Unicode form, as macOS writes it: the file that is meant.
    Same(PathBuf),
    /// One that may be meant: its path in the folder.
    Like(String),
}

/// What of a path below a folder is there, step by step.
pub(super) fn near(folder: &Path, path: &str) -> Option<Near> {
    let mut found = folder.to_owned();
    let mut same = true;
    for part in Path::new(path).components() {
        let name = match part {
            Component::CurDir => continue,
            Component::Normal(name) => name.to_str()?,
            // What leads out of the folder is nothing to search for.
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        };
        if found.join(name).exists() {
            found.push(name);
            continue;
        }
        let (there, is_same) = best(&found, name)?;
        same &= is_same;
        found.push(there);
    }
    if same {
        return Some(Near::Same(found));
    }
    let shown = found.strip_prefix(folder).ok()?.to_str()?.to_owned();
    Some(Near::Like(shown))
}

/// The entry of a folder with this name in another form, or else the one most like it.
fn best(folder: &Path, name: &str) -> Option<(String, bool)> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.take(MOST_COMPARED + 1).collect();
    if names.len() > MOST_COMPARED {
        return None;
    }
    if let Some(same) = names.iter().find(|there| nfc(there) == nfc(name)) {
        return Some((same.clone(), true));
    }
    let wanted = plain(name);
    let distance = |there: &str| strsim::damerau_levenshtein(&plain(there), &wanted);
    let near = names.into_iter().map(|there| (distance(&there), there)).min()?;
    (near.0 <= wanted.chars().count().div_ceil(6)).then_some((near.1, false))
}

/// Without case, what is not seen, and the many kinds of spaces.
fn plain(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_hidden(*c));
    folded(&seen.map(|c| if c.is_whitespace() { ' ' } else { c }).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_other_form_and_suggested_when_they_are_only_alike() {
        let folder = tempfile::tempdir().unwrap();
        let there = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        there("Mu\u{308}ller/か\u{3099}.wav");
        there("Anna/portrait.jpg");
        there("Bild\u{202f}1.png");
        let near = |path: &str| near(folder.path(), path);
        let real = folder.path().join("Mu\u{308}ller/か\u{3099}.wav");
        assert_eq!(near("M\u{fc}ller/\u{304c}.wav"), Some(Near::Same(real.clone())));
        assert_eq!(near("./M\u{fc}ller/か\u{3099}.wav"), Some(Near::Same(real)));
        let like = |path: &str| match near(path) {
            Some(Near::Like(path)) => path,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(like("anna/Portrait.JPG"), "Anna/portrait.jpg");
        assert_eq!(like("Anna/protrait.jpg"), "Anna/portrait.jpg");
        assert_eq!(like("Bild 1.png"), "Bild\u{202f}1.png");
        for path in ["Anna/ben.jpg", "../x", "/etc/hostnam", "か.wav", "Carl/portrait.jpg"] {
            assert_eq!(near(path), None, "{path}");
        }
    }
}

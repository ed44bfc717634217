//! Folders that are there for good once they are made: a power cut takes no folder with what is in
//! it because nobody wrote its name down.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

use super::{folder_of, sync_folder};

/// Makes a folder, and those above it that are missing.
///
/// # Errors
/// When the file system refuses.
pub fn make_folder(path: &Path) -> io::Result<()> {
    make(path, &DirBuilder::new())
}

/// The same for a folder that nobody else is to look into. One that is there stays as it is.
///
/// # Errors
/// When the file system refuses.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    make(path, &builder)
}

fn make(path: &Path, builder: &DirBuilder) -> io::Result<()> {
    let above = folder_of(path);
    if !above.is_dir() {
        make(above, builder)?;
    }
    match builder.create(path) {
        // Whoever made it may have been killed before its name was durable.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    keep_name(above)
}

/// Makes the names in a folder durable, also where one may add to it and not read it.
fn keep_name(folder: &Path) -> io::Result<()> {
    match sync_folder(folder) {
        #[cfg(unix)]
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::sync();
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_are_made_with_those_above_and_what_is_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        for _ in 0..2 {
            make_folder(&folder).unwrap();
            assert!(folder.is_dir());
        }
        fs::write(folder.join("c"), "a file").unwrap();
        assert_eq!(
            make_folder(&folder.join("c")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert!(make_folder(&folder.join("c/d")).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_looks_into_a_private_folder_that_is_new() {
        use std::os::unix::fs::PermissionsExt;

        let place = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            fs::metadata(place.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        make_private_folder(&place.path().join("new")).unwrap();
        assert_eq!(mode("new"), 0o700);
        fs::create_dir(place.path().join("old")).unwrap();
        fs::set_permissions(place.path().join("old"), fs::Permissions::from_mode(0o755)).unwrap();
        make_private_folder(&place.path().join("old")).unwrap();
        assert_eq!(mode("old"), 0o755);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_cannot_be_read_may_hold_others() {
        use std::os::unix::fs::PermissionsExt;

        let place = tempfile::tempdir().unwrap();
        let closed = place.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o300)).unwrap();
        make_folder(&closed.join("inside")).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(closed.join("inside").is_dir());
    }
}

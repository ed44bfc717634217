//! What is known of media: looks at URLs and files, kept in the run folder so that nothing is
//! fetched twice that has not changed.
//!
//! It is a cache. Nothing depends on it but time: delete it, and everything is looked at again. So
//! what goes wrong with it is logged, and never ends anything.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::files::make_private;
use crate::fitness::Look;
use crate::pair::Role;

/// The name of the file in the run folder.
pub const FILE: &str = "media.sqlite";
/// Another one is dropped and made anew.
const FORMAT: i32 = 2;

const SCHEMA: &str = "CREATE TABLE looks (
    url       TEXT    NOT NULL,  -- or the path of a file
    role      TEXT    NOT NULL,  -- image or audio
    validator TEXT,              -- names the version that was looked at
    session   INTEGER NOT NULL,  -- when the command began that looked
    look      TEXT    NOT NULL,  -- JSON
    PRIMARY KEY (url, role)
) WITHOUT ROWID";

/// The catalogue of one batch.
#[derive(Debug)]
pub struct Catalog {
    path: PathBuf,
    /// Made when there is something to read or to keep.
    connection: OnceCell<Connection>,
    session: i64,
}

/// An earlier look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// What was seen.
    pub look: Look,
    /// Names the version that was looked at: an entity tag, a date, or a file's version.
    pub validator: Option<String>,
    /// Whether it was looked at since this catalogue was opened.
    pub fresh: bool,
}

impl Catalog {
    /// Opens the catalogue of a run folder. It is kept in memory if there is no such folder, or it
    /// cannot be written.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let session = Timestamp::now().as_millisecond();
        Self { path: folder.join(FILE), connection: OnceCell::new(), session }
    }

    /// Where there is room for what is being looked at: the run folder, or else the system's place
    /// for such files.
    #[must_use]
    pub fn place(&self) -> PathBuf {
        let folder = self.path.parent().filter(|folder| folder.is_dir());
        folder.map_or_else(std::env::temp_dir, Path::to_owned)
    }

    /// Keeps on disk what was looked at before there was a run folder.
    pub fn keep(&mut self) {
        let Some(before) = self.connection.take() else { return };
        if before.path().is_some_and(|path| !path.is_empty()) {
            drop(self.connection.set(before));
            return;
        }
        for (url, role, validator, look) in logged(all(&before)).unwrap_or_default() {
            self.insert(&url, &role, validator.as_deref(), &look);
        }
    }

    /// Nothing if there is nothing to read.
    fn readable(&self) -> Option<&Connection> {
        let there = self.connection.get().is_some() || self.path.exists();
        there.then(|| self.writable())
    }

    fn writable(&self) -> &Connection {
        self.connection.get_or_init(|| {
            let folder = self.path.parent().is_some_and(Path::is_dir);
            let connection = if folder { on_disk(&self.path) } else { None };
            connection.unwrap_or_else(in_memory)
        })
    }

    /// Whether nothing was looked at yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM looks)";
        let ask = |connection: &Connection| logged(connection.query_row(sql, (), |row| row.get(0)));
        self.readable().and_then(ask).unwrap_or(true)
    }

    /// What was seen of a medium when it was last looked at.
    #[must_use]
    pub fn get(&self, url: &str, role: Role) -> Option<Earlier> {
        let sql = "SELECT look, validator, session FROM looks WHERE url = ?1 AND role = ?2";
        let row = self.readable()?.prepare_cached(sql).and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| {
                let session: i64 = row.get(2)?;
                Ok((row.get::<_, String>(0)?, row.get(1)?, session == self.session))
            };
            statement.query_row(params![url, role.name()], read).optional()
        });
        let (look, validator, fresh) = logged(row)??;
        Some(Earlier { look: serde_json::from_str(&look).ok()?, validator, fresh })
    }

    /// Keeps a look.
    pub fn put(&self, url: &str, role: Role, validator: Option<&str>, look: &Look) {
        if let Ok(json) = serde_json::to_string(look) {
            self.insert(url, role.name(), validator, &json);
        }
    }

    fn insert(&self, url: &str, role: &str, validator: Option<&str>, look: &str) {
        let sql = "INSERT OR REPLACE INTO looks VALUES (?1, ?2, ?3, ?4, ?5)";
        let put = self.writable().prepare_cached(sql).and_then(|mut statement| {
            statement.execute(params![url, role, validator, self.session, look])
        });
        logged(put);
    }

    /// What was seen of a recording, if it was walked before.
    #[must_use]
    pub fn recording(&self, url: &str) -> Option<Look> {
        Some(self.get(url, Role::Audio)?.look).filter(|look| look.length().is_some())
    }
}

/// A row as it is stored.
type Stored = (String, String, Option<String>, String);

fn all(connection: &Connection) -> rusqlite::Result<Vec<Stored>> {
    let mut statement = connection.prepare("SELECT url, role, validator, look FROM looks")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    statement.query_map((), read)?.collect()
}

fn logged<T>(result: rusqlite::Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%error, "the catalogue of media")).ok()
}

fn on_disk(path: &PathBuf) -> Option<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        // What it cannot make it cannot open either, and says so there.
        let _ = make_private(path);
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What a power cut takes is looked at again.
        connection.pragma_update(None, "synchronous", "OFF")?;
        prepare(&connection)?;
        Ok(connection)
    };
    let again = |_| {
        // Damaged: it is only a cache.
        let _ = std::fs::remove_file(path);
        open()
    };
    logged(open().or_else(again))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == FORMAT {
        return Ok(());
    }
    connection.execute_batch(&format!("DROP TABLE IF EXISTS looks; {SCHEMA};"))?;
    connection.pragma_update(None, "user_version", FORMAT)
}

#[expect(clippy::expect_used, reason = "SQLite in memory needs no file; a test opens one")]
fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().expect("SQLite in memory");
    prepare(&connection).expect("the schema is well-formed");
    connection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::{Content, Facts};

    fn look(millis: u64) -> Look {
        let kind = "MP3".to_owned();
        let content = Content::Sound {
            kind,
            millis: Some(millis),
            claimed: None,
            silent: Some(false),
            cut: false,
        };
        let facts = Facts { bytes: 9, sha256: "00".repeat(32), content };
        Look::here(Ok(facts))
    }

    #[test]
    fn a_look_is_kept_until_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path());
        assert_eq!(catalog.get("u", Role::Audio), None);
        catalog.put("u", Role::Audio, Some("\"v1\""), &look(1500));
        let earlier = catalog.get("u", Role::Audio).unwrap();
        assert!(earlier.fresh);
        assert_eq!(earlier.look, look(1500));
        drop(catalog);
        std::thread::sleep(Duration::from_millis(2));
        let catalog = Catalog::open(folder.path());
        let earlier = catalog.get("u", Role::Audio).unwrap();
        assert_eq!((earlier.fresh, earlier.validator.as_deref()), (false, Some("\"v1\"")));
        assert_eq!(catalog.recording("u"), Some(look(1500)));
        assert_eq!(catalog.get("u", Role::Image), None);
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_reads_the_links_in_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        Catalog::open(folder.path()).put("u", Role::Audio, None, &look(1));
        let found = std::fs::metadata(folder.path().join(FILE)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_looked_at_before_there_was_a_folder_is_kept() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("spring.run");
        let mut catalog = Catalog::open(&folder);
        catalog.put("u", Role::Audio, Some("v"), &look(1500));
        std::fs::create_dir(&folder).unwrap();
        catalog.keep();
        catalog.keep();
        assert!(catalog.get("u", Role::Audio).is_some_and(|earlier| earlier.fresh));
        assert_eq!(Catalog::open(&folder).recording("u"), Some(look(1500)));
    }

    #[test]
    fn a_damaged_catalogue_is_made_anew_and_without_a_folder_it_is_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, but long enough".repeat(99))
            .unwrap();
        for folder in [folder.path().to_owned(), folder.path().join("none")] {
            let catalog = Catalog::open(&folder);
            catalog.put("u", Role::Image, None, &look(1));
            assert!(catalog.get("u", Role::Image).is_some());
        }
        assert!(!folder.path().join("none").exists());
    }
}

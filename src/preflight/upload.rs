//! Local files on their way to where the API can fetch them: each content once, and again when the
//! store will not have it any more by the time a task needs it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::once::Once;
use crate::client::{self, Client, UploadStore};
use crate::files::{self, LocalError};
use crate::fitness::{Content, Look, Trouble};
use crate::ledger::{Ledger, LedgerError, Upload};
use crate::pace::{Backoff, retry_after};
use crate::pair::{MediaUrl, PlainHttp, Role};
use crate::wire::{Account, FileType, UploadError};

const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// The code of an upload that went through, to where nobody could fetch it.
const UNUSABLE_URL: &str = "unusable_url";
/// The codes of what is wrong with a file while it is sent.
const OF_ONE_FILE: [&str; 2] = ["file_changed", "file_unreadable"];

/// Why a file is not where the API can fetch it.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It is this file's own fault.
    Unfit(Trouble),
    /// The account may not upload.
    Account(Account, String),
    /// The store has no room, or takes nothing until somebody mends it.
    Store(String),
    /// Nothing got through for as long as retries are allowed.
    Unreachable(Duration, String),
    /// It could not be written down.
    Ledger(LedgerError),
}

/// What files are uploaded with.
#[derive(Debug, Clone, Copy)]
pub struct UploadMeans<'a> {
    /// Sends.
    pub client: &'a Client,
    /// Where to.
    pub store: &'a UploadStore,
    /// Knows what was uploaded before.
    pub ledger: &'a Ledger,
    /// Files are relative to it.
    pub manifest: &'a Path,
    /// For how long a file is tried again.
    pub retry_for: Duration,
}

/// Uploads files.
#[derive(Debug)]
pub struct Uploads<'a> {
    means: UploadMeans<'a>,
    /// By content: under way, or refused for good.
    asked: RefCell<HashMap<String, Once<Result<MediaUrl, Fate>>>>,
}

impl<'a> Uploads<'a> {
    /// Nothing was uploaded yet.
    #[must_use]
    pub fn new(means: UploadMeans<'a>) -> Self {
        Self { means, asked: RefCell::default() }
    }

    /// The URL of a file that was looked at; uploads it if no earlier one lasts.
    pub(super) async fn of(&self, path: &str, look: &Look, role: Role) -> Result<MediaUrl, Fate> {
        let sha256 = look.sha256().unwrap_or_default();
        if let Some(url) = self.known(sha256)? {
            return Ok(url);
        }
        let file = self.measured(path, look, role).await?;
        loop {
            // It may have been uploaded while this one was read, or by whom was waited for.
            if let Some(url) = self.known(sha256)? {
                return Ok(url);
            }
            let once = self.asked.borrow_mut().entry(sha256.to_owned()).or_default().clone();
            let mut ours = false;
            let upload = || {
                ours = true;
                self.upload(&file, role)
            };
            let url = once.get_or_init(upload).await.clone();
            self.forget(sha256, &once);
            // Another file with this content went wrong; that says nothing of this one.
            if ours || !url.as_ref().is_err_and(is_of_one_file) {
                return url;
            }
        }
    }

    /// From now on the ledger has it, or it is tried again. What a server has refused it would
    /// refuse for every pair.
    fn forget(&self, sha256: &str, once: &Once<Result<MediaUrl, Fate>>) {
        let refused =
            matches!(once.get(), Some(Err(fate @ Fate::Unfit(_))) if !is_of_one_file(fate));
        let mut asked = self.asked.borrow_mut();
        if !refused && asked.get(sha256).is_some_and(|known| Rc::ptr_eq(known, once)) {
            asked.remove(sha256);
        }
    }

    /// One that will be there for a good while: a task may wait for its turn.
    fn known(&self, sha256: &str) -> Result<Option<MediaUrl>, Fate> {
        let lasts = Timestamp::now().saturating_add(self.means.store.lifetime() / 3);
        let until = lasts.unwrap_or(Timestamp::MAX);
        let name = self.means.client.store_name(self.means.store);
        let url = self.means.ledger.view().upload(sha256, &name, until).map_err(Fate::Ledger)?;
        Ok(url.and_then(|url| MediaUrl::parse(&url, PlainHttp::Anywhere).ok()))
    }

    /// The file, if it is still what was looked at.
    async fn measured(&self, path: &str, look: &Look, role: Role) -> Result<client::Upload, Fate> {
        let kind = kind(look).ok_or_else(|| {
            let message = format!("{role}: this kind of file cannot be uploaded");
            Fate::Unfit(Trouble::new("unknown_kind", message, "convert it"))
        })?;
        let file = measure(self.means.manifest, path, kind).await;
        let file = file.map_err(|error| unfit(role, &error))?;
        if Some(file.sha256()) == look.sha256() {
            return Ok(file);
        }
        let message = format!("{role}: the file changed since the run began");
        Err(Fate::Unfit(Trouble::new("file_changed", message, "run again")))
    }

    async fn upload(&self, file: &client::Upload, role: Role) -> Result<MediaUrl, Fate> {
        let stored = self.store(file, role).await?;
        let store = self.means.client.store_name(self.means.store);
        let url = stored.url.as_written().to_owned();
        let upload = Upload { sha256: file.sha256().to_owned(), store, url, until: stored.until };
        self.means.ledger.uploaded(upload).await.map_err(Fate::Ledger)?;
        tracing::info!(path = %file.path().display(), bytes = file.size(), "uploaded");
        Ok(stored.url)
    }

    /// Tries again as long as that may help: an upload costs nothing.
    async fn store(&self, file: &client::Upload, role: Role) -> Result<client::Stored, Fate> {
        let (began, mut tried) = (Instant::now(), 0);
        loop {
            let (reason, asked) = match self.means.client.store(self.means.store, file).await {
                Ok(stored) => return Ok(stored),
                Err(UploadError::TryAgain { reason, retry_after }) => (reason, retry_after),
                // The server would do that with every file.
                Err(UploadError::Refused { code, message }) if code == UNUSABLE_URL => {
                    return Err(Fate::Store(message));
                }
                Err(UploadError::Refused { code, message }) => {
                    let message = format!("{role}: {message}");
                    let trouble = Trouble::new(&code, message, "is it what the API takes?");
                    return Err(Fate::Unfit(trouble));
                }
                Err(UploadError::AccountStop { account, message }) => {
                    return Err(Fate::Account(account, message));
                }
                Err(UploadError::Full(message) | UploadError::Bucket(message)) => {
                    return Err(Fate::Store(message));
                }
            };
            tried += 1;
            let asked = asked.as_deref().and_then(|text| retry_after(text, SystemTime::now()));
            let pause = asked.unwrap_or_else(|| BACKOFF.wait(tried, fastrand::f64()));
            tracing::debug!(reason, ms = pause.as_millis(), "upload");
            if began.elapsed() + pause > self.means.retry_for {
                return Err(Fate::Unreachable(self.means.retry_for, reason));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// On another thread: the whole file is read.
async fn measure(
    manifest: &Path,
    path: &str,
    kind: FileType,
) -> Result<client::Upload, LocalError> {
    let (manifest, path) = (manifest.to_owned(), path.to_owned());
    let measured = tokio::task::spawn_blocking(move || {
        let local = files::find(&manifest, &path)?;
        Ok(client::Upload::measure(&local.path, kind)?)
    });
    let failed = |error| LocalError::Unreadable(std::io::Error::other(error));
    measured.await.map_err(failed)?
}

fn unfit(role: Role, error: &LocalError) -> Fate {
    Fate::Unfit(Trouble::new(error.code(), format!("{role}: {error}"), &error.help()))
}

/// Whether it is about the file on this disk, and not about what is in it.
fn is_of_one_file(fate: &Fate) -> bool {
    matches!(fate, Fate::Unfit(trouble) if OF_ONE_FILE.contains(&trouble.code.as_str()))
}

/// What its bytes are, whatever it is called.
fn kind(look: &Look) -> Option<FileType> {
    match &look.found.as_ref().ok()?.content {
        Content::Picture { kind, .. } | Content::Sound { kind, .. } => FileType::of_ending(kind),
        Content::Unfit(_) => None,
    }
}

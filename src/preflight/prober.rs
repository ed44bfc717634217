//! Looks at media: each version once, however many pairs have it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use url::Url;

use super::examine::examine;
use super::once::Once;
use crate::catalog::{Catalog, Earlier};
use crate::client::{Got, MediaClient, Seen, Wanted};
use crate::files::{self, LocalError};
use crate::fitness::{Faces, Facts, Look, MAX_AUDIO, MAX_IMAGE, Trouble, too_large};
use crate::pace::{Backoff, retry_after};
use crate::pair::{LocalFile, Role, Source, is_loopback};

/// Requests under way to one host.
const PER_HOST: usize = 16;
/// Media on their way or taken apart at once, of all hosts together: several slow hosts hold up no
/// other.
const HELD: usize = 96;
/// What media that are taken apart hold of the memory at most, all together, in kibibytes. One that
/// is as large as any fits.
const MEMORY: usize = 96 << 10;
/// Pictures and recordings taken apart at once: a processor is busy with two, and each thread that
/// does it keeps some of the memory that it had.
const EXAMINED: usize = 2;
/// How often a medium is asked for when no answer comes.
const TRIES: u32 = 3;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) };
/// A server that wants a longer pause is not waited for, and not asked any sooner either.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every host.
    Everywhere,
    /// This machine only: a rehearsal asks nobody outside.
    ThisMachine,
}

/// What is looked with, and how closely.
#[derive(Debug, Clone, Copy)]
pub struct ProbeMeans<'a> {
    /// Fetches.
    pub client: &'a MediaClient,
    /// Where looks are kept.
    pub catalog: &'a Catalog,
    /// Local files are relative to it.
    pub manifest: &'a Path,
    /// Who may be asked.
    pub reach: Reach,
    /// Whether faces are looked for.
    pub faces: Faces,
}

/// Looks at media and keeps what it saw.
#[derive(Debug)]
pub struct Prober<'a> {
    means: ProbeMeans<'a>,
    hosts: RefCell<HashMap<String, Rc<Semaphore>>>,
    held: Semaphore,
    examined: Semaphore,
    memory: Semaphore,
    under_way: RefCell<HashMap<(Source, Role), Once<Look>>>,
}

impl<'a> Prober<'a> {
    /// Has looked at nothing yet.
    #[must_use]
    pub fn new(means: ProbeMeans<'a>) -> Self {
        Self {
            means,
            hosts: RefCell::default(),
            held: Semaphore::new(HELD),
            examined: Semaphore::new(EXAMINED),
            memory: Semaphore::new(MEMORY),
            under_way: RefCell::default(),
        }
    }

    /// What a medium is; nothing if it may not be asked for. Whoever asks while it is being looked
    /// at gets the same look.
    pub async fn look(&self, source: &Source, role: Role) -> Option<Look> {
        if !self.reaches(source) {
            return None;
        }
        let known = (source.clone(), role);
        let cell = self.under_way.borrow_mut().entry(known.clone()).or_default().clone();
        let look = cell.get_or_init(|| self.look_anew(source, role)).await.clone();
        // From now on the catalogue has it.
        self.under_way.borrow_mut().remove(&known);
        Some(look)
    }

    /// The digest that a medium had when it was last looked at; asks nobody.
    pub(super) fn digest(&self, source: &Source, role: Role) -> Option<String> {
        match source {
            Source::File(file) => file.sha256.clone(),
            Source::Url(url) => {
                let earlier = self.means.catalog.get(url.as_written(), role)?;
                earlier.look.sha256().map(str::to_owned)
            }
        }
    }

    fn reaches(&self, source: &Source) -> bool {
        let Source::Url(url) = source else { return true };
        let here = || Url::parse(url.as_written()).is_ok_and(|url| is_loopback(&url));
        self.means.reach == Reach::Everywhere || here()
    }

    async fn look_anew(&self, source: &Source, role: Role) -> Look {
        match source {
            Source::File(file) => self.read_file(file, role).await.unwrap_or_else(Look::failed),
            Source::Url(url) => self.look_at(url.as_written(), role).await,
        }
    }

    async fn look_at(&self, url: &str, role: Role) -> Look {
        let earlier = self.means.catalog.get(url, role);
        // What could not be had is asked for again, whatever the server calls it now.
        let good = |earlier: &&Earlier| earlier.fresh || earlier.look.found.is_ok();
        let close = |earlier: &&Earlier| earlier.look.covers(self.means.faces);
        let usable = earlier.as_ref().filter(good).filter(close);
        if let Some(Earlier { look, fresh: true, .. }) = usable {
            return look.clone();
        }
        let known = usable.and_then(|earlier| earlier.validator.as_deref());
        let host = self.host(url);
        let at_host = host.acquire().await;
        // After the host's: who waits for a slow host holds up nobody else.
        let _held = self.held.acquire().await;
        let folder = self.means.catalog.place();
        let wanted = Wanted { url, role, most: most(role), known, folder: &folder };
        let seen = self.fetch(&wanted).await;
        drop(at_host);
        let (look, validator) = match (seen, usable) {
            (Seen::Got(got), _) => self.take(got, role, earlier.as_ref()).await,
            (Seen::Unchanged, Some(earlier)) => {
                let look = Look { changed: false, ..earlier.look.clone() };
                (look, earlier.validator.clone())
            }
            (Seen::Unchanged, None) => {
                let message = "the server says that nothing changed, and was not asked that";
                (Look::failed(Trouble::new("not_served", message, "is the URL right?")), None)
            }
            (Seen::Refused(trouble), _) => (Look::failed(trouble), None),
            (Seen::Again(reason, _), _) => {
                let message = format!("it cannot be fetched: {reason}");
                let help = "is the server up? Try again, and look at the URL";
                (Look::failed(Trouble::new("unreachable", message, help)), None)
            }
        };
        self.means.catalog.put(url, role, validator.as_deref(), &look);
        look
    }

    async fn take(
        &self,
        got: Got,
        role: Role,
        earlier: Option<&Earlier>,
    ) -> (Look, Option<String>) {
        let Got { bytes, validator, redirected, private } = got;
        let length = bytes.length();
        let facts = self.examine(length, role, move || Ok(bytes.into_bytes()?)).await;
        // What was unfit was to be changed.
        let before = earlier.filter(|earlier| earlier.look.is_fit());
        let before = before.and_then(|earlier| earlier.look.sha256());
        let now = facts.as_ref().ok().map(|facts| facts.sha256.as_str());
        let changed = before.is_some() && before != now;
        (Look { found: facts, redirected, private, changed }, validator)
    }

    /// Asks again as long as no answer comes, but not for ever.
    async fn fetch(&self, wanted: &Wanted<'_>) -> Seen {
        let mut tried = 1;
        loop {
            let seen = self.means.client.medium(wanted).await;
            tracing::debug!(role = wanted.role.name(), ?seen, "medium");
            let Seen::Again(_, asked) = &seen else { return seen };
            let asked = asked.as_deref().and_then(|text| retry_after(text, SystemTime::now()));
            let pause = BACKOFF.wait(tried, fastrand::f64()).max(asked.unwrap_or_default());
            if tried == TRIES || pause > LONGEST_PAUSE {
                return seen;
            }
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    fn host(&self, url: &str) -> Rc<Semaphore> {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let mut hosts = self.hosts.borrow_mut();
        hosts
            .entry(host.unwrap_or_default())
            .or_insert_with(|| Rc::new(Semaphore::new(PER_HOST)))
            .clone()
    }

    async fn read_file(&self, file: &LocalFile, role: Role) -> Result<Look, Trouble> {
        let (manifest, path) = (self.means.manifest.to_owned(), file.path.clone());
        let local = read(move || files::find(&manifest, &path)).await?;
        if local.length > most(role) {
            return Err(too_large(role, Some(local.length)));
        }
        let path = local.path.to_string_lossy().into_owned();
        if let Some(Earlier { look, validator, .. }) = self.means.catalog.get(&path, role)
            && validator.as_ref() == Some(&local.version)
            && look.covers(self.means.faces)
        {
            return Ok(look);
        }
        let _held = self.held.acquire().await;
        let file = local.clone();
        let bytes = move || file.read(most(role));
        let look = Look::here(Ok(self.examine(local.length, role, bytes).await?));
        self.means.catalog.put(&path, role, Some(&local.version), &look);
        Ok(look)
    }

    /// Takes so many bytes apart, on another thread: requests go on meanwhile.
    async fn examine(
        &self,
        length: u64,
        role: Role,
        bytes: impl FnOnce() -> Result<Vec<u8>, LocalError> + Send + 'static,
    ) -> Result<Facts, Trouble> {
        let _place = self.examined.acquire().await;
        let most = usize::try_from(length / 1024 + 1).unwrap_or(MEMORY).min(MEMORY);
        let _memory = self.memory.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
        let faces = self.means.faces;
        let looking = move || bytes().map(|bytes| examine(&bytes, role, faces));
        match tokio::task::spawn_blocking(looking).await {
            Ok(facts) => facts.map_err(unfit),
            Err(_) => {
                let help = "please report it, with the file";
                let message = "looking at it failed: a fault of callsheet's";
                Err(Trouble::new("not_understood", message, help))
            }
        }
    }
}

const fn most(role: Role) -> u64 {
    match role {
        Role::Image => MAX_IMAGE,
        Role::Audio => MAX_AUDIO,
    }
}

/// On another thread: a slow disk holds up nobody else.
async fn read<T: Send + 'static>(
    file: impl FnOnce() -> Result<T, LocalError> + Send + 'static,
) -> Result<T, Trouble> {
    let failed = |error| LocalError::Unreadable(std::io::Error::other(error));
    let read = tokio::task::spawn_blocking(file).await;
    read.map_err(failed).and_then(|read| read).map_err(unfit)
}

fn unfit(error: LocalError) -> Trouble {
    Trouble::new(error.code(), error.to_string(), &error.help())
}

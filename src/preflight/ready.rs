//! A planned pair on its way to its create: its media looked at, its files where the API can fetch
//! them.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Prober;
use super::upload::{Fate, Uploads};
use crate::fitness::{Demands, Look, Remark, Trouble, Weight, of_link};
use crate::ledger::{Ledger, LedgerError, Planned, Unfit};
use crate::pair::{Fingerprint, LocalFile, MediaUrl, Pair, PlainHttp, Role, Source, options_of};

/// Which media are looked at before a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// All of them.
    All,
    /// Local files, which have to be read anyway.
    Files,
}

/// What stands between a plan and its creates.
#[derive(Debug)]
pub struct Preflight<'a> {
    /// Looks at media.
    pub prober: Prober<'a>,
    /// What they have to be.
    pub demands: Demands,
    /// Which of them are looked at.
    pub probing: Probing,
    /// Stores local files.
    pub uploads: Uploads<'a>,
    /// Hears what is found out.
    pub ledger: &'a Ledger,
    /// Of the pairs that have another than 1.
    takes: HashMap<String, u32>,
    /// Nothing before they are needed.
    twins: OnceCell<RefCell<HashMap<Fingerprint, Twin>>>,
}

/// Why a pair is not sent.
#[derive(Debug)]
pub enum NotReady {
    /// Nothing can be sent for it as it is; it is written down as rejected.
    Unfit,
    /// Nothing can be uploaded any more.
    Uploads(Fate),
    /// What was found out could not be written down.
    Ledger(LedgerError),
}

/// The first pair with its content, and what its media are called.
#[derive(Debug)]
struct Twin {
    id: Arc<str>,
    names: [String; 2],
}

/// A medium of a pair, looked at.
struct Looked {
    role: Role,
    source: Source,
    look: Look,
}

impl<'a> Preflight<'a> {
    /// Nothing was looked at or stored yet.
    #[must_use]
    pub fn new(
        prober: Prober<'a>,
        demands: Demands,
        probing: Probing,
        uploads: Uploads<'a>,
        ledger: &'a Ledger,
    ) -> Self {
        let (takes, twins) = (HashMap::new(), OnceCell::new());
        Self { prober, demands, probing, uploads, ledger, takes, twins }
    }

    /// Knowing which pairs ask for the same thing on purpose.
    #[must_use]
    pub fn with_takes(mut self, pairs: &[Pair]) -> Self {
        let further = pairs.iter().filter(|pair| pair.take != 1);
        self.takes = further.map(|pair| (pair.id.as_str().to_owned(), pair.take)).collect();
        self
    }

    /// Looks at the media of a pair and uploads its files.
    ///
    /// # Errors
    /// When nothing may be sent for it, or nothing at all.
    pub async fn ready(&self, planned: Planned) -> Result<Planned, NotReady> {
        match self.prepare(&planned).await {
            Ok(Some(ready)) => Ok(ready),
            Ok(None) => Ok(planned),
            Err(Fate::Unfit(trouble)) => {
                let why = Unfit { code: trouble.code, message: trouble.message };
                self.ledger.unfit(planned, why).await.map_err(NotReady::Ledger)?;
                Err(NotReady::Unfit)
            }
            Err(Fate::Ledger(error)) => Err(NotReady::Ledger(error)),
            Err(fate) => Err(NotReady::Uploads(fate)),
        }
    }

    /// Nothing if the pair can be sent as it is listed.
    async fn prepare(&self, planned: &Planned) -> Result<Option<Planned>, Fate> {
        let mut body: Value = serde_json::from_slice(planned.listed()).unwrap_or_default();
        let mut media = Vec::new();
        for role in Role::BOTH {
            let source = source(body[role.field()].as_str().unwrap_or_default());
            media.extend(self.look(source, role).await?);
        }
        self.refuse_twins(planned, &body, &media)?;
        let mut ready = planned.clone();
        let files = media.iter().filter(|one| matches!(one.source, Source::File(_)));
        let mut sending = false;
        for one in files {
            let url = self.uploads.of(one.source.as_written(), &one.look, one.role).await?;
            body[one.role.field()] = Value::from(url.as_written());
            sending = true;
        }
        if sending {
            ready = ready.sending(body.to_string().into());
        }
        for length in media.iter().filter_map(|one| one.look.length()) {
            ready = ready.measured(length);
        }
        Ok((!media.is_empty()).then_some(ready))
    }

    /// Looks at a medium, if that is wanted; an error if it is not fit.
    async fn look(&self, source: Option<Source>, role: Role) -> Result<Option<Looked>, Fate> {
        let Some(source) = source else { return Ok(None) };
        if self.probing == Probing::Files && matches!(source, Source::Url(_)) {
            return Ok(None);
        }
        let Some(look) = self.prober.look(&source, role).await else { return Ok(None) };
        let mut remarks = look.remarks(role, &self.demands);
        remarks.extend(of_link(source.as_written(), Timestamp::now(), Duration::ZERO));
        if let Some(remark) = remarks.into_iter().find(|remark| remark.weight == Weight::Error) {
            let Remark { code, message, help, .. } = remark;
            let message = format!("{role}: {message}");
            return Err(Fate::Unfit(Trouble { code, message, help }));
        }
        if let Source::File(LocalFile { sha256: listed, .. }) = &source
            && look.sha256() != listed.as_deref()
        {
            let message = format!("{role}: the file changed since the run began");
            return Err(Fate::Unfit(Trouble::new("file_changed", message, "run again")));
        }
        Ok(Some(Looked { role, source, look }))
    }

    /// The same picture, recording and options again, under other names: to be paid for twice. As
    /// another take, or under the same names, it is meant, because the manifest says so.
    fn refuse_twins(&self, planned: &Planned, body: &Value, media: &[Looked]) -> Result<(), Fate> {
        let [image, audio] = media else { return Ok(()) };
        let (Some(first), Some(second)) = (image.look.sha256(), audio.look.sha256()) else {
            return Ok(());
        };
        let content = self.content(&planned.id, [first, second], body);
        let names = [image, audio].map(|one| one.source.as_written().to_owned());
        let mut twins = match self.twins.get() {
            Some(twins) => twins.borrow_mut(),
            None => {
                let sent = RefCell::new(self.sent().map_err(Fate::Ledger)?);
                self.twins.get_or_init(|| sent).borrow_mut()
            }
        };
        match twins.get(&content) {
            Some(Twin { id, names: others }) if *others != names => {
                let message = format!("the same picture, recording and options as {id}");
                let help = "remove one of the two, or give it another `take`";
                Err(Fate::Unfit(Trouble::new("duplicate", message, help)))
            }
            Some(_) => Ok(()),
            None => {
                let id = planned.id.clone();
                twins.insert(content, Twin { id, names });
                Ok(())
            }
        }
    }

    /// What the video of a pair would be made of.
    fn content(&self, id: &str, digests: [&str; 2], body: &Value) -> Fingerprint {
        let ([image, audio], take) = (digests, self.takes.get(id).copied().unwrap_or(1));
        Fingerprint::of(&format!("{image} {audio} {take} {}", options_of(body)))
    }

    /// What earlier runs have sent of files: their digests are in the ledger.
    fn sent(&self) -> Result<HashMap<Fingerprint, Twin>, LedgerError> {
        let mut twins = HashMap::new();
        for (id, listed) in self.ledger.view().sent_files()? {
            let body: Value = serde_json::from_str(&listed).unwrap_or_default();
            let file = |role: Role| LocalFile::of_listed(body[role.field()].as_str()?);
            let [Some(image), Some(audio)] = Role::BOTH.map(file) else { continue };
            let (Some(first), Some(second)) = (&image.sha256, &audio.sha256) else { continue };
            let content = self.content(&id, [first, second], &body);
            twins.insert(content, Twin { id, names: [image.path, audio.path] });
        }
        Ok(twins)
    }
}

/// What a field of a listed request names. It was checked when the manifest was read.
fn source(listed: &str) -> Option<Source> {
    match LocalFile::of_listed(listed) {
        Some(file) => Some(Source::File(file)),
        None => MediaUrl::parse(listed, PlainHttp::Anywhere).ok().map(Source::Url),
    }
}

/// A thing that happens once, and that others may be waiting for.
pub(super) type Once<T> = Rc<tokio::sync::OnceCell<T>>;

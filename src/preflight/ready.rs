//! A planned pair on its way to its create: its media looked at, its files where the API can fetch
//! them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Prober;
use super::twins::Twins;
use super::upload::{Fate, Uploads};
use crate::fitness::{Demands, Look, Remark, Trouble, Weight, of_link};
use crate::ledger::{Ledger, LedgerError, Planned, Unfit};
use crate::pair::{LocalFile, MediaUrl, PlainHttp, Role, Source};

/// Which media are looked at before a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// All of them.
    All,
    /// Recordings, whose lengths decide what may be spent, and local files.
    Lengths,
    /// Local files, which have to be read anyway.
    Files,
}

/// What stands between a plan and its creates.
#[derive(Debug)]
pub struct Preflight<'a> {
    /// Looks at media.
    pub prober: Prober<'a>,
    /// What they have to be.
    pub demands: Demands<'a>,
    /// Which of them are looked at.
    pub probing: Probing,
    /// Stores local files.
    pub uploads: Uploads<'a>,
    /// Hears what is found out.
    pub ledger: &'a Ledger,
    twins: Twins<'a>,
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
        demands: Demands<'a>,
        probing: Probing,
        uploads: Uploads<'a>,
        ledger: &'a Ledger,
    ) -> Self {
        let twins = Twins::of(demands.pairs);
        Self { prober, demands, probing, uploads, ledger, twins }
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
        self.refuse_twins(planned, &media)?;
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
        if let Some(audio) = media.iter().find(|one| one.role == Role::Audio) {
            ready = ready.measured(audio.look.length()).billed_as(audio.look.billable());
        }
        Ok((!media.is_empty()).then_some(ready))
    }

    /// Looks at a medium, if that is wanted; an error if it is not fit.
    async fn look(&self, source: Option<Source>, role: Role) -> Result<Option<Looked>, Fate> {
        let Some(source) = source else { return Ok(None) };
        let wanted = match (self.probing, &source) {
            (Probing::All, _) | (_, Source::File(_)) => true,
            (Probing::Lengths, Source::Url(_)) => role == Role::Audio,
            (Probing::Files, Source::Url(_)) => false,
        };
        if !wanted {
            return Ok(None);
        }
        let Some(look) = self.prober.look(&source, role).await else { return Ok(None) };
        if self.probing == Probing::Lengths && matches!(source, Source::Url(_)) {
            // Only measured: nobody asked for a verdict, and what has no length is not sent.
            return Ok(Some(Looked { role, source, look }));
        }
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

    /// The same picture, recording and options again, under other names: to be paid for twice.
    fn refuse_twins(&self, planned: &Planned, media: &[Looked]) -> Result<(), Fate> {
        let [image, audio] = media else { return Ok(()) };
        let (Some(image), Some(audio)) = (image.look.sha256(), audio.look.sha256()) else {
            return Ok(());
        };
        let digest = |source: &Source, role| self.prober.digest(source, role);
        self.twins.learn(self.ledger.view(), digest).map_err(Fate::Ledger)?;
        match self.twins.first(&planned.id, [image, audio]) {
            None => Ok(()),
            Some(first) => {
                let message = format!("the same picture, recording and options as {first}");
                let help = "remove one of the two";
                Err(Fate::Unfit(Trouble::new("duplicate", message, help)))
            }
        }
    }
}

/// What a field of a listed request names. It was checked when the manifest was read.
fn source(listed: &str) -> Option<Source> {
    match LocalFile::of_listed(listed) {
        Some(file) => Some(Source::File(file)),
        None => MediaUrl::parse(listed, PlainHttp::Anywhere).ok().map(Source::Url),
    }
}

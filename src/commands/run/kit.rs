//! What a run looks at media and uploads files with.

use std::path::Path;

use crate::catalog::Catalog;
use crate::cli::RunArgs;
use crate::client::{Client, MediaClient, UploadStore};
use crate::commands::batch::Batch;
use crate::commands::failure::Failure;
use crate::commands::media;
use crate::commands::saved::{self, Basis};
use crate::exit::Exit;
use crate::fitness::Faces;
use crate::ledger::{Ledger, LookAgain};
use crate::preflight::{Preflight, ProbeMeans, Prober, Probing, UploadMeans, Uploads};

/// Nothing of it is connected before it is needed.
pub(super) struct Kit {
    media: MediaClient,
    store: UploadStore,
    probing: Option<Probing>,
    /// Whether it does no more than a saved plan says.
    planned: bool,
}

impl Kit {
    pub(super) fn of(args: &RunArgs, batch: &Batch) -> Result<Self, Failure> {
        let media = media::client(batch, &args.batch.manifest, args.video.stall_timeout);
        let probing = if args.probe || batch.manifest.probe {
            Some(Probing::All)
        } else if batch.manifest.rules().limit() {
            // A recording may have been replaced since it was measured.
            Some(Probing::Lengths)
        } else {
            batch.has_local_files().then_some(Probing::Files)
        };
        Ok(Self { media, store: store(batch)?, probing, planned: args.plan.is_some() })
    }

    /// Which pairs that were not fit are looked at again. A plan counts them as rejected.
    pub(super) fn looks_again(&self) -> Option<LookAgain> {
        match self.probing {
            _ if self.planned => None,
            Some(Probing::All) => Some(LookAgain::All),
            Some(Probing::Lengths | Probing::Files) => Some(LookAgain::Files),
            None => None,
        }
    }

    fn prober<'k>(&'k self, batch: &'k Batch, catalog: &'k Catalog) -> Prober<'k> {
        // A portrait that is only uploaded need not be looked at so closely.
        let faces = match self.probing {
            Some(Probing::All) => Faces::LookedFor,
            Some(Probing::Lengths | Probing::Files) | None => Faces::Ignored,
        };
        let (client, manifest) = (&self.media, batch.site.manifest.as_path());
        let reach = media::reach(batch);
        Prober::new(ProbeMeans { client, catalog, manifest, reach, faces })
    }

    /// What stands before the creates, if anything does.
    pub(super) fn preflight<'k>(
        &'k self,
        (args, batch): (&RunArgs, &'k Batch),
        catalog: &'k Catalog,
        (client, ledger): (&'k Client, &'k Ledger),
    ) -> Option<Preflight<'k>> {
        let probing = self.probing?;
        let (store, manifest) = (&self.store, batch.site.manifest.as_path());
        let retry_for = args.retry_for;
        let uploads = UploadMeans { client, store, ledger, manifest, retry_for };
        let (prober, demands) = (self.prober(batch, catalog), media::demands(batch));
        let uploads = Uploads::new(uploads);
        Some(Preflight::new(prober, demands, probing, uploads, ledger))
    }

    /// What a saved plan rests on. Refuses if anything of it has moved.
    pub(super) async fn hold(
        &self,
        plan: &Path,
        batch: &Batch,
        catalog: &Catalog,
    ) -> Result<Basis, Failure> {
        let basis = saved::read(plan)?;
        saved::look_again(&self.prober(batch, catalog), batch, catalog).await;
        let now = Basis::of(batch, batch.site.view()?.as_ref(), catalog)?;
        saved::hold(plan, &basis, &now).map(|()| basis)
    }
}

/// Where local files go. A rehearsal's go to the fake.
fn store(batch: &Batch) -> Result<UploadStore, Failure> {
    let goes_there = !batch.site.rehearsal && batch.has_local_files();
    let bucket = batch.manifest.uploads.as_ref().filter(|_| goes_there);
    UploadStore::of(bucket, |name| std::env::var(name).ok()).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .hint("`uploads:` in the manifest names the bucket; its key comes from the environment")
    })
}

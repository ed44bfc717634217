//! `doctor`: what works here, before anything is paid for. What is found is judged in
//! [`diagnosis`](crate::diagnosis); here it is found.

mod machine;
mod service;

use std::path::PathBuf;

use super::batch::{Site, endpoint};
use super::failure::Failure;
use super::written::Written;
use crate::cli::{BatchArgs, DoctorArgs, ManifestArgs};
use crate::diagnosis::{self, Finding};
use crate::exit::Exit;
use crate::manifest::DEFAULT_ENDPOINT;
use crate::pair::{Endpoint, PlainHttp};
use crate::ui::Ui;

pub(super) fn doctor(ui: &Ui, args: &DoctorArgs) -> Result<Exit, Failure> {
    let batch = args.manifest.as_ref().map(|manifest| of_batch(args, manifest.clone()));
    let endpoint = address(args, batch.as_ref())?;
    let site = batch.as_ref().map(Site::of);
    let mut findings = vec![machine::program(), machine::certificates()];
    findings.extend(service::look(&args.key, &endpoint)?);
    let folder = args.out.clone().or_else(|| site.as_ref().map(|site| site.folder.clone()));
    findings.push(machine::disk(folder.as_deref()));
    findings.push(machine::ledger(args, site.as_ref()));
    findings.extend([machine::terminal(), machine::prober()]);
    Ok(tell(ui, &findings))
}

fn tell(ui: &Ui, findings: &[Finding]) -> Exit {
    let say = |text: &str| ui.tongue().say(text).into_owned();
    ui.result(&diagnosis::text(findings, &say), &diagnosis::document(findings));
    if diagnosis::is_bad(findings) { Exit::Unfit } else { Exit::Done }
}

/// A batch as other commands have it.
fn of_batch(args: &DoctorArgs, manifest: PathBuf) -> BatchArgs {
    BatchArgs {
        manifest: ManifestArgs { manifest, allow_http: args.allow_http },
        out: args.out.clone(),
        endpoint: args.endpoint.clone(),
        mock: None,
        // Told as a finding, not refused.
        allow_network_disk: true,
        shared: args.shared.clone(),
    }
}

/// Where the API is: as an option says it, or the manifest, whose pairs are not read where its head can
/// be told from them.
fn address(args: &DoctorArgs, batch: Option<&BatchArgs>) -> Result<Endpoint, Failure> {
    let plain = if args.allow_http { PlainHttp::Anywhere } else { PlainHttp::Loopback };
    let of_manifest = batch.map(|batch| {
        let written = Written::open(&batch.manifest.manifest)?;
        let head = written.head(&batch.manifest);
        let manifest =
            head.map_or_else(|| written.outline(&batch.manifest).map(|it| it.manifest), Ok);
        manifest.map(|manifest| manifest.endpoint)
    });
    match (&args.endpoint, of_manifest) {
        (Some(text), _) => endpoint(text, plain),
        (None, Some(found)) => found,
        (None, None) => endpoint(DEFAULT_ENDPOINT, plain),
    }
}

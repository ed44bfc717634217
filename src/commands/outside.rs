//! Links to addresses that only this house reaches, in a manifest for an API that is not in it: the
//! API cannot fetch them, or fetches something else there.

use std::cell::OnceCell;
use std::net::ToSocketAddrs;

use url::Url;

use super::batch::{Batch, problems};
use super::failure::Failure;
use super::locals::note;
use crate::fitness::{PRIVATE, Remark, Trouble};
use crate::manifest::Severity;
use crate::pair::{Endpoint, Role, Source, Zone, may_lead, zone, zone_of};
use crate::preflight::distinct;

/// Refuses a manifest with such links. Where names lead is judged when they are fetched.
pub(super) fn refuse_inside(batch: &Batch) -> Result<(), Failure> {
    let inside = Inside::of(batch);
    let mut sources = batch.manifest.pairs.iter().flat_map(|pair| {
        let request = &pair.request;
        Role::BOTH.map(|role| inner_zone(request.source(role)))
    });
    // A batch may be large, and next to none has such a link.
    if batch.site.rehearsal || sources.all(|zone| zone.is_none()) {
        return Ok(());
    }
    let mut notes = Vec::new();
    for medium in &distinct(&batch.manifest.pairs) {
        let remark = inside.remark(&medium.source);
        notes.extend(remark.map(|it| note(batch, medium, &it.message, it.help)));
    }
    if notes.is_empty() {
        return Ok(());
    }
    Err(problems(batch, notes, Severity::Error)?.into())
}

/// Which addresses are refused.
pub(super) struct Inside<'b> {
    endpoint: &'b Endpoint,
    /// A rehearsal sends nothing anywhere.
    rehearsal: bool,
    /// Where the API is; looked up for the first address that needs it.
    homes: OnceCell<Vec<Option<Zone>>>,
}

impl<'b> Inside<'b> {
    pub(super) fn of(batch: &'b Batch) -> Self {
        let (endpoint, rehearsal) = (&batch.endpoint, batch.site.rehearsal);
        Self { endpoint, rehearsal, homes: OnceCell::new() }
    }

    /// Why a medium cannot be fetched by the API, if it is such an address.
    pub(super) fn remark(&self, source: &Source) -> Option<Remark> {
        match source {
            Source::Url(url) => self.remark_of(url.as_written()),
            Source::File(_) => None,
        }
    }

    /// The same of a link.
    pub(super) fn remark_of(&self, url: &str) -> Option<Remark> {
        let zone = zone_in(url).filter(|_| !self.rehearsal)?;
        let homes = self.homes.get_or_init(|| homes(self.endpoint));
        let allowed = !homes.is_empty() && homes.iter().all(|home| may_lead(*home, Some(zone)));
        let help = "publish it where the API can fetch it, or give the path of a local file";
        let message = "this address is inside a private network".to_owned();
        (!allowed).then(|| Trouble::new(PRIVATE, message, help).into())
    }
}

fn inner_zone(source: &Source) -> Option<Zone> {
    match source {
        Source::Url(url) => zone_in(url.as_written()),
        Source::File(_) => None,
    }
}

fn zone_in(url: &str) -> Option<Zone> {
    if may_be_address(url) { zone_of(&Url::parse(url).ok()?) } else { None }
}

/// Rules most links out, which are names, for next to nothing.
fn may_be_address(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return true };
    let host = rest.split(['/', '?', '#', '\\', ':']).next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    last.is_empty()
        || !host.bytes().all(plain)
        || last.eq_ignore_ascii_case("localhost")
        || last.starts_with(|c: char| c.is_ascii_digit())
}

/// Where the API is: what it says itself, or where its name leads. Nowhere if that is unknown.
fn homes(endpoint: &Endpoint) -> Vec<Option<Zone>> {
    let url = endpoint.at("/");
    match (zone_of(&url), url.domain()) {
        (None, Some(name)) => {
            let found = (name, 0).to_socket_addrs().into_iter().flatten();
            found.map(|address| zone(address.ip())).collect()
        }
        (zone, _) => vec![zone],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_passes_for_a_name() {
        for url in [
            "https://10.0.0.1/a",
            "https://10.0.0.1:80/a",
            "https://[fd00::1]/a",
            "https://2130706433/a",
            "https://0x7f.0.0.1?x",
            "https://127.1",
            "https://127.0.0.1./a",
            "https://%31%32%37.0.0.1/a",
            "https://１２７.0.0.1/a",
            "https://LocalHost/a",
            "http://a.localhost.:80/a",
            "https:\\\\10.0.0.1\\a",
            "https:/10.0.0.1/a",
            "https:///10.0.0.1/a",
        ] {
            let private = Url::parse(url).ok().and_then(|url| zone_of(&url));
            assert!(private.is_some() && may_be_address(url), "{url}");
        }
        for url in ["https://cdn.example.com/10.0.0.1", "https://10.0.0.1.nip.io/", "https://a1/"] {
            assert!(!may_be_address(url), "{url}");
        }
    }
}

//! `uploads`: the bucket that local files go to, instead of the API's own storage.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;

use crate::pair::Endpoint;

use super::fields::{Field, Fields, Reading};
use super::problem::Finding;
use super::tree::Kind;

/// A bucket that speaks S3's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// What it is called.
    pub name: String,
    /// The server that has it.
    pub endpoint: Endpoint,
    /// The region that requests are signed for.
    pub region: String,
    /// The folder in it, without a slash at either end; may be empty.
    pub prefix: String,
    /// How long the links to the files work, from when they are stored.
    pub lifetime: Duration,
    /// Where its name stands in a URL.
    pub address: BucketAddress,
}

/// Where the name of a bucket stands in the URLs of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketAddress {
    /// `https://s3.example.com/bucket/file`: understood nearly everywhere.
    Path,
    /// `https://bucket.s3.example.com/file`: the only way at some services.
    Host,
}

/// In messages.
pub(super) const CALLED: &str = "`uploads`";
/// As long as the API keeps files.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(72 * 3600);
/// A task may wait for its turn; the end is the longest that a signature of version 4 can last.
const LIFETIMES: RangeInclusive<Duration> =
    Duration::from_secs(3600)..=Duration::from_secs(7 * 24 * 3600);
/// In characters. With a digest behind it, a key stays far below the 1024 bytes that S3 allows.
pub(super) const LONGEST_PREFIX: usize = 512;

/// Services that want the name of a bucket in the host, by the ends of their hosts: Alibaba's OSS,
/// Tencent's COS, Huawei's OBS.
const BY_HOST: [&str; 4] = ["aliyuncs.com", "myqcloud.com", "tencentcos.cn", "myhuaweicloud.com"];
/// Volcengine's TOS, where one label of the host starts so.
const TOS: (&str, [&str; 2]) = ("tos-", ["volces.com", "ivolces.com"]);

impl BucketAddress {
    /// Where a server wants it, as far as is known.
    #[must_use]
    pub fn usual(endpoint: &Endpoint) -> Self {
        if takes_paths(endpoint) { Self::Path } else { Self::Host }
    }
}

/// Whether a server takes the name of a bucket in the path, as far as is known.
fn takes_paths(endpoint: &Endpoint) -> bool {
    let url = endpoint.at("/");
    let host = url.domain().unwrap_or_default().trim_end_matches('.');
    let under = |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    let (tos, ends) = TOS;
    let is_tos = ends.iter().any(|end| under(end)) && host.split('.').any(|l| l.starts_with(tos));
    !is_tos && !BY_HOST.iter().any(|end| under(end))
}

/// Whether a bucket may be called so.
pub(super) fn is_bucket_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let fits = (3..=63).contains(&name.len()) && !name.contains("..");
    fits && name.bytes().all(known) && ends(name.bytes().next()) && ends(name.bytes().last())
}

/// The folder in a bucket that a text names, perhaps with a slash behind it.
pub(super) fn folder(text: &str) -> Option<&str> {
    let folder = text.strip_suffix('/').unwrap_or(text);
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let part = |part: &str| !part.trim_matches('.').is_empty() && part.bytes().all(known);
    (folder.len() <= LONGEST_PREFIX && folder.split('/').all(part)).then_some(folder)
}

impl<'t> Reading<'t> {
    /// A bucket, or a note of what is missing or wrong.
    pub(super) fn uploads(&mut self, field: &Field<'t>) -> Option<Bucket> {
        let mut fields = Fields::open_field(self, field, CALLED)?;
        let all = &mut fields;
        let name = self.needed(field, all, "bucket", Self::bucket_name);
        let endpoint = self.needed(field, all, "endpoint", Self::endpoint);
        let region = self.needed(field, all, "region", Self::region);
        let prefix = all.take("prefix").map(|field| self.prefix(&field));
        let lifetime = all.take("lifetime").map(|field| self.lifetime(&field));
        let by_path = all.take("path_style").map(|field| self.boolean(&field));
        fields.finish(self);
        let endpoint = endpoint?;
        let by_path = by_path.unwrap_or_else(|| Some(takes_paths(&endpoint)))?;
        Some(Bucket {
            name: name?.to_owned(),
            endpoint,
            region: region?.to_owned(),
            prefix: prefix.unwrap_or(Some(String::new()))?,
            lifetime: lifetime.unwrap_or(Some(DEFAULT_LIFETIME))?,
            address: if by_path { BucketAddress::Path } else { BucketAddress::Host },
        })
    }

    fn needed<T>(
        &mut self,
        uploads: &Field<'t>,
        fields: &mut Fields<'t>,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Field<'t>) -> Option<T>,
    ) -> Option<T> {
        if let Some(field) = fields.take(name) {
            return read(self, &field);
        }
        let message = format!("`uploads` has no `{name}`");
        let finding = Finding::new(uploads.key, message, format!("expected `{name}:` in it"));
        self.problems.note(finding.help(
            "write `uploads: {bucket: NAME, endpoint: https://…, region: …}`, or remove it: \
             local files go to the API's own storage then",
        ));
        None
    }

    fn bucket_name(&mut self, field: &Field<'t>) -> Option<&'t str> {
        let name = self.text(field)?;
        if is_bucket_name(name) {
            return Some(name);
        }
        let expected = "3 to 63 letters, digits, dots and hyphens";
        let help = "give the name of the bucket alone; the server stands in `endpoint`";
        self.refuse(field, "this is not the name of a bucket", expected, help);
        None
    }

    fn region(&mut self, field: &Field<'t>) -> Option<&'t str> {
        let region = self.text(field)?;
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if region.len() <= 64 && region.bytes().all(known) {
            return Some(region);
        }
        let help = "such as eu-central-1; many services other than Amazon's take auto or us-east-1";
        self.refuse(field, "this is not the name of a region", "letters, digits and hyphens", help);
        None
    }

    /// One slash at either end is a matter of taste.
    fn prefix(&mut self, field: &Field<'t>) -> Option<String> {
        let text = self.text(field)?;
        if let Some(prefix) = folder(text.strip_prefix('/').unwrap_or(text)) {
            return Some(prefix.to_owned());
        }
        let expected = "folders such as callsheet/spring";
        let help = "use letters, digits, `.`, `_` and `-`, with a `/` between folders";
        self.refuse(field, "this is not a folder in a bucket", expected, help);
        None
    }

    /// With a unit, as all times.
    fn lifetime(&mut self, field: &Field<'t>) -> Option<Duration> {
        let lifetime = match &field.node.kind {
            Kind::Text(text) => text.trim().parse::<SignedDuration>().ok(),
            _ => None,
        };
        let lifetime = lifetime.and_then(|lifetime| Duration::try_from(lifetime).ok());
        let lifetime = lifetime.filter(|lifetime| LIFETIMES.contains(lifetime));
        if lifetime.is_none() {
            let help = "signed links work for 7 days at most; a task has to fetch its media before";
            self.wrong(field, "a time from 1h to 168h, such as 72h", help);
        }
        lifetime
    }
}

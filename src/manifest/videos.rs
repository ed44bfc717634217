//! `videos`: the bucket that finished videos go to, instead of the run folder.

use std::fmt;
use std::str::FromStr;

use super::fields::{Field, Reading};
use super::uploads::{LONGEST_PREFIX, folder, is_bucket_name};

/// What an address of this kind begins with.
pub const SCHEME: &str = "s3://";

/// A folder in a bucket that speaks S3's protocol, wherever its server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoBucket {
    /// What the bucket is called.
    pub name: String,
    /// The folder in it, without a slash at either end; may be empty.
    pub prefix: String,
}

/// Why a text names no folder in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "videos go to a bucket as `s3://BUCKET/FOLDER`, with letters, digits, `.`, `_`, `-` and `/`"
)]
pub struct VideoBucketError;

impl FromStr for VideoBucket {
    type Err = VideoBucketError;

    fn from_str(text: &str) -> Result<Self, VideoBucketError> {
        let place = text.strip_prefix(SCHEME).ok_or(VideoBucketError)?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = if prefix.is_empty() { Some("") } else { folder(prefix) };
        let prefix = prefix.filter(|_| is_bucket_name(name)).ok_or(VideoBucketError)?;
        Ok(Self { name: name.to_owned(), prefix: prefix.to_owned() })
    }
}

impl VideoBucket {
    /// The object of a name in its folder.
    #[must_use]
    pub fn object(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

/// `s3://bucket/folder`.
impl fmt::Display for VideoBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{SCHEME}{}{slash}{}", self.name, self.prefix)
    }
}

impl<'t> Reading<'t> {
    /// A bucket, or a note of what is wrong with it.
    pub(super) fn videos(&mut self, field: &Field<'t>) -> Option<VideoBucket> {
        let bucket = self.text(field)?.trim().parse();
        if bucket.is_err() {
            let help = "finished videos go there; a folder of this machine is named by --videos";
            let expected = "a folder in a bucket, such as s3://my-media/spring";
            self.refuse(field, "this is not a folder in a bucket", expected, help);
        }
        bucket.ok()
    }
}

/// For the JSON Schema.
pub(super) fn schema() -> serde_json::Value {
    serde_json::json!({"videos": {
        "description": "The bucket that finished videos go to, and the folder in it. Without it they \
                        go to the run folder. Its server is that of AWS_ENDPOINT_URL, of `uploads`, \
                        or Amazon's in AWS_REGION; credentials come from AWS_ACCESS_KEY_ID, \
                        AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
        "type": "string",
        "pattern": "^ *s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/[A-Za-z0-9._-]+)*/? *$",
        "maxLength": SCHEME.len() + 64 + LONGEST_PREFIX + 2,
    }})
}

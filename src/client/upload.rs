//! Hands a file over, so that the API can fetch it from a URL: to the API itself, or to a bucket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::bucket::{BucketError, BucketKey, OpenBucket};
use super::contents::{self, Fault, Stored, Upload};
use super::receive::{Deadline, Keep, receive};
use super::{Client, cause, shown};
use crate::manifest::Bucket;
use crate::pair::MediaUrl;
use crate::wire::{UploadError, judge_upload};

const UPLOAD_PATH: &str = "/v1/files/upload/stream";
/// How long the API keeps what was handed over: its vendor says 72 hours on the page of
/// `/v1/files/upload/stream`.
pub const API_KEEPS: Duration = Duration::from_secs(72 * 3600);

/// Where files go, so that the API can fetch them.
#[derive(Debug, Clone)]
pub enum UploadStore {
    /// To the API's own upload endpoint.
    Api,
    /// Into a bucket.
    Bucket(Box<OpenBucket>),
}

impl UploadStore {
    /// The store that a manifest names; the credentials of a bucket come from the environment, as
    /// `variable` gives it.
    ///
    /// # Errors
    /// When there is a bucket and it cannot be used.
    pub fn of(
        bucket: Option<&Bucket>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BucketError> {
        let Some(bucket) = bucket else { return Ok(Self::Api) };
        let open = OpenBucket::new(bucket, BucketKey::read("`uploads`", variable)?)?;
        Ok(Self::Bucket(Box::new(open)))
    }

    /// How long it keeps files, or links to them work.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        match self {
            Self::Api => API_KEEPS,
            Self::Bucket(bucket) => bucket.lifetime(),
        }
    }
}

impl Client {
    /// Names a store in the ledger: what one has, another has not. The fake of a rehearsal is
    /// another one every time.
    #[must_use]
    pub fn store_name(&self, store: &UploadStore) -> String {
        match store {
            UploadStore::Api => self.endpoint.origin(),
            UploadStore::Bucket(bucket) => bucket.name(),
        }
    }

    /// Stores a file, once. Costs nothing, so it may be done again.
    ///
    /// # Errors
    /// Why it was not stored.
    pub async fn store(&self, store: &UploadStore, file: &Upload) -> Result<Stored, UploadError> {
        let stored = match store {
            UploadStore::Api => self.upload(file).await,
            UploadStore::Bucket(bucket) => bucket.store(file).await,
        };
        stored.map_err(|error| error.map_text(|text| shown(&text, &self.key)))
    }

    /// Hands a file to the API's own upload endpoint, once. Costs nothing.
    ///
    /// # Errors
    /// Why it was not stored, without the key.
    pub async fn upload(&self, file: &Upload) -> Result<Stored, UploadError> {
        let until = Timestamp::now().checked_add(API_KEEPS).unwrap_or(Timestamp::MAX);
        let clean = |error: UploadError| error.map_text(|text| shown(&text, &self.key));
        let url = self.post(file).await.map_err(clean)?;
        if self.key.is_shown_by(url.as_written()) {
            let message = "the address of the file has the API key in it";
            return Err(UploadError::refused("unusable_url", message));
        }
        Ok(Stored { url, until })
    }

    async fn post(&self, file: &Upload) -> Result<MediaUrl, UploadError> {
        let pool = self.pools.polls().map_err(|error| UploadError::again(error.to_string()))?;
        let fault = Fault::default();
        let form = Form::of(file);
        let request = pool
            .post(self.endpoint.at(UPLOAD_PATH))
            .timeout(file.timeout())
            .header(CONTENT_TYPE, form.content_type())
            .header(CONTENT_LENGTH, form.length(file))
            .body(form.body(file, &fault).await?);
        let sent = request.send().await;
        // Whatever the answer to half a file, it is not about the file.
        fault.take()?;
        let response = sent.map_err(|error| UploadError::again(cause(error)))?;
        let received = receive(response, &mut Deadline::new(file.timeout()), Keep::Most).await;
        let (plain, clean) = (self.media.plain(), || received.without(&self.key));
        judge_upload(&received, plain).or_else(|_| judge_upload(&clean(), plain))
    }
}

/// A `multipart/form-data` body (RFC 7578) around one file.
struct Form {
    boundary: String,
    head: String,
    tail: String,
}

impl Form {
    fn of(file: &Upload) -> Self {
        // No file has its own digest in it, so this cannot be mistaken for the end of the part.
        let boundary = format!("callsheet-{:.48}", file.sha256());
        let (name, media_type) = (file.name(), file.kind().media_type());
        let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=");
        // Unless told otherwise, the server makes room by deleting the oldest files, even those
        // that a task still waits for.
        let head = format!(
            "{part}\"auto_cleanup\"\r\n\r\nfalse\r\n\
             {part}\"file_name\"\r\n\r\n{name}\r\n\
             {part}\"file\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self { boundary, head, tail }
    }

    fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// In bytes.
    fn length(&self, file: &Upload) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + file.size()
    }

    async fn body(self, file: &Upload, fault: &Fault) -> Result<Body, UploadError> {
        let piece = |text: String| stream::iter([io::Result::Ok(Bytes::from(text))]);
        let contents = contents::open(file, fault).await?;
        let body = piece(self.head).chain(contents).chain(piece(self.tail));
        Ok(Body::wrap_stream(body))
    }
}

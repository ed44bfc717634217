//! Makes objects of videos in a bucket, in parts, so that nobody sees one before it is whole; and looks
//! at those that are there.
//!
//! Nothing is sent twice by these functions themselves. What an object was made of is in its metadata,
//! so that one is known again whose making was never recorded.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{RequestBuilder, Response};
use rusty_s3::Method;
use url::Url;

use super::bucket::{OpenBucket, STALL_TIMEOUT, START_WITHIN};
use super::cause;
use super::receive::{Deadline, Keep, receive};
use crate::pair::TaskId;
use crate::wire::{
    BucketRequest, ObjectPage, Received, UploadError, judge_begun, judge_bucket, judge_completed,
    judge_objects, judge_uploads,
};

/// The metadata that name the task of a video.
const TASK: &str = "x-amz-meta-callsheet-task";
const VIDEO: &str = "video/mp4";
/// How many objects are asked for at a time, which is the most that S3 gives.
const PAGE: &str = "1000";
/// How long any answer may take, but that to a part.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The slowest connection that is waited for, in bytes a second.
const SLOWEST: u64 = 100_000;

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// How large it is, if the bucket says.
    pub bytes: Option<u64>,
    /// The task whose video it is, if it was made by us.
    pub task: Option<String>,
}

/// The bytes of an object, as they come.
#[derive(Debug)]
pub struct ObjectStream(Response);

impl ObjectStream {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The cause, when the connection breaks or stalls.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UploadError> {
        self.0.chunk().await.map_err(|error| UploadError::again(cause(error)))
    }
}

/// A request to be signed; `query` and `headers` are in the order of their names.
#[derive(Clone, Copy)]
struct Ask<'a> {
    method: Method,
    /// Of the bucket itself if there is none.
    object: Option<&'a str>,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
}

impl OpenBucket {
    /// What is there under this name, if anything is.
    ///
    /// # Errors
    /// Why nobody can say.
    pub async fn find(&self, object: &str) -> Result<Option<Object>, UploadError> {
        let ask = Ask { method: Method::Head, object: Some(object), query: &[], headers: &[] };
        let answer = self.answer(self.pool.head(self.url(ask)), ANSWER_TIMEOUT).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        judge_bucket(BucketRequest::Ask, &answer)?;
        let bytes = answer.header("content-length").and_then(|text| text.trim().parse().ok());
        Ok(Some(Object { bytes, task: answer.header(TASK).map(str::to_owned) }))
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn read(&self, object: &str) -> Result<ObjectStream, UploadError> {
        let ask = Ask { method: Method::Get, object: Some(object), query: &[], headers: &[] };
        let sent = self.pool.get(self.url(ask)).send().await;
        let response = sent.map_err(|error| UploadError::again(cause(error)))?;
        if response.status().is_success() {
            return Ok(ObjectStream(response));
        }
        let answer = receive(response, &mut Deadline::new(ANSWER_TIMEOUT), Keep::Start).await;
        judge_bucket(BucketRequest::Read, &answer)?;
        Err(UploadError::again("the bucket gives nothing back"))
    }

    /// Some of the objects whose names begin so, without those in folders below; `from` is where the
    /// page before ended.
    ///
    /// # Errors
    /// Why there is no list.
    pub async fn objects(
        &self,
        prefix: &str,
        from: Option<&str>,
    ) -> Result<ObjectPage, UploadError> {
        let rest = [("delimiter", "/"), ("list-type", "2"), ("max-keys", PAGE), ("prefix", prefix)];
        let from = from.map(|from| ("continuation-token", from));
        let query: Vec<_> = from.into_iter().chain(rest).collect();
        let ask = Ask { method: Method::Get, object: None, query: &query, headers: &[] };
        judge_objects(&self.answer(self.pool.get(self.url(ask)), ANSWER_TIMEOUT).await?)
    }

    /// Begins an upload in parts of a task's video; gives its id.
    ///
    /// # Errors
    /// Why it was not begun; or that nobody can say, and then it may have been.
    pub async fn begin(&self, object: &str, task: Option<&TaskId>) -> Result<String, UploadError> {
        let task = task.map(|task| (TASK, task.as_str()));
        let headers: Vec<_> = [("content-type", VIDEO)].into_iter().chain(task).collect();
        let ask = Ask {
            method: Method::Post,
            object: Some(object),
            query: &[("uploads", "")],
            headers: &headers,
        };
        let request = self.pool.post(self.url(ask)).header(CONTENT_LENGTH, 0);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        judge_begun(&self.answer(request, ANSWER_TIMEOUT).await?)
    }

    /// Sends a part, whose MD5 the bucket compares; gives the part's tag.
    ///
    /// # Errors
    /// Why the bucket has it not. It may be sent again.
    pub async fn send_part(
        &self,
        (object, upload): (&str, &str),
        number: usize,
        part: Bytes,
    ) -> Result<String, UploadError> {
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload)];
        let ask = Ask { method: Method::Put, object: Some(object), query: &query, headers: &[] };
        let within = ANSWER_TIMEOUT + Duration::from_secs(part.len() as u64 / SLOWEST);
        let digest = BASE64_STANDARD.encode(Md5::digest(&part));
        let request = self.pool.put(self.url(ask)).header("content-md5", digest);
        let answer = self.answer(request.header(CONTENT_LENGTH, part.len()).body(part), within);
        let answer = answer.await?;
        judge_bucket(BucketRequest::Upload, &answer)?;
        let tag = answer.header(ETAG.as_str()).map(str::trim).unwrap_or_default();
        let fits = !tag.is_empty() && tag.len() <= 256 && !tag.contains(['<', '>', '&']);
        if fits { Ok(tag.to_owned()) } else { Err(UploadError::again("a part without a tag")) }
    }

    /// Makes an object of the parts with these tags, unless one of that name is there.
    ///
    /// # Errors
    /// Why there is none; or that nobody can say, and then there may be one.
    pub async fn complete(
        &self,
        (object, upload): (&str, &str),
        tags: &[String],
        place: Place,
    ) -> Result<(), UploadError> {
        let query = [("uploadId", upload)];
        let ask = Ask { method: Method::Post, object: Some(object), query: &query, headers: &[] };
        let request = self.pool.post(self.url(ask)).header(CONTENT_TYPE, "application/xml");
        let request = match place {
            Place::Free => request.header(IF_NONE_MATCH, "*"),
            Place::Unasked => request,
        };
        // Whoever copies what is large takes a while.
        judge_completed(&self.answer(request.body(parts(tags)), STALL_TIMEOUT * 2).await?)
    }

    /// Gives up an upload in parts; one that is over already, too.
    ///
    /// # Errors
    /// Why it may still be there.
    pub async fn abort(&self, object: &str, upload: &str) -> Result<(), UploadError> {
        let query = [("uploadId", upload)];
        let ask = Ask { method: Method::Delete, object: Some(object), query: &query, headers: &[] };
        let answer = self.answer(self.pool.delete(self.url(ask)), ANSWER_TIMEOUT).await?;
        match judge_bucket(BucketRequest::Upload, &answer) {
            Err(UploadError::Refused { code, .. }) if code == "NoSuchUpload" => Ok(()),
            judged => judged,
        }
    }

    /// The uploads in parts that are under way for an object.
    ///
    /// # Errors
    /// Why there is no list.
    pub async fn uploads(&self, object: &str) -> Result<Vec<String>, UploadError> {
        let query = [("prefix", object), ("uploads", "")];
        let ask = Ask { method: Method::Get, object: None, query: &query, headers: &[] };
        let answer = self.answer(self.pool.get(self.url(ask)), ANSWER_TIMEOUT).await?;
        judge_uploads(&answer, object)
    }

    fn url(&self, ask: Ask<'_>) -> Url {
        let (site, key) = (&self.site, self.credentials());
        let url = match ask.object {
            Some(object) => site.object_url(object),
            None => site.base_url().clone(),
        };
        rusty_s3::signing::sign(
            &Timestamp::now(),
            ask.method,
            url,
            key.key(),
            key.secret(),
            key.token(),
            site.region(),
            START_WITHIN.as_secs(),
            ask.query.iter().copied(),
            ask.headers.iter().copied(),
        )
    }

    async fn answer(
        &self,
        request: RequestBuilder,
        within: Duration,
    ) -> Result<Received, UploadError> {
        let sent = request.timeout(within).send().await;
        let response = sent.map_err(|error| UploadError::again(cause(error)))?;
        Ok(receive(response, &mut Deadline::new(within), Keep::All).await)
    }
}

/// Where an object may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Only where nothing is; the bucket looks.
    Free,
    /// For buckets that cannot look by themselves: whoever asks has.
    Unasked,
}

fn parts(tags: &[String]) -> String {
    let part = |(before, tag): (usize, &String)| {
        let number = before + 1;
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
    };
    let parts: String = tags.iter().enumerate().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

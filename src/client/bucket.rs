//! Puts files into a bucket, and signs the links by which the API fetches them.
//!
//! Everything is signed in the URL (Signature Version 4), so that the bucket may stay private. The
//! requests know nothing of the API's key, and the API nothing of the bucket's credentials.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use rusty_s3::{Credentials, S3Action, UrlStyle};
use url::Url;

use super::contents::{self, Fault, Stored, Upload};
use super::receive::{Deadline, Keep, receive};
use super::{ClientError, cause, pools};
use crate::manifest::{Bucket, BucketAddress, VideoBucket};
use crate::pair::{Endpoint, MediaUrl, PlainHttp, UrlError, without_query};
use crate::wire::{BucketRequest, UploadError, judge_bucket};

/// How long a bucket may say nothing once a file is there.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the first byte of a stored file may take to come back.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request to a bucket may take to be sent, once it is signed.
pub(super) const START_WITHIN: Duration = Duration::from_secs(900);

/// Where the bucket of the videos is named.
const VIDEOS: &str = "`videos`";
/// What names the server of buckets, as all tools for S3 know it.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
/// What names the region.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// What servers take that have no regions.
const USUAL_REGION: &str = "us-east-1";

/// What a bucket is opened with. It prints as `***`.
#[derive(Clone)]
pub struct BucketKey(Credentials);

/// Why a bucket cannot be used. Never contains a credential.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BucketError {
    /// This environment variable is missing.
    #[error("{setting} names a bucket, and {variable} is not set")]
    Unset {
        /// Where the bucket is named: `` `uploads` ``.
        setting: &'static str,
        /// What is missing.
        variable: &'static str,
    },
    /// No server can be asked there.
    #[error("{variable} is {text}: {reason}")]
    Server {
        /// The environment variable.
        variable: &'static str,
        /// What it says.
        text: String,
        /// What is wrong with that.
        reason: String,
    },
    /// Such a name cannot be part of a host.
    #[error("the bucket {name} has no address: {reason}")]
    Address {
        /// The bucket.
        name: String,
        /// Why not.
        reason: String,
    },
    /// No HTTP client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A bucket, and what it takes to put files into it.
#[derive(Debug, Clone)]
pub struct OpenBucket {
    pub(super) site: rusty_s3::Bucket,
    key: BucketKey,
    prefix: String,
    lifetime: Duration,
    plain: PlainHttp,
    pub(super) pool: reqwest::Client,
}

impl BucketKey {
    /// From the environment variables that all tools for S3 know, as `variable` gives them, for the
    /// bucket that a `setting` names.
    ///
    /// # Errors
    /// Names the one that is missing or empty.
    pub fn read(
        setting: &'static str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BucketError> {
        let value = |name: &'static str| {
            told(&variable, name).ok_or(BucketError::Unset { setting, variable: name })
        };
        let (id, secret) = (value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?);
        Ok(Self(match value("AWS_SESSION_TOKEN") {
            Ok(token) => Credentials::new_with_token(id, secret, token),
            Err(_) => Credentials::new(id, secret),
        }))
    }
}

/// What an environment variable says, if anything.
fn told(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = variable(name).map(|value| value.trim().to_owned());
    value.filter(|value| !value.is_empty())
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl OpenBucket {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// When the bucket has no address, or no HTTP client can be made.
    pub fn new(bucket: &Bucket, key: BucketKey) -> Result<Self, BucketError> {
        let style = match bucket.address {
            BucketAddress::Path => UrlStyle::Path,
            BucketAddress::Host => UrlStyle::VirtualHost,
        };
        let (server, name) = (bucket.endpoint.at("/"), bucket.name.clone());
        let site = rusty_s3::Bucket::new(server, style, name, bucket.region.clone());
        let site = site.map_err(|error| BucketError::Address {
            name: bucket.name.clone(),
            reason: error.to_string(),
        })?;
        let (local, encrypted) = (bucket.endpoint.is_loopback(), !bucket.endpoint.is_plain());
        Ok(Self {
            site,
            key,
            prefix: bucket.prefix.clone(),
            lifetime: bucket.lifetime,
            // Whether the bucket may be reached without TLS was decided with its settings.
            plain: if encrypted { PlainHttp::Loopback } else { PlainHttp::Anywhere },
            pool: pools::keyless(local && !encrypted, STALL_TIMEOUT, None)?,
        })
    }

    /// The bucket of finished videos. Its server is the one that the environment names, as `variable`
    /// gives it; that of `uploads`, where these go to a bucket; or Amazon's. Opens no connection yet.
    ///
    /// # Errors
    /// When something is missing in the environment, or the bucket has no address.
    pub fn of_videos(
        videos: &VideoBucket,
        uploads: Option<&Bucket>,
        variable: impl Fn(&str) -> Option<String>,
        plain: PlainHttp,
    ) -> Result<Self, BucketError> {
        let key = BucketKey::read(VIDEOS, &variable)?;
        let named = ENDPOINTS.iter().find_map(|name| Some((*name, told(&variable, name)?)));
        let region = REGIONS.iter().find_map(|name| told(&variable, name));
        let (endpoint, region) = match (named, uploads) {
            (Some((variable, text)), _) => {
                let server = |reason: UrlError| {
                    let (text, reason) = (without_query(&text), reason.to_string());
                    BucketError::Server { variable, text, reason }
                };
                let endpoint = Endpoint::parse(&text, plain).map_err(server)?;
                (endpoint, region.unwrap_or_else(|| USUAL_REGION.to_owned()))
            }
            (None, Some(uploads)) => (uploads.endpoint.clone(), uploads.region.clone()),
            (None, None) => amazon(region)?,
        };
        let address = match uploads {
            Some(uploads) if uploads.endpoint == endpoint => uploads.address,
            _ => BucketAddress::usual(&endpoint),
        };
        let (name, prefix) = (videos.name.clone(), videos.prefix.clone());
        Self::new(&Bucket { name, endpoint, region, prefix, lifetime: START_WITHIN, address }, key)
    }

    /// Where an object can be fetched for the next quarter of an hour, by anybody who has the link.
    #[must_use]
    pub fn link_to(&self, object: &str) -> Url {
        let action = self.site.get_object(Some(&self.key.0), object);
        action.sign_with_time(START_WITHIN, &Timestamp::now())
    }

    /// The bucket at its server, without its folder.
    #[must_use]
    pub fn address(&self) -> &str {
        self.site.base_url().as_str()
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.site.base_url(), self.prefix)
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.key.0
    }

    /// Puts a file into the bucket, once, and makes sure that its link works.
    pub(super) async fn store(&self, file: &Upload) -> Result<Stored, UploadError> {
        let object = self.object(file);
        self.put(file, &object).await?;
        // A signature names a whole second.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::MIN);
        let link = self.link(&object, now);
        // A policy may let files in and not out. The server would find that out too late.
        self.look(&link).await?;
        let url = MediaUrl::parse(link.as_str(), self.plain)
            .map_err(|error| UploadError::Bucket(format!("the link to the file: {error}")))?;
        Ok(Stored { url, until: now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX) })
    }

    /// The file's place in the bucket.
    fn object(&self, file: &Upload) -> String {
        match self.prefix.as_str() {
            "" => file.name(),
            prefix => format!("{prefix}/{}", file.name()),
        }
    }

    /// Where the file can be fetched for a while, by anybody who has the link.
    fn link(&self, object: &str, now: Timestamp) -> Url {
        self.site.get_object(Some(&self.key.0), object).sign_with_time(self.lifetime, &now)
    }

    /// Where the file can be put, by a request with its media type that starts in this time.
    fn place(&self, object: &str, media_type: &str, (span, now): (Duration, Timestamp)) -> Url {
        let mut action = self.site.put_object(Some(&self.key.0), object);
        action.headers_mut().insert("content-type", media_type);
        action.sign_with_time(span, &now)
    }

    async fn put(&self, file: &Upload, object: &str) -> Result<(), UploadError> {
        let media_type = file.kind().media_type();
        let place = self.place(object, media_type, (file.timeout(), Timestamp::now()));
        let fault = Fault::default();
        let request = self
            .pool
            .put(place)
            .timeout(file.timeout())
            .header(CONTENT_TYPE, media_type)
            .header(CONTENT_LENGTH, file.size())
            .body(Body::wrap_stream(contents::open(file, &fault).await?));
        let sent = request.send().await;
        fault.take()?;
        let response = sent.map_err(|error| UploadError::again(cause(error)))?;
        let mut deadline = Deadline::new(STALL_TIMEOUT);
        judge_bucket(BucketRequest::Put, &receive(response, &mut deadline, Keep::Most).await)
    }

    /// Fetches the first byte, as the API will fetch all of them.
    async fn look(&self, link: &Url) -> Result<(), UploadError> {
        let request = self.pool.get(link.clone()).timeout(LOOK_TIMEOUT).header(RANGE, "bytes=0-0");
        let response = request.send().await.map_err(|error| UploadError::again(cause(error)))?;
        if response.status().is_success() {
            // A server that knows no ranges would send the whole file.
            return Ok(());
        }
        let mut deadline = Deadline::new(LOOK_TIMEOUT);
        judge_bucket(BucketRequest::Look, &receive(response, &mut deadline, Keep::Most).await)
    }
}

/// Amazon's server for a region.
fn amazon(region: Option<String>) -> Result<(Endpoint, String), BucketError> {
    let [variable, _] = REGIONS;
    let region = region.ok_or(BucketError::Unset { setting: VIDEOS, variable })?;
    let host = format!("https://s3.{region}.amazonaws.com");
    let endpoint = Endpoint::parse(&host, PlainHttp::Loopback).map_err(|error| {
        let (text, reason) = (region.clone(), error.to_string());
        BucketError::Server { variable, text, reason }
    })?;
    Ok((endpoint, region))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::Endpoint;

    fn key(variables: &[(&str, &str)]) -> Result<BucketKey, BucketError> {
        BucketKey::read("`uploads`", |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const ID: (&str, &str) = ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    const SECRET: (&str, &str) =
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n");

    fn bucket(address: BucketAddress, endpoint: &str) -> Bucket {
        Bucket {
            name: "examplebucket".to_owned(),
            endpoint: Endpoint::parse(endpoint, PlainHttp::Loopback).unwrap(),
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            lifetime: Duration::from_secs(86_400),
            address,
        }
    }

    fn open(address: BucketAddress, endpoint: &str) -> Result<OpenBucket, BucketError> {
        OpenBucket::new(&bucket(address, endpoint), key(&[ID, SECRET]).unwrap())
    }

    /// The example of Amazon's own documentation of signed URLs.
    #[test]
    fn a_link_is_signed_as_amazon_documents_it() {
        let open = open(BucketAddress::Host, "https://s3.amazonaws.com").unwrap();
        let link = open.link("test.txt", "2013-05-24T00:00:00Z".parse().unwrap());
        assert_eq!(link.host_str(), Some("examplebucket.s3.amazonaws.com"));
        let expected = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(link.as_str().ends_with(&format!("X-Amz-Signature={expected}")), "{link}");
    }

    /// What botocore 1.44.5 signs for the same request at the same time.
    #[test]
    fn a_place_is_signed_as_amazons_own_library_does_it() {
        let open = open(BucketAddress::Path, "https://s3.us-east-1.amazonaws.com").unwrap();
        let now = "2026-11-22T18:00:00Z".parse().unwrap();
        let span = Duration::from_secs(120);
        let place = open.place("callsheet/ab12.wav", "audio/wav", (span, now));
        let expected = "2736e74b0d00299bfa7a727cbb437e8a63e63d863e410f063a10279f246cec83";
        assert!(place.as_str().ends_with(&format!("X-Amz-Signature={expected}")), "{place}");
    }

    #[test]
    fn credentials_are_named_when_missing_and_never_shown() {
        let missing = |variables: &[_]| key(variables).unwrap_err().to_string();
        let text = |name: &str| format!("`uploads` names a bucket, and {name} is not set");
        assert_eq!(missing(&[SECRET]), text("AWS_ACCESS_KEY_ID"));
        assert_eq!(missing(&[ID, ("AWS_SECRET_ACCESS_KEY", " \n")]), text("AWS_SECRET_ACCESS_KEY"));
        let open = open(BucketAddress::Path, "https://s3.amazonaws.com").unwrap();
        let shown = format!("{open:?}");
        assert!(!shown.contains("AKIA") && !shown.contains("wJalr"), "{shown}");
    }

    #[test]
    fn videos_go_to_the_server_of_the_environment_then_of_uploads_then_to_amazons() {
        let uploads = bucket(BucketAddress::Host, "https://oss.example.com");
        let opened = |variables: &[(&str, &str)], uploads: Option<&Bucket>| {
            let videos = "s3://films/spring".parse().unwrap();
            let variable = |name: &str| {
                let mut known = variables.iter().chain(&[ID, SECRET]);
                known.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let open = OpenBucket::of_videos(&videos, uploads, variable, PlainHttp::Loopback)?;
            Ok::<_, BucketError>(format!("{} {}", open.address(), open.site.region()))
        };
        let (minio, region) = (("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_REGION", "eu-1"));
        assert_eq!(opened(&[minio], None).unwrap(), "http://127.0.0.1:9/films/ us-east-1");
        assert_eq!(
            opened(&[minio, region], Some(&uploads)).unwrap(),
            "http://127.0.0.1:9/films/ eu-1"
        );
        assert_eq!(
            opened(&[region], Some(&uploads)).unwrap(),
            "https://films.oss.example.com/ us-east-1"
        );
        assert_eq!(opened(&[region], None).unwrap(), "https://s3.eu-1.amazonaws.com/films/ eu-1");
        let wrong = |variables: &[(&str, &str)]| opened(variables, None).unwrap_err().to_string();
        assert_eq!(wrong(&[]), "`videos` names a bucket, and AWS_REGION is not set");
        let plain = wrong(&[("AWS_ENDPOINT_URL_S3", "http://s3.example.com"), minio]);
        assert!(plain.starts_with("AWS_ENDPOINT_URL_S3 is http://s3.example.com: "), "{plain}");
        assert!(wrong(&[("AWS_REGION", "a/b")]).starts_with("AWS_REGION is a/b: "));
    }

    #[test]
    fn a_session_token_is_part_of_the_link() {
        let key = key(&[ID, SECRET, ("AWS_SESSION_TOKEN", "session")]).unwrap();
        let bucket = bucket(BucketAddress::Path, "https://s3.amazonaws.com");
        let link = OpenBucket::new(&bucket, key).unwrap().link("a.jpg", Timestamp::UNIX_EPOCH);
        assert!(link.as_str().starts_with("https://s3.amazonaws.com/examplebucket/a.jpg?"));
        assert!(link.query().unwrap().contains("X-Amz-Security-Token=session"), "{link}");
    }

    #[test]
    fn an_address_has_no_bucket_in_its_host() {
        let error = open(BucketAddress::Host, "http://127.0.0.1:5000").unwrap_err();
        assert!(error.to_string().contains("the bucket examplebucket has no address"), "{error}");
    }
}

//! Videos, portraits and recordings of a batch: from this machine in ranges, from elsewhere by links.

use std::path::Path;

use hyper::header::{HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::cli::BatchArgs;
use crate::client::OpenBucket;
use crate::commands::batch::{Site, plain};
use crate::commands::failure::Failure;
use crate::commands::written::Written;
use crate::files;
use crate::manifest::{SCHEME, VideoBucket};
use crate::pair::LocalFile;
use crate::serve::{Body, file, words};
use crate::state::State;
use crate::ui::Ui;
use crate::view::Row;

/// What is shown of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Face,
    Voice,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Video, Self::Face, Self::Voice];

    /// As an address has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Face => "face",
            Self::Voice => "voice",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where they are.
#[derive(Debug)]
pub(super) struct Media {
    site: Site,
    bucket: Option<Bucket>,
}

/// The bucket that videos of the batch lie in.
#[derive(Debug)]
struct Bucket {
    open: OpenBucket,
    /// `s3://name/`.
    prefix: String,
    server: String,
}

impl Media {
    pub(super) fn of(ui: &Ui, site: &Site, args: &BatchArgs) -> Result<Self, Failure> {
        let path = site.existing()?.any_in_bucket()?;
        let bucket = path.and_then(|path| {
            let opened = open(&path, args);
            opened.inspect_err(|why| ui.warn(&format!("videos are not shown: {why}"))).ok()
        });
        Ok(Self { site: site.clone(), bucket })
    }

    /// The server of the bucket, as an origin.
    pub(super) fn server(&self) -> Option<&str> {
        self.bucket.as_ref().map(|bucket| &*bucket.server)
    }

    pub(super) async fn answer(
        &self,
        asked: (&Method, &HeaderMap),
        kind: Kind,
        row: &Row,
    ) -> Response<Body> {
        match kind {
            Kind::Video => self.video(asked, row).await,
            Kind::Face => self.listed(asked, &row.image_url, picture).await,
            Kind::Voice => self.listed(asked, &row.audio_url, sound).await,
        }
    }

    async fn video(&self, asked: (&Method, &HeaderMap), row: &Row) -> Response<Body> {
        let path = row.video_path.as_deref().filter(|_| row.state == State::Saved);
        let Some(path) = path else { return nothing() };
        if path.starts_with(SCHEME) {
            let found = self.bucket.as_ref().and_then(|Bucket { open, prefix, .. }| {
                Some(open.link_to(path.strip_prefix(prefix.as_str())?))
            });
            return found.map_or_else(nothing, |link| redirect(link.as_str()));
        }
        file(asked, &self.site.folder.join(path), "video/mp4").await
    }

    /// What the manifest names: only within its folder, or elsewhere in the world.
    async fn listed(
        &self,
        asked: (&Method, &HeaderMap),
        listed: &str,
        media_type: fn(&str) -> Option<&'static str>,
    ) -> Response<Body> {
        let Some(local) = LocalFile::of_listed(listed) else { return redirect(listed) };
        let (Ok(found), Some(media_type)) =
            (files::find(&self.site.manifest, &local.path), media_type(&ending(&local.path)))
        else {
            return nothing();
        };
        file(asked, &found.path, media_type).await
    }
}

fn open(path: &str, args: &BatchArgs) -> Result<Bucket, String> {
    let name = path.strip_prefix(SCHEME).and_then(|rest| rest.split('/').next());
    let place: VideoBucket = format!("{SCHEME}{}", name.unwrap_or_default())
        .parse()
        .map_err(|error| format!("{path}: {error}"))?;
    let written = Written::open(&args.manifest.manifest).ok();
    let head = written.and_then(|written| written.head(&args.manifest));
    let uploads = head.as_ref().and_then(|head| head.uploads.as_ref());
    let variable = |name: &str| std::env::var(name).ok();
    let open = OpenBucket::of_videos(&place, uploads, variable, plain(&args.manifest))
        .map_err(|error| error.to_string())?;
    let server = open.link_to("x").origin().ascii_serialization();
    Ok(Bucket { open, prefix: format!("{SCHEME}{}/", place.name), server })
}

/// Signed links are secrets: no browser is to keep where this led.
fn redirect(link: &str) -> Response<Body> {
    let is_link = link.starts_with("https://") || link.starts_with("http://");
    let Some(link) = HeaderValue::from_str(link).ok().filter(|_| is_link) else {
        return nothing();
    };
    let mut response = words(StatusCode::FOUND, "");
    response.headers_mut().insert(LOCATION, link);
    response
}

fn nothing() -> Response<Body> {
    words(StatusCode::NOT_FOUND, "it is not there\n")
}

fn ending(path: &str) -> String {
    let ending = Path::new(path).extension().unwrap_or_default();
    ending.to_string_lossy().to_ascii_lowercase()
}

/// What browsers show; nothing that may hold a script.
fn picture(ending: &str) -> Option<&'static str> {
    Some(match ending {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "avif" => "image/avif",
        _ => return None,
    })
}

fn sound(ending: &str) -> Option<&'static str> {
    Some(match ending {
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "m4a" | "mp4" => "audio/mp4",
        "aac" => "audio/aac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        _ => return None,
    })
}

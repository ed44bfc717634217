//! Where the videos of a run go: to its folder, another one, or a bucket.

use crate::cli::{RunArgs, Until};
use crate::client::OpenBucket;
use crate::commands::batch::{Batch, plain};
use crate::commands::failure::Failure;
use crate::download::{BucketShelf, DiskShelf, Shelf};
use crate::exit::Exit;
use crate::manifest::{SCHEME, VideoBucket};

pub(super) fn shelf(args: &RunArgs, batch: &Batch) -> Result<Shelf, Failure> {
    let (folder, name) = (&batch.site.folder, args.video.video_name.clone());
    let Some(place) = bucket(args, batch)? else {
        return Ok(Shelf::Disk(DiskShelf::new(folder, args.video.videos.as_deref(), name)));
    };
    let (uploads, plain) = (batch.manifest.uploads.as_ref(), plain(&args.batch.manifest));
    let variable = |name: &str| std::env::var(name).ok();
    let open = OpenBucket::of_videos(&place, uploads, variable, plain).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string()).hint(
            "the key of the bucket comes from the environment; so does its server, unless it is \
             that of `uploads`",
        )
    })?;
    Ok(Shelf::Bucket(Box::new(BucketShelf::new((open, place), folder, name))))
}

/// The option goes before the manifest. A rehearsal's videos are the fake's, and never go there.
fn bucket(args: &RunArgs, batch: &Batch) -> Result<Option<VideoBucket>, Failure> {
    let Some(named) = &args.video.videos else {
        return Ok(batch.video_bucket().filter(|_| args.until == Until::Saved).cloned());
    };
    let named = named.to_string_lossy();
    if !named.starts_with(SCHEME) {
        return Ok(None);
    }
    if batch.site.rehearsal {
        return Err(Failure::new(Exit::Usage, "the videos of a rehearsal go to no bucket")
            .hint("leave --videos out, or name a folder"));
    }
    let bucket = named.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("--videos {named}: {error}"))
            .hint("write s3://BUCKET/FOLDER, or a folder of this machine")
    })?;
    Ok(Some(bucket))
}

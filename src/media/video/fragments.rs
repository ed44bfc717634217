//! A video in fragments: follows each of them, and says what is known of its end.

use std::io::{Read, Seek};
use std::time::Duration;

use super::outline::{Outline, Spot};
use super::tracks::{Bounds, Movie, Reach, Tabled};
use super::{Ending, VideoFlaw};
use crate::media::boxes::{boxes, find};
use crate::media::fields::{be16, be32, be64};

/// How much less its fragments may play than a video says: edits and paddings are counted by some
/// and not by others. A hundredth comes on top.
const TOLERANCE: Duration = Duration::from_millis(250);
/// The data begin where the fragment does.
const BASE_IS_MOOF: u32 = 0x2_0000;

/// Follows all fragments of a file.
pub(super) fn follow(
    file: &mut (impl Read + Seek),
    outline: &Outline,
    movie: &mut Movie,
) -> Result<Ending, VideoFlaw> {
    let bounds = Bounds { data: &outline.data, length: outline.length };
    for spot in &outline.moofs {
        one(spot, &spot.read(file)?, movie, bounds)?;
    }
    ending(file, outline, movie)
}

fn one(spot: &Spot, body: &[u8], movie: &mut Movie, bounds: Bounds<'_>) -> Result<(), VideoFlaw> {
    let moof = spot.with(body);
    let mut before = spot.at;
    for traf in boxes(moof.body).filter(|found| &found.name == b"traf") {
        let tfhd = find(traf.body, &[b"tfhd"]).ok_or(VideoFlaw::Lacks("tfhd"))?;
        let (flags, id) = be32(tfhd, 0).zip(be32(tfhd, 4)).ok_or(VideoFlaw::Tables)?;
        let base = if flags & BASE_IS_MOOF == 0 { before } else { spot.at };
        let mut tracks = movie.tracks.iter_mut();
        let Some(track) = tracks.find(|track| track.id == id && track.plays()) else { continue };
        let usual = track.usual.at(base).told(tfhd).ok_or(VideoFlaw::Tables)?;
        let mut reach = Reach::new(bounds);
        match usual.runs(traf.body, &mut reach) {
            Some(end) => before = end,
            None => return Err(reach.fault()),
        }
        track.ticks = track.ticks.saturating_add(reach.ticks);
        track.filled += reach.filled;
    }
    Ok(())
}

/// Between two fragments a file can be cut without a trace, unless it says what belongs to it.
fn ending(
    file: &mut (impl Read + Seek),
    outline: &Outline,
    movie: &Movie,
) -> Result<Ending, VideoFlaw> {
    let covered = match &outline.sidx {
        Some(sidx) => covered(sidx.end(), &sidx.read(file)?).ok_or(VideoFlaw::Tables)?,
        None => Covered { to: 0, parts: 0 },
    };
    if covered.to > outline.length {
        return Err(VideoFlaw::Cut);
    }
    if let Some(mfra) = &outline.mfra {
        let within = is_within(&mfra.read(file)?, outline.length);
        return if within { Ok(Ending::Proven) } else { Err(VideoFlaw::Astray) };
    }
    let found = movie.found();
    for said in [movie.fragments, movie.length].into_iter().flatten() {
        if found + TOLERANCE + said / 100 < said {
            return Err(VideoFlaw::Cut);
        }
    }
    // The header of a video that has samples beside its fragments may speak of those only.
    let whole = movie.length.filter(|_| movie.tabled == Tabled::Nothing);
    let data_end = outline.data.last().map(|(_, end)| *end);
    // An index of one fragment may be followed by the next one.
    let indexed = outline.more_sidx == 0 && covered.parts > 1 && data_end == Some(covered.to);
    let proven = indexed || movie.fragments.or(whole).is_some();
    Ok(if proven { Ending::Proven } else { Ending::Unproven })
}

/// What an index of segments speaks of.
struct Covered {
    to: u64,
    parts: u16,
}

/// Reads a `sidx` box that ends at a place: what follows it, part by part.
fn covered(end: u64, sidx: &[u8]) -> Option<Covered> {
    let wide = *sidx.first()? == 1;
    let (first, at) = if wide { (be64(sidx, 20)?, 28) } else { (be32(sidx, 16)?.into(), 20) };
    let parts = be16(sidx, at + 2)?;
    let mut to = end.checked_add(first)?;
    for part in 0..usize::from(parts) {
        // The highest bit says that it leads to another index.
        let size = be32(sidx, at + 4 + 12 * part)? & 0x7fff_ffff;
        to = to.checked_add(size.into())?;
    }
    Some(Covered { to, parts })
}

/// Whether all fragments that an index at the end names begin in the file.
fn is_within(mfra: &[u8], length: u64) -> bool {
    boxes(mfra).filter(|found| &found.name == b"tfra").all(|tfra| {
        let offsets = offsets(tfra.body).unwrap_or_default();
        offsets.into_iter().all(|at| at < length)
    })
}

fn offsets(tfra: &[u8]) -> Option<Vec<u64>> {
    let wide = *tfra.first()? == 1;
    let (sizes, count) = (be32(tfra, 8)?, be32(tfra, 12)?);
    // How many bytes the numbers of track fragment, run and sample take.
    let numbers: usize = [4, 2, 0].map(|shift| (sizes >> shift & 3) as usize + 1).iter().sum();
    let step = if wide { 16 } else { 8 } + numbers;
    let entry = |n: usize| {
        let at = 16 + n * step;
        if wide { be64(tfra, at + 8) } else { be32(tfra, at + 4).map(u64::from) }
    };
    // Entries that are not there end it.
    Some((0..count as usize).map_while(entry).collect())
}

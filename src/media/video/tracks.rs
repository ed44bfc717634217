//! Pictures and sound of a video: where their samples are, and whether these are there.

use std::time::Duration;

use super::{Sound, VideoFlaw};
use crate::media::boxes::{boxes, find};
use crate::media::fields::{be32, be64, time};
use crate::media::tables::{self, Take, Usual, walk_table};

/// What is known of the samples of a track.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) id: u32,
    handler: [u8; 4],
    scale: u32,
    /// What samples of fragments are unless these say otherwise.
    pub(super) usual: Usual,
    /// How long those play that were followed, in units of the track.
    pub(super) ticks: u64,
    /// How many of them have anything in them.
    pub(super) filled: u64,
}

/// What the `moov` box says.
#[derive(Debug)]
pub(super) struct Movie {
    pub(super) tracks: Vec<Track>,
    /// How long it plays, as the `mvhd` box has it.
    pub(super) length: Option<Duration>,
    /// How long its fragments play, as the `mehd` box has it.
    pub(super) fragments: Option<Duration>,
    /// Whether its tables name samples.
    pub(super) tabled: Tabled,
    /// Whether more samples may be in fragments.
    pub(super) has_fragments: bool,
}

/// Where the samples are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tabled {
    /// In the tables of the `moov` box, some of them at least.
    Samples,
    /// In fragments only.
    Nothing,
}

/// Where samples may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// From and to, ascending.
    pub(super) data: &'a [(u64, u64)],
    /// How long the file is.
    pub(super) length: u64,
}

/// Follows samples, and remembers why one is not there.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    bounds: Bounds<'a>,
    pub(super) ticks: u64,
    pub(super) filled: u64,
    samples: u64,
    fault: Option<VideoFlaw>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(bounds: Bounds<'a>) -> Self {
        Self { bounds, ticks: 0, filled: 0, samples: 0, fault: None }
    }

    /// Why the walk came to no end.
    pub(super) fn fault(self) -> VideoFlaw {
        self.fault.unwrap_or(VideoFlaw::Tables)
    }

    fn look(&self, at: u64, size: u32) -> Result<u64, VideoFlaw> {
        let Bounds { data, length } = self.bounds;
        let end = at.checked_add(size.into()).filter(|end| *end <= length).ok_or(VideoFlaw::Cut)?;
        let before = data.partition_point(|(from, _)| *from <= at);
        let inside = before.checked_sub(1).is_some_and(|found| end <= data[found].1);
        // No walk is longer than the file.
        if self.samples > length {
            return Err(VideoFlaw::Tables);
        }
        if inside || size == 0 { Ok(end) } else { Err(VideoFlaw::Astray) }
    }
}

impl Take for Reach<'_> {
    fn take(&mut self, at: u64, size: u32, ticks: u32) -> Option<u64> {
        let end = self.look(at, size).map_err(|fault| self.fault = Some(fault)).ok()?;
        self.samples += 1;
        self.filled += u64::from(size > 0);
        self.ticks = self.ticks.saturating_add(ticks.into());
        Some(end)
    }
}

impl Movie {
    /// Reads the content of a `moov` box, and follows its tables.
    pub(super) fn read(moov: &[u8], bounds: Bounds<'_>) -> Result<Self, VideoFlaw> {
        let mvhd = find(moov, &[b"mvhd"]).ok_or(VideoFlaw::Lacks("mvhd"))?;
        let scale = header_scale(mvhd).unwrap_or(0);
        let length = header_length(mvhd).and_then(|units| time(units, scale));
        let mehd = find(moov, &[b"mvex", b"mehd"]).and_then(extent);
        let fragments = mehd.and_then(|units| time(units, scale));
        let has_fragments = find(moov, &[b"mvex"]).is_some();
        let (tracks, tabled) = (Vec::new(), Tabled::Nothing);
        let mut movie = Self { tracks, length, fragments, tabled, has_fragments };
        for trak in boxes(moov).filter(|found| &found.name == b"trak") {
            movie.add(trak.body, moov, bounds)?;
        }
        if movie.tracks.is_empty() { Err(VideoFlaw::Lacks("trak")) } else { Ok(movie) }
    }

    fn add(&mut self, trak: &[u8], moov: &[u8], bounds: Bounds<'_>) -> Result<(), VideoFlaw> {
        let mut track = Track::read(trak, moov).ok_or(VideoFlaw::Tables)?;
        let stbl = find(trak, &[b"mdia", b"minf", b"stbl"]);
        let count = stbl.and_then(tables::count).unwrap_or(0);
        if let Some(stbl) = stbl.filter(|_| count > 0 && track.plays()) {
            self.tabled = Tabled::Samples;
            track.follow(stbl, bounds)?;
        }
        self.tracks.push(track);
        Ok(())
    }

    /// How long the longest of its tracks plays, as far as it was followed.
    pub(super) fn found(&self) -> Duration {
        let tracks = self.tracks.iter().filter(|track| track.plays());
        tracks.filter_map(|track| time(track.ticks, track.scale)).max().unwrap_or_default()
    }

    fn has(&self, handler: &[u8; 4]) -> bool {
        self.tracks.iter().any(|track| track.handler == *handler && track.filled > 0)
    }

    pub(super) fn has_picture(&self) -> bool {
        self.has(b"vide")
    }

    pub(super) fn sound(&self) -> Sound {
        if self.has(b"soun") { Sound::There } else { Sound::Missing }
    }
}

impl Track {
    fn read(trak: &[u8], moov: &[u8]) -> Option<Self> {
        let tkhd = find(trak, &[b"tkhd"])?;
        let id = be32(tkhd, if *tkhd.first()? == 1 { 20 } else { 12 })?;
        let scale = header_scale(find(trak, &[b"mdia", b"mdhd"])?)?;
        let handler = find(trak, &[b"mdia", b"hdlr"])?.get(8..12)?.try_into().ok()?;
        let usual = Usual::read(moov, id).unwrap_or_default();
        Some(Self { id, handler, scale, usual, ticks: 0, filled: 0 })
    }

    /// Subtitles and time codes may be anywhere, and are not missed.
    pub(super) fn plays(&self) -> bool {
        matches!(&self.handler, b"vide" | b"soun")
    }

    fn follow(&mut self, stbl: &[u8], bounds: Bounds<'_>) -> Result<(), VideoFlaw> {
        let mut reach = Reach::new(bounds);
        if walk_table(stbl, &mut reach).is_none() {
            return Err(reach.fault());
        }
        self.filled = reach.filled;
        self.ticks = tables::ticks(stbl).map_or(0, |(ticks, _)| ticks);
        Ok(())
    }
}

/// Units in a second, of an `mvhd` or `mdhd` box of either version.
fn header_scale(header: &[u8]) -> Option<u32> {
    be32(header, if *header.first()? == 1 { 20 } else { 12 })
}

/// The duration of such a box; all ones mean that nobody knows, and so does nothing.
fn header_length(header: &[u8]) -> Option<u64> {
    let units = if *header.first()? == 1 {
        be64(header, 24).filter(|units| *units != u64::MAX)
    } else {
        be32(header, 16).filter(|units| *units != u32::MAX).map(u64::from)
    };
    units.filter(|units| *units > 0)
}

fn extent(mehd: &[u8]) -> Option<u64> {
    let units = if *mehd.first()? == 1 { be64(mehd, 4) } else { be32(mehd, 4).map(u64::from) };
    units.filter(|units| *units > 0)
}

//! The tables that say where the samples of an M4A are and how long each plays.

use std::ops::Range;

use super::super::boxes::{Boxed, boxes, find};
use super::super::fields::{be32, be64, place};
use super::hear::MOST_PACKETS;

/// The samples of one track, every one of them inside the file.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// How long all play, in units of the track.
    pub(super) ticks: u64,
    pub(super) count: u64,
    /// Where the first of them are, for listening.
    pub(super) places: Vec<Range<usize>>,
}

impl Samples {
    /// Takes one sample; `None` if it is empty, or not in the file, or of more than fit into it.
    fn add(&mut self, at: u64, size: u32, file: usize) -> Option<u64> {
        let end = at.checked_add(size.into()).filter(|end| size > 0 && *end <= file as u64)?;
        if self.count >= file as u64 {
            return None;
        }
        if self.places.len() < MOST_PACKETS {
            self.places.push(place(at)..place(end));
        }
        self.count += 1;
        Some(end)
    }
}

/// Reads a table of entries of `N` numbers that follow their count.
fn entries<const N: usize>(body: &[u8], count: usize) -> Option<impl Iterator<Item = [u32; N]>> {
    let many = place(be32(body, count)?);
    let rows = body.get(count + 4..)?;
    let size = many.checked_mul(4 * N).filter(|size| *size <= rows.len())?;
    Some(
        rows[..size]
            .chunks_exact(4 * N)
            .map(|row| std::array::from_fn(|column| be32(row, 4 * column).unwrap_or(0))),
    )
}

/// Reads the tables of a file that is not in fragments. `None`: they contradict themselves, or
/// point out of the file.
pub(super) fn table(stbl: &[u8], file: usize) -> Option<Samples> {
    let mut samples = Samples::default();
    let (mut ticks, mut timed) = (0_u64, 0_u64);
    for [count, each] in entries::<2>(find(stbl, &[b"stts"])?, 4)? {
        ticks = ticks.checked_add(u64::from(count) * u64::from(each))?;
        timed += u64::from(count);
    }
    let stsz = find(stbl, &[b"stsz"])?;
    let (same, many) = (be32(stsz, 4)?, be32(stsz, 8)?);
    if timed != u64::from(many) || many as usize > file {
        return None;
    }
    let sizes: Box<dyn Iterator<Item = u32>> = match same {
        0 => Box::new(entries::<1>(stsz, 8)?.map(|[size]| size)),
        same => Box::new(std::iter::repeat_n(same, place(many))),
    };
    walk_chunks(stbl, sizes, |at, size| samples.add(at, size, file))?;
    samples.ticks = ticks;
    (samples.count == u64::from(many)).then_some(samples)
}

/// Goes through the chunks and gives each sample its place.
fn walk_chunks(
    stbl: &[u8],
    mut sizes: Box<dyn Iterator<Item = u32> + '_>,
    mut add: impl FnMut(u64, u32) -> Option<u64>,
) -> Option<()> {
    let runs: Vec<[u32; 3]> = entries(find(stbl, &[b"stsc"])?, 4)?.collect();
    let mut run = 0;
    for (chunk, at) in (1..).zip(chunk_places(stbl)?) {
        if runs.get(run + 1).is_some_and(|[first, ..]| *first <= chunk) {
            run += 1;
        }
        let mut at = at;
        for size in sizes.by_ref().take(place(runs.get(run)?[1])) {
            at = add(at, size)?;
        }
    }
    Some(())
}

fn chunk_places(stbl: &[u8]) -> Option<Vec<u64>> {
    if let Some(stco) = find(stbl, &[b"stco"]) {
        return Some(entries::<1>(stco, 4)?.map(|[at]| at.into()).collect());
    }
    let wide = entries::<2>(find(stbl, &[b"co64"])?, 4)?;
    Some(wide.map(|[high, low]| u64::from(high) << 32 | u64::from(low)).collect())
}

/// What samples of a track's fragments are where they do not say it themselves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usual {
    track: u32,
    base: u64,
    ticks: u32,
    size: u32,
}

/// Adds the samples that a fragment has of a track, in a file of a size.
pub(super) fn fragment(
    moof: Boxed<'_>,
    usual: Usual,
    (file, samples): (usize, &mut Samples),
) -> Option<()> {
    let usual = Usual { base: moof.at as u64, ..usual };
    for traf in boxes(moof.body).filter(|found| &found.name == b"traf") {
        let tfhd = find(traf.body, &[b"tfhd"])?;
        if be32(tfhd, 4) != Some(usual.track) {
            continue;
        }
        let usual = usual.told(tfhd)?;
        let mut at = usual.base;
        for trun in boxes(traf.body).filter(|found| &found.name == b"trun") {
            at = usual.run(trun.body, at, (file, samples))?;
        }
    }
    Some(())
}

impl Usual {
    /// What the whole film says of a track's fragments.
    pub(super) fn read(moov: &[u8], track: u32) -> Option<Usual> {
        let mut all = boxes(find(moov, &[b"mvex"])?).filter(|found| &found.name == b"trex");
        let trex = all.find(|trex| be32(trex.body, 4) == Some(track))?.body;
        Some(Usual { track, base: 0, ticks: be32(trex, 12)?, size: be32(trex, 16)? })
    }

    /// With what the fragment's own header says.
    fn told(mut self, tfhd: &[u8]) -> Option<Usual> {
        let flags = be32(tfhd, 0)?;
        let mut at = 8;
        if flags & 1 != 0 {
            self.base = be64(tfhd, at)?;
            at += 8;
        }
        at += if flags & 2 == 0 { 0 } else { 4 };
        if flags & 8 != 0 {
            self.ticks = be32(tfhd, at)?;
            at += 4;
        }
        if flags & 16 != 0 {
            self.size = be32(tfhd, at)?;
        }
        Some(self)
    }

    /// Walks one run of samples; its end is where the next begins.
    fn run(&self, trun: &[u8], from: u64, (file, samples): (usize, &mut Samples)) -> Option<u64> {
        let (flags, count) = (be32(trun, 0)?, be32(trun, 4)?);
        let (mut field, mut at) = (8, from);
        if flags & 1 != 0 {
            at = self.base.checked_add_signed(be32(trun, field)?.cast_signed().into())?;
            field += 4;
        }
        field += if flags & 4 == 0 { 0 } else { 4 };
        for _ in 0..count {
            let mut next = |flag: u32, usual: u32| -> Option<u32> {
                if flags & flag == 0 {
                    return Some(usual);
                }
                field += 4;
                be32(trun, field - 4)
            };
            let (ticks, size) = (next(0x100, self.ticks)?, next(0x200, self.size)?);
            next(0x400, 0)?;
            next(0x800, 0)?;
            at = samples.add(at, size, file)?;
            samples.ticks = samples.ticks.checked_add(ticks.into())?;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes()[..], name, &body].concat()
    }

    fn tables(many: u32, size: u32) -> Vec<u8> {
        [
            boxed(b"stts", &[0, 1, many, 1024]),
            boxed(b"stsz", &[0, size, many]),
            boxed(b"stsc", &[0, 2, 1, 2, 1, 2, 1, 1]),
            boxed(b"stco", &[0, 2, 10, 30]),
        ]
        .concat()
    }

    #[test]
    fn samples_stand_in_their_chunks() {
        let samples = table(&tables(3, 4), 34).unwrap();
        assert_eq!((samples.ticks, samples.count), (3072, 3));
        assert_eq!(samples.places, [10..14, 14..18, 30..34]);
    }

    #[test]
    fn tables_that_contradict_themselves_say_nothing() {
        assert!(table(&tables(3, 4), 33).is_none(), "the last sample is not in the file");
        assert!(table(&tables(4, 4), 34).is_none(), "there is no chunk for the fourth");
        assert!(table(&tables(u32::MAX, 4), 34).is_none());
    }

    #[test]
    fn a_run_without_end_ends_with_the_file() {
        let usual = Usual { track: 1, base: 0, ticks: 1, size: 1 };
        let endless: Vec<u8> = [0, u32::MAX].iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        let mut samples = Samples::default();
        assert_eq!(usual.run(&endless, 0, (100, &mut samples)), None);
        assert_eq!(samples.count, 100);
        assert_eq!(Usual { size: 0, ..usual }.run(&endless, 0, (100, &mut samples)), None);
    }
}

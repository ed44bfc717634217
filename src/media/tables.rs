//! The tables that say where the samples of an MP4 are and how long each plays.

use super::boxes::{Boxed, boxes, find};
use super::fields::{be32, be64, place};

/// What is done with samples, one after another.
pub(super) trait Take {
    /// Takes a sample, and gives its end. `None` ends the walk: it cannot be where it is said to
    /// be, or there are more of them than can be.
    fn take(&mut self, at: u64, size: u32, ticks: u32) -> Option<u64>;
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

/// How long the samples of a table play, in units of the track, and how many that is said of.
pub(super) fn ticks(stbl: &[u8]) -> Option<(u64, u64)> {
    let (mut ticks, mut timed) = (0_u64, 0_u64);
    for [count, each] in entries::<2>(find(stbl, &[b"stts"])?, 4)? {
        ticks = ticks.checked_add(u64::from(count) * u64::from(each))?;
        timed += u64::from(count);
    }
    Some((ticks, timed))
}

/// How many samples a table has.
pub(super) fn count(stbl: &[u8]) -> Option<u32> {
    match find(stbl, &[b"stsz"]) {
        Some(stsz) => be32(stsz, 8),
        None => be32(find(stbl, &[b"stz2"])?, 8),
    }
}

/// Goes through the samples of a table. `None`: it contradicts itself, or `take` has had enough.
pub(super) fn walk_table(stbl: &[u8], take: &mut impl Take) -> Option<()> {
    let mut left = count(stbl)?;
    let sizes = sizes(stbl)?;
    walk_chunks(stbl, sizes, |at, size| {
        left -= 1;
        take.take(at, size, 0)
    })?;
    (left == 0).then_some(())
}

type Sizes<'a> = Box<dyn Iterator<Item = u32> + 'a>;

fn sizes(stbl: &[u8]) -> Option<Sizes<'_>> {
    let Some(stsz) = find(stbl, &[b"stsz"]) else { return compact_sizes(stbl) };
    let (same, many) = (be32(stsz, 4)?, be32(stsz, 8)?);
    Some(match same {
        0 => Box::new(entries::<1>(stsz, 8)?.map(|[size]| size)),
        same => Box::new(std::iter::repeat_n(same, place(many))),
    })
}

/// Of 4, 8 or 16 bits each.
fn compact_sizes(stbl: &[u8]) -> Option<Sizes<'_>> {
    let stz2 = find(stbl, &[b"stz2"])?;
    let (bits, many) = (*stz2.get(7)?, place(be32(stz2, 8)?));
    let bytes = many.checked_mul(bits.into())?.div_ceil(8);
    let table = stz2.get(12..12_usize.checked_add(bytes)?)?;
    Some(match bits {
        4 => {
            Box::new(table.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(many).map(u32::from))
        }
        8 => Box::new(table.iter().copied().map(u32::from)),
        16 => {
            Box::new(table.chunks_exact(2).map(|size| u32::from(size[0]) << 8 | u32::from(size[1])))
        }
        _ => return None,
    })
}

/// Goes through the chunks and gives each sample its place.
fn walk_chunks(
    stbl: &[u8],
    mut sizes: Sizes<'_>,
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

/// Goes through the samples that a fragment has of a track.
pub(super) fn fragment(moof: Boxed<'_>, usual: Usual, take: &mut impl Take) -> Option<()> {
    let usual = Usual { base: moof.at as u64, ..usual };
    for traf in boxes(moof.body).filter(|found| &found.name == b"traf") {
        let tfhd = find(traf.body, &[b"tfhd"])?;
        if be32(tfhd, 4) == Some(usual.track) {
            usual.told(tfhd)?.runs(traf.body, take)?;
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

    /// The same for a fragment whose data begin here.
    pub(super) fn at(self, base: u64) -> Usual {
        Usual { base, ..self }
    }

    /// With what the fragment's own header says.
    pub(super) fn told(mut self, tfhd: &[u8]) -> Option<Usual> {
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

    /// Walks all runs of samples that a fragment has of a track; gives the end of the last.
    pub(super) fn runs(&self, traf: &[u8], take: &mut impl Take) -> Option<u64> {
        let runs = boxes(traf).filter(|found| &found.name == b"trun");
        runs.map(|trun| trun.body).try_fold(self.base, |at, trun| self.run(trun, at, take))
    }

    /// Walks one run of samples; its end is where the next begins.
    fn run(&self, trun: &[u8], from: u64, take: &mut impl Take) -> Option<u64> {
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
            at = take.take(at, size, ticks)?;
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

    /// Where samples are, in a file of so many bytes.
    struct Places(u64, Vec<(u64, u32)>);

    impl Take for Places {
        fn take(&mut self, at: u64, size: u32, ticks: u32) -> Option<u64> {
            self.1.push((at, ticks));
            at.checked_add(size.into()).filter(|end| *end <= self.0)
        }
    }

    fn tables(sizes: &[u8], many: u32) -> Vec<u8> {
        [
            boxed(b"stts", &[0, 1, many, 1024]),
            sizes.to_vec(),
            boxed(b"stsc", &[0, 2, 1, 2, 1, 2, 1, 1]),
            boxed(b"stco", &[0, 2, 10, 30]),
        ]
        .concat()
    }

    fn places(tables: &[u8], file: u64) -> Option<Vec<u64>> {
        let mut places = Places(file, Vec::new());
        walk_table(tables, &mut places)?;
        Some(places.1.into_iter().map(|(at, _)| at).collect())
    }

    #[test]
    fn samples_stand_in_their_chunks() {
        let tables = |sizes: &[u8]| tables(sizes, 3);
        let same = tables(&boxed(b"stsz", &[0, 4, 3]));
        assert_eq!((ticks(&same), count(&same)), (Some((3072, 3)), Some(3)));
        assert_eq!(places(&same, 34).unwrap(), [10, 14, 30]);
        for sizes in [
            boxed(b"stsz", &[0, 0, 3, 4, 3, 2]),
            boxed(b"stz2", &[0, 4, 3, 0x4320_0000]),
            boxed(b"stz2", &[0, 8, 3, 0x0403_0200]),
            boxed(b"stz2", &[0, 16, 3, 0x0004_0003, 0x0002_0000]),
        ] {
            let all = tables(&sizes);
            assert_eq!((places(&all, 32).unwrap(), count(&all)), (vec![10, 14, 30], Some(3)));
        }
    }

    #[test]
    fn tables_that_contradict_themselves_say_nothing() {
        let same = |many| tables(&boxed(b"stsz", &[0, 4, many]), many);
        assert!(places(&same(3), 33).is_none(), "the last sample is not in the file");
        assert!(places(&same(4), 34).is_none(), "there is no chunk for the fourth");
        assert!(places(&same(u32::MAX), 34).is_none());
        assert!(places(&tables(&boxed(b"stz2", &[0, 8, 9, 0]), 9), 34).is_none());
    }

    #[test]
    fn a_run_without_end_ends_with_the_file() {
        let usual = Usual { track: 1, base: 0, ticks: 1, size: 1 };
        let endless = boxed(b"trun", &[0, u32::MAX]);
        let mut places = Places(100, Vec::new());
        assert_eq!(usual.runs(&endless, &mut places), None);
        assert_eq!((places.1.len(), places.1[7]), (101, (7, 1)));
    }
}

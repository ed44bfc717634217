//! The boxes of MP4, M4A and AVIF files (ISO/IEC 14496-12) in memory.

use super::fields::{be32, be64, place};

/// One box: its name, its content without the header, and where the box begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boxed<'a> {
    pub(super) name: [u8; 4],
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

/// Goes from box to box; stops for good at one that does not fit.
#[derive(Debug, Clone)]
pub(super) struct Boxes<'a> {
    bytes: &'a [u8],
    at: usize,
    broken: bool,
}

pub(super) fn boxes(bytes: &[u8]) -> Boxes<'_> {
    Boxes { bytes, at: 0, broken: false }
}

impl<'a> Boxes<'a> {
    fn read(&self) -> Option<(Boxed<'a>, usize)> {
        let (bytes, at) = (self.bytes, self.at);
        let name = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let (header, size) = match be32(bytes, at)? {
            0 => (8, bytes.len() - at),
            1 => (16, place(be64(bytes, at + 8)?)),
            size => (8, place(size)),
        };
        let end = at.checked_add(size)?;
        let body = bytes.get(at + header..end)?;
        Some((Boxed { name, body, at }, end))
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Boxed<'a>;

    fn next(&mut self) -> Option<Boxed<'a>> {
        if self.broken || self.at == self.bytes.len() {
            return None;
        }
        let read = self.read();
        self.broken = read.is_none();
        let (found, end) = read?;
        self.at = end;
        Some(found)
    }
}

/// Whether the boxes fill the bytes exactly.
pub(super) fn whole(bytes: &[u8]) -> bool {
    let mut all = boxes(bytes);
    all.by_ref().for_each(drop);
    !all.broken
}

/// The first box on a way of names, as in `moov`, `mdia`.
pub(super) fn find<'a>(bytes: &'a [u8], way: &[&[u8; 4]]) -> Option<&'a [u8]> {
    way.iter().try_fold(bytes, |bytes, name| {
        boxes(bytes).find(|found| found.name == **name).map(|found| found.body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_found_by_their_way() {
        let inner = [&14_u32.to_be_bytes()[..], b"mvhd", b"answer"].concat();
        let outer = [&22_u32.to_be_bytes()[..], b"moov", &inner].concat();
        assert!(whole(&outer));
        assert_eq!(find(&outer, &[b"moov", b"mvhd"]), Some(&b"answer"[..]));
        assert_eq!(find(&outer, &[b"mvhd"]), None);
    }

    #[test]
    fn boxes_that_do_not_fit_end_the_walk() {
        let large = [&1_u32.to_be_bytes()[..], b"mdat", &u64::MAX.to_be_bytes(), b"x"].concat();
        let small = [&4_u32.to_be_bytes()[..], b"mdat"].concat();
        for bytes in [&large[..], &small, b"\0\0\0\x10mda", b"x"] {
            assert!(!whole(bytes));
            assert_eq!(boxes(bytes).count(), 0);
        }
    }
}

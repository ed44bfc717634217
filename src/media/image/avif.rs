//! AVIF: the boxes have to fill the file, and the properties tell the size.

use super::super::boxes::{boxes, find, whole};
use super::super::fields::{be32, place};
use super::{Image, ImageFlaw, Kind};

/// Whether one of the brands is AVIF's, whichever comes first.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
        && brands(bytes).any(|brand| brand == b"avif" || brand == b"avis")
}

fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    // The box may be cut, and may lie about its size.
    let size = be32(bytes, 0).map_or(0, place).clamp(8, 256).min(bytes.len());
    bytes.get(8..size).unwrap_or_default().chunks_exact(4)
}

pub(super) fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    let named = |name: &[u8; 4]| boxes(bytes).any(|found| found.name == *name);
    if !whole(bytes) || !named(b"mdat") {
        return Err(ImageFlaw::Cut(Kind::Avif));
    }
    let (width, height) = size(bytes).ok_or(ImageFlaw::Damaged(Kind::Avif))?;
    let animated = named(b"moov") && brands(bytes).any(|brand| brand == b"avis");
    Ok(Image { kind: Kind::Avif, width, height, animated })
}

/// The largest of the pictures inside: a thumbnail and the parts of a grid are smaller.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let meta = find(bytes, &[b"meta"])?.get(4..)?;
    let properties = find(meta, &[b"iprp", b"ipco"])?;
    let sizes = boxes(properties).filter(|found| &found.name == b"ispe");
    let sizes = sizes.filter_map(|found| Some((be32(found.body, 4)?, be32(found.body, 8)?)));
    let largest = sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))?;
    let turned = find(properties, &[b"irot"])
        .is_some_and(|turn| turn.first() == Some(&1) || turn.first() == Some(&3));
    Some(if turned { (largest.1, largest.0) } else { largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes()[..], name, body].concat()
    }

    fn avif(properties: &[u8]) -> Vec<u8> {
        let inner = boxed(b"iprp", &boxed(b"ipco", properties));
        let meta = boxed(b"meta", &[&[0; 4], &inner[..]].concat());
        [boxed(b"ftyp", b"mif1\0\0\0\0avif"), meta, boxed(b"mdat", b"x")].concat()
    }

    #[test]
    fn the_largest_size_counts_and_a_turn_swaps_it() {
        let size = |w: u8, h: u8| boxed(b"ispe", &[0, 0, 0, 0, 0, 0, 0, w, 0, 0, 0, h]);
        let image = look(&avif(&[size(2, 2), size(7, 5)].concat())).unwrap();
        assert_eq!((image.width, image.height, image.animated), (7, 5, false));
        let turned = look(&avif(&[size(7, 5), boxed(b"irot", &[1])].concat())).unwrap();
        assert_eq!((turned.width, turned.height), (5, 7));
        assert_eq!(look(&avif(b"")), Err(ImageFlaw::Damaged(Kind::Avif)));
    }

    #[test]
    fn boxes_that_are_missing_are_a_cut() {
        let whole = avif(&boxed(b"ispe", &[1; 12]));
        for length in 20..whole.len() {
            assert!(begins(&whole[..length]));
            assert_eq!(look(&whole[..length]), Err(ImageFlaw::Cut(Kind::Avif)), "cut at {length}");
        }
        assert!(!begins(b"\0\0\0\x10ftypheic\0\0\0\0"));
    }
}

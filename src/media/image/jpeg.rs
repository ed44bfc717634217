//! JPEG (ITU-T T.81): from marker to marker, to the end marker.

use super::super::fields::be16;
use super::{Image, ImageFlaw, Kind};

const CUT: ImageFlaw = ImageFlaw::Cut(Kind::Jpeg);
const DAMAGED: ImageFlaw = ImageFlaw::Damaged(Kind::Jpeg);

pub(super) fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    let (mut at, mut size, mut scanned) = (2, None, false);
    loop {
        let (marker, next) = marker(bytes, at)?;
        match marker {
            0xd9 if scanned => break,
            0xd9 => return Err(DAMAGED),
            // Markers that stand alone.
            0x01 | 0xd0..=0xd8 => {
                at = next;
                continue;
            }
            _ => {}
        }
        let length = usize::from(be16(bytes, next).ok_or(CUT)?);
        let segment = bytes.get(next..next + length.max(2)).ok_or(CUT)?;
        at = next + segment.len();
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let read = |at| be16(segment, at).map(u32::from).ok_or(DAMAGED);
                size = Some((read(5)?, read(3)?));
            }
            0xda => {
                at = after_scan(bytes, at);
                scanned = true;
            }
            _ => {}
        }
    }
    let (width, height) = size.ok_or(DAMAGED)?;
    Ok(Image { kind: Kind::Jpeg, width, height, animated: false })
}

/// Whether it comes in several scans, by the marker of its frame.
#[cfg(feature = "face")]
pub(super) fn is_progressive(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Ok((marker, next)) = marker(bytes, at) {
        match marker {
            0xc2 | 0xc6 | 0xca | 0xce => return true,
            0xda => return false,
            0x01 | 0xd0..=0xd8 => at = next,
            _ => at = next + be16(bytes, next).map_or(2, usize::from).max(2),
        }
    }
    false
}

/// The marker at a place, and the place after it; any number of 0xff may stand before it.
fn marker(bytes: &[u8], at: usize) -> Result<(u8, usize), ImageFlaw> {
    let rest = bytes.get(at..).ok_or(CUT)?;
    let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
    match rest.get(fill) {
        None => Err(CUT),
        Some(_) if fill == 0 => Err(DAMAGED),
        Some(marker) => Ok((*marker, at + fill + 1)),
    }
}

/// Where the next marker begins after the coded picture, in which 0xff 0x00 is a byte and the
/// restart markers are part.
fn after_scan(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
    from + rest.windows(2).position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[u8] = &[
        0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 5, 0, 7, 1, 1, 0x11, 0, 0xff, 0xda, 0, 4, 0, 0, 0xff,
        0, 0xff, 0xd3, 9, 0xff, 0xff, 0xd9,
    ];

    #[test]
    fn the_size_is_read_and_the_end_is_looked_for() {
        let image = look(SMALL).unwrap();
        assert_eq!((image.width, image.height), (7, 5));
        for length in 2..SMALL.len() {
            assert_eq!(look(&SMALL[..length]), Err(CUT), "cut at {length}");
        }
    }

    #[test]
    fn one_that_lacks_its_end_marker_alone_is_known() {
        use super::super::without_end;

        let whole = look(SMALL).unwrap();
        for lacks in 1..4 {
            assert_eq!(without_end(&SMALL[..SMALL.len() - lacks]), Some(whole), "{lacks}");
        }
        assert_eq!(without_end(&SMALL[..19]), None, "cut before its scan");
    }

    #[test]
    fn a_picture_needs_a_size_and_a_scan() {
        assert_eq!(look(&[0xff, 0xd8, 0xff, 0xd9]), Err(DAMAGED));
        let sizeless = [&SMALL[..2], &SMALL[15..]].concat();
        assert_eq!(look(&sizeless), Err(DAMAGED));
        assert_eq!(look(&[0xff, 0xd8, 0xff, 0xfe, 0, 2, 7, 7]), Err(DAMAGED));
    }
}

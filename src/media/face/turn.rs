//! Cameras store a picture as their sensor lies and note how to turn it: faces are found upright only.

use super::super::fields::{be16, be32, le16, le32, place};
use super::grey::Grey;

/// The orientation of an Exif block, 1 to 8; 1, upright, where it has none.
pub(super) fn read(exif: &[u8]) -> u16 {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    noted(tiff).filter(|turn| (1..=8).contains(turn)).unwrap_or(1)
}

fn noted(tiff: &[u8]) -> Option<u16> {
    let little = tiff.starts_with(b"II");
    let short = |at| if little { le16(tiff, at) } else { be16(tiff, at) };
    let start = place(if little { le32(tiff, 4)? } else { be32(tiff, 4)? });
    let many = usize::from(short(start)?);
    let mut entries = (0..many).map(|entry| start.saturating_add(2 + 12 * entry));
    let entry = entries.find(|at| short(*at) == Some(0x0112))?;
    short(entry.saturating_add(8))
}

/// Turns a picture as its camera noted. A mirrored face is a face, so mirrors are left out.
pub(super) fn upright(picture: Grey, turn: u16) -> Grey {
    match turn {
        3 | 4 => Grey { pixels: picture.pixels.into_iter().rev().collect(), ..picture },
        5 | 6 => quarter(&picture, |x, y| (y, picture.height - 1 - x)),
        7 | 8 => quarter(&picture, |x, y| (picture.width - 1 - y, x)),
        _ => picture,
    }
}

/// A picture on its side; `from` tells where the pixel for a new column and row was.
fn quarter(picture: &Grey, from: impl Fn(u32, u32) -> (u32, u32)) -> Grey {
    let (width, height) = (picture.height, picture.width);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = places.map(|(x, y)| {
        let (x, y) = from(x, y);
        picture.pixels[y as usize * picture.width as usize + x as usize]
    });
    Grey { width, height, pixels: pixels.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(turn: u16) -> Vec<u8> {
        let other = [&[0x01, 0x0f, 0, 2][..], &[0; 8]].concat();
        let entry = [&[0x01, 0x12, 0, 3, 0, 0, 0, 1][..], &turn.to_be_bytes(), &[0; 2]].concat();
        [b"MM\0*\0\0\0\x08\0\x02", &other[..], &entry].concat()
    }

    #[test]
    fn the_note_is_found_or_the_picture_is_upright() {
        assert_eq!(read(&exif(6)), 6);
        assert_eq!(read(&[b"Exif\0\0", &exif(8)[..]].concat()), 8);
        assert_eq!(read(&exif(9)), 1);
        assert_eq!(read(&exif(6)[..30]), 1);
        assert_eq!(read(b"II*\0\xff\xff\xff\xff"), 1);
    }

    #[test]
    fn turning_brings_the_top_to_the_top() {
        // Upright it is 1 2 over 3 4 over 5 6.
        let upright_one = [1, 2, 3, 4, 5, 6];
        let stored = |width, height, pixels: &[u8]| Grey { width, height, pixels: pixels.to_vec() };
        let turned = [
            (3, stored(2, 3, &[6, 5, 4, 3, 2, 1])),
            (6, stored(3, 2, &[2, 4, 6, 1, 3, 5])),
            (8, stored(3, 2, &[5, 3, 1, 6, 4, 2])),
        ];
        for (turn, stored) in turned {
            let picture = upright(stored, turn);
            assert_eq!((picture.width, picture.height), (2, 3), "{turn}");
            assert_eq!(picture.pixels, upright_one, "{turn}");
        }
    }
}

//! WebP: the chunks of its RIFF container, which says how large it is.

use super::super::fields::{le16, le24, le32, place};
use super::{Image, ImageFlaw, Kind};

const CUT: ImageFlaw = ImageFlaw::Cut(Kind::WebP);
const DAMAGED: ImageFlaw = ImageFlaw::Damaged(Kind::WebP);

pub(super) fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    let end = place(le32(bytes, 4).ok_or(CUT)?).saturating_add(8);
    let bytes = bytes.get(..end).ok_or(CUT)?;
    let (mut at, mut size, mut canvas, mut frames, mut picture) = (12, None, None, 0, false);
    while at < bytes.len() {
        let name = bytes.get(at..at + 4).ok_or(DAMAGED)?;
        let length = place(le32(bytes, at + 4).ok_or(DAMAGED)?);
        let end = length.checked_add(at + 8).ok_or(DAMAGED)?;
        let body = bytes.get(at + 8..end).ok_or(DAMAGED)?;
        match name {
            b"VP8X" => canvas = le24(body, 4).zip(le24(body, 7)).map(|(w, h)| (w + 1, h + 1)),
            b"VP8 " => size = size.or_else(|| lossy(body)),
            b"VP8L" => size = size.or_else(|| lossless(body)),
            b"ANMF" => frames += 1,
            _ => {}
        }
        picture |= matches!(name, b"VP8 " | b"VP8L" | b"ANMF");
        at = end + (length & 1);
    }
    // A decoder makes room for one and fills the other.
    if canvas.is_some() && size.is_some() && canvas != size {
        return Err(DAMAGED);
    }
    let (width, height) = canvas.or(size).filter(|_| picture).ok_or(DAMAGED)?;
    Ok(Image { kind: Kind::WebP, width, height, animated: frames > 1 })
}

fn lossy(body: &[u8]) -> Option<(u32, u32)> {
    let side = |at| le16(body, at).map(|side| u32::from(side & 0x3fff));
    (body.get(3..6)? == b"\x9d\x01\x2a").then_some((side(6)?, side(8)?))
}

fn lossless(body: &[u8]) -> Option<(u32, u32)> {
    let bits = le32(body, 1).filter(|_| body[0] == 0x2f)?;
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let bodies: Vec<u8> = chunks
            .iter()
            .flat_map(|(name, body)| {
                let length = u32::try_from(body.len()).unwrap().to_le_bytes();
                [&name[..], &length, body, &[0][..body.len() & 1]].concat()
            })
            .collect();
        let size = u32::try_from(bodies.len() + 4).unwrap();
        [b"RIFF", &size.to_le_bytes()[..], b"WEBP", &bodies].concat()
    }

    #[test]
    fn sizes_are_read_in_all_three_ways() {
        let lossy: &[u8] = &[0, 0, 0, 0x9d, 1, 0x2a, 7, 0x40, 5, 0];
        let lossless: &[u8] = &[0x2f, 6, 0, 1, 0, 9];
        let canvas: &[u8] = &[2, 0, 0, 0, 6, 0, 0, 4, 0, 0];
        for chunks in
            [&[(b"VP8 ", lossy)][..], &[(b"VP8L", lossless)], &[(b"VP8X", canvas), (b"ANMF", b"x")]]
        {
            let image = look(&webp(chunks)).unwrap();
            assert_eq!((image.width, image.height, image.animated), (7, 5, false));
        }
        let moving = webp(&[(b"VP8X", canvas), (b"ANMF", b"x"), (b"ANMF", b"x")]);
        assert!(look(&moving).unwrap().animated);
    }

    #[test]
    fn what_is_missing_or_wrong_is_noticed() {
        let whole = webp(&[(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 7, 0, 5, 0])]);
        for length in 12..whole.len() {
            assert_eq!(look(&whole[..length]), Err(CUT), "cut at {length}");
        }
        assert_eq!(look(&webp(&[(b"EXIF", b"")])), Err(DAMAGED));
        assert_eq!(look(&webp(&[(b"VP8L", b"")])), Err(DAMAGED));
        let (large, small): (&[u8], &[u8]) = (&[0x2f, 0xff, 0xff, 0xff, 9], &[0; 10]);
        assert_eq!(look(&webp(&[(b"VP8X", small), (b"VP8L", large)])), Err(DAMAGED));
    }
}

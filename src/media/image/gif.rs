//! GIF: from block to block, to the trailer.

use super::super::fields::le16;
use super::{Image, ImageFlaw, Kind};

const CUT: ImageFlaw = ImageFlaw::Cut(Kind::Gif);
const DAMAGED: ImageFlaw = ImageFlaw::Damaged(Kind::Gif);

pub(super) fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    let side = |at| le16(bytes, at).map(u32::from).ok_or(CUT);
    let (width, height) = (side(6)?, side(8)?);
    let (mut at, mut frames) = (13 + colours(bytes, 10)?, 0_u64);
    loop {
        at = match bytes.get(at).ok_or(CUT)? {
            0x3b => break,
            0x21 => after_blocks(bytes, at + 2)?,
            0x2c => {
                frames += 1;
                // The picture begins with the size of its codes.
                after_blocks(bytes, at + 11 + colours(bytes, at + 9)?)?
            }
            _ => return Err(DAMAGED),
        };
    }
    if frames == 0 {
        return Err(DAMAGED);
    }
    Ok(Image { kind: Kind::Gif, width, height, animated: frames > 1 })
}

/// The size of the colour table that the flags at a place announce.
fn colours(bytes: &[u8], at: usize) -> Result<usize, ImageFlaw> {
    let flags = bytes.get(at).ok_or(CUT)?;
    Ok(if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) })
}

/// The place after a row of sub-blocks, which ends with an empty one.
fn after_blocks(bytes: &[u8], mut at: usize) -> Result<usize, ImageFlaw> {
    loop {
        let length = usize::from(*bytes.get(at).ok_or(CUT)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GIF89a\x07\0\x05\0\x80\0\0abcdef";
    const FRAME: &[u8] = b"\x2c\0\0\0\0\x07\0\x05\0\0\x02\x01x\0";

    #[test]
    fn blocks_are_followed_to_the_trailer() {
        let still = [HEAD, b"\x21\xfe\x02hi\0", FRAME, b"\x3b"].concat();
        let expected = Image { kind: Kind::Gif, width: 7, height: 5, animated: false };
        assert_eq!(look(&still), Ok(expected));
        for length in 6..still.len() {
            assert_eq!(look(&still[..length]), Err(CUT), "cut at {length}");
        }
        assert!(look(&[HEAD, FRAME, FRAME, b"\x3b"].concat()).unwrap().animated);
    }

    #[test]
    fn one_that_lacks_its_trailer_alone_is_known() {
        use super::super::without_end;

        let whole = [HEAD, FRAME, FRAME].concat();
        assert!(without_end(&whole).is_some_and(|image| image.animated));
        for length in HEAD.len()..whole.len() {
            let at_a_border = length == HEAD.len() + FRAME.len();
            assert_eq!(without_end(&whole[..length]).is_some(), at_a_border, "cut at {length}");
        }
    }

    #[test]
    fn a_gif_without_a_frame_or_with_unknown_blocks_is_damaged() {
        assert_eq!(look(&[HEAD, b"\x3b"].concat()), Err(DAMAGED));
        assert_eq!(look(&[HEAD, b"\x07"].concat()), Err(DAMAGED));
    }
}

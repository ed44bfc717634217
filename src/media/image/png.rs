//! PNG: from chunk to chunk, to the last.

use super::super::fields::{be32, place};
use super::{Image, ImageFlaw, Kind};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

const CUT: ImageFlaw = ImageFlaw::Cut(Kind::Png);
const DAMAGED: ImageFlaw = ImageFlaw::Damaged(Kind::Png);

pub(super) fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    let (mut at, mut size, mut frames, mut picture) = (SIGNATURE.len(), None, 1, false);
    loop {
        let length = place(be32(bytes, at).ok_or(CUT)?);
        let name = bytes.get(at + 4..at + 8).ok_or(CUT)?;
        let end = length.checked_add(at + 8).ok_or(CUT)?;
        let body = bytes.get(at + 8..end).ok_or(CUT)?;
        // Its checksum follows.
        bytes.get(end..end + 4).ok_or(CUT)?;
        match name {
            b"IHDR" => size = be32(body, 0).zip(be32(body, 4)),
            b"acTL" => frames = be32(body, 0).ok_or(DAMAGED)?,
            b"IDAT" => picture = true,
            b"IEND" => break,
            name if !name.iter().all(u8::is_ascii_alphabetic) => return Err(DAMAGED),
            _ => {}
        }
        at = end + 4;
    }
    let (width, height) = size.filter(|_| picture).ok_or(DAMAGED)?;
    Ok(Image { kind: Kind::Png, width, height, animated: frames > 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], name, body, b"sum4"].concat()
    }

    #[test]
    fn chunks_are_followed_to_the_last() {
        let head = chunk(b"IHDR", &[0, 0, 0, 3, 0, 0, 0, 4, 8, 0, 0, 0, 0]);
        let moves = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
        let parts = [SIGNATURE.to_vec(), head, moves, chunk(b"IDAT", b"x"), chunk(b"IEND", b"")];
        let whole = parts.concat();
        let expected = Image { kind: Kind::Png, width: 3, height: 4, animated: true };
        assert_eq!(look(&whole), Ok(expected));
        for length in 8..whole.len() {
            assert_eq!(look(&whole[..length]), Err(CUT), "cut at {length}");
        }
    }

    #[test]
    fn a_png_without_a_picture_is_damaged() {
        let none = [SIGNATURE, &chunk(b"IEND", b"")].concat();
        assert_eq!(look(&none), Err(DAMAGED));
        let wild = [SIGNATURE, &chunk(b"\0\0\0\0", b"")].concat();
        assert_eq!(look(&wild), Err(DAMAGED));
    }
}

//! Tags before and after MP3 and AAC frames: titles and pictures, no sound.

use super::super::fields::{le32, place};

/// The bytes between the tags.
pub(super) fn strip(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(size) = leading(rest) {
        rest = rest.get(size..).unwrap_or_default();
    }
    without_trailing(rest)
}

/// The bytes before the tags at the end.
pub(super) fn without_trailing(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some(size) = trailing(rest) {
        rest = &rest[..rest.len() - size.min(rest.len())];
    }
    rest
}

/// The size of an `ID3v2` tag at the start, of an APE tag, or of zeros before the first frame.
fn leading(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"ID3") {
        return id3v2(bytes);
    }
    if bytes.starts_with(b"APETAGEX") {
        return Some(32 + place(le32(bytes, 12)?));
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    (zeros > 0).then_some(zeros)
}

/// Seven bits a byte; a footer repeats the header.
fn id3v2(bytes: &[u8]) -> Option<usize> {
    let size = bytes
        .get(6..10)?
        .iter()
        .try_fold(0_usize, |size, byte| (*byte < 0x80).then(|| size << 7 | usize::from(*byte)))?;
    let footer = if bytes.get(5)? & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

/// The size of an `ID3v1` or APE tag at the end.
fn trailing(bytes: &[u8]) -> Option<usize> {
    let footer = |back: usize| bytes.get(bytes.len().checked_sub(back)?..);
    if footer(128).is_some_and(|tag| tag.starts_with(b"TAG")) {
        return Some(128);
    }
    let ape = footer(32).filter(|tag| tag.starts_with(b"APETAGEX"))?;
    // The size counts this footer, and a header only where the flags have one.
    let header = if le32(ape, 20)? >> 31 == 0 { 0 } else { 32 };
    Some(place(le32(ape, 12)?).saturating_add(header).max(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id3(body: &[u8]) -> Vec<u8> {
        [b"ID3\x04\0\0\0\0\0", &[u8::try_from(body.len()).unwrap()][..], body].concat()
    }

    fn ape(body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 32).unwrap();
        let rest = [&2000_u32.to_le_bytes()[..], &size.to_le_bytes(), &[0; 16]].concat();
        [body, b"APETAGEX", &rest].concat()
    }

    #[test]
    fn tags_go_and_the_sound_stays() {
        let v1 = [&b"TAG"[..], &[b'x'; 125]].concat();
        let all = [id3(b"title"), id3(b""), vec![0; 9], b"sound".to_vec(), ape(b"more"), v1];
        assert_eq!(strip(&all.concat()), b"sound");
        assert_eq!(strip(b"sound"), b"sound");
    }

    #[test]
    fn a_tag_larger_than_the_file_leaves_nothing() {
        assert_eq!(strip(b"ID3\x04\0\0\x7f\x7f\x7f\x7fsound"), b"");
        let mut wild = ape(b"");
        wild[12..16].copy_from_slice(&[0xff; 4]);
        assert_eq!(strip(&wild[..]), b"");
        assert_eq!(strip(b"ID3\x04\0\0\xff\xff\xff\xffsound"), b"ID3\x04\0\0\xff\xff\xff\xffsound");
    }
}

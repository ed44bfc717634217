//! What bytes are that are not what was hoped for: a name people know.

/// A page for people: an error page, a login, a captive portal.
pub(super) fn is_page(bytes: &[u8]) -> bool {
    text(bytes).starts_with(b"<") && !is_drawing(bytes)
}

fn is_drawing(bytes: &[u8]) -> bool {
    text(bytes).starts_with(b"<") && start(bytes).windows(4).any(|four| four == b"<svg")
}

/// The first bytes; enough for every name below.
fn start(bytes: &[u8]) -> &[u8] {
    bytes.get(..1024).unwrap_or(bytes)
}

fn text(bytes: &[u8]) -> &[u8] {
    let start = start(bytes);
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start()
}

/// The start of a frame of sound.
pub(super) const FRAMES: &str = "an MP3 or AAC sound";

const STARTS: [(&[u8], &str); 24] = [
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\x01\0", "an icon"),
    (b"8BPS", "a Photoshop picture"),
    (b"%PDF", "a PDF"),
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg sound"),
    (b"ID3", FRAMES),
    (b"FORM", "an AIFF sound"),
    (b"caff", "a CAF sound"),
    (b"#!AMR", "an AMR sound"),
    (b"MThd", "a MIDI file"),
    (b"ADIF", "an ADIF sound"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska video"),
    (b"\x30\x26\xb2\x75", "a Windows Media file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"#EXTM3U", "a playlist"),
];

/// A name for what these bytes are, with its article; `None` if nobody could tell.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    let known = STARTS.iter().find(|(start, _)| bytes.starts_with(start));
    let name = known.map(|(_, name)| *name);
    name.or_else(|| container(bytes)).or_else(|| readable(bytes))
}

fn container(bytes: &[u8]) -> Option<&'static str> {
    let kind = bytes.get(8..12)?;
    match (bytes.get(..4)?, bytes.get(4..8)?, kind) {
        (b"RIFF", _, b"WAVE") => Some("a WAV sound"),
        (b"RIFF", _, b"WEBP") => Some("a WebP picture"),
        (b"RIFF", _, b"AVI ") => Some("an AVI video"),
        (_, b"ftyp", b"avif" | b"avis") => Some("an AVIF picture"),
        (_, b"ftyp", b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
            Some("a HEIC picture")
        }
        (_, b"ftyp", b"M4A " | b"M4B ") => Some("an M4A sound"),
        (_, b"ftyp", _) => Some("an MP4 video"),
        // The layer: 0 is AAC's, 1 is layer III. Layer I is hardly used, and begins like UTF-16.
        ([0xff, second, ..], _, _) if second & 0xe0 == 0xe0 => match second >> 1 & 3 {
            0 | 1 => Some(FRAMES),
            2 => Some("an MP2 sound"),
            _ => None,
        },
        _ => None,
    }
}

fn readable(bytes: &[u8]) -> Option<&'static str> {
    let text = text(bytes);
    let plain = text.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    match text.first()? {
        b'<' if is_drawing(bytes) => Some("an SVG drawing"),
        b'<' => Some("a web page"),
        b'{' | b'[' if plain => Some("JSON text"),
        _ if plain && text.is_ascii() => Some("plain text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_know_has_a_name() {
        let named: [(&[u8], &str); 12] = [
            (b"fLaC\0\0\0\x22", "a FLAC sound"),
            (b"II*\0\x08", "a TIFF picture"),
            (b"\0\0\0\x20ftypheic", "a HEIC picture"),
            (b"\0\0\0\x20ftypqt  ", "an MP4 video"),
            (b"RIFF1234AVI LIST", "an AVI video"),
            (b"%PDF-1.7", "a PDF"),
            (b"{\"error\": \"expired\"}", "JSON text"),
            (b"\n <!doctype html>", "a web page"),
            (b"<?xml version='1.0'?>\n<svg xmlns=", "an SVG drawing"),
            (b"Not found\n", "plain text"),
            (b"\xff\xfb\x90\x44\0\0\0\0\0\0\0\0", "an MP3 or AAC sound"),
            (b"RIFF1234WAVEfmt ", "a WAV sound"),
        ];
        for (bytes, expected) in named {
            assert_eq!(name(bytes), Some(expected));
        }
        assert_eq!(name(b"\x7fELF\x02\x01\x01\0\0\0\0\0"), None);
        assert_eq!(name(b""), None);
    }

    #[test]
    fn a_page_is_no_drawing() {
        assert!(is_page(b"\xef\xbb\xbf<html>"));
        assert!(!is_page(b"<svg viewBox='0 0 1 1'/>"));
        assert!(!is_page(b"1 < 2"));
    }
}

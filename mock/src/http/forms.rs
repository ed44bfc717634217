//! Forms (`multipart/form-data`) and Base64, as far as uploads need them.

use std::convert::Infallible;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures::FutureExt as _;
use futures::stream::iter;
use multer::Multipart;

/// A form names no more parts than this; ours has three.
const MOST_PARTS: usize = 100;

/// Base64 as clients write it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// A form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form(Vec<Part>);

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

impl Form {
    /// Reads a form; `None` if it is not one.
    pub(crate) fn parse(body: &[u8], boundary: &str) -> Option<Self> {
        // All of the body is here, so no read has anything to wait for.
        Self::read(body.to_vec(), boundary).now_or_never().flatten()
    }

    async fn read(body: Vec<u8>, boundary: &str) -> Option<Self> {
        let mut form = Multipart::new(iter([Ok::<_, Infallible>(body)]), boundary);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.ok()? {
            let name = field.name()?.to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.ok()?.to_vec();
            parts.push(Part { name, file_name, bytes });
            if parts.len() > MOST_PARTS {
                return None;
            }
        }
        Some(Self(parts))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|part| part.name.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Part> {
        self.0.iter().find(|part| part.name == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|part| str::from_utf8(&part.bytes).ok())
    }
}

/// Bytes from Base64, with or without padding and line breaks; `None` if it is none.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn forms() {
        let boundary = boundary("Multipart/Form-Data; charset=utf-8; boundary=\"xx\"").unwrap();
        let body =
            b"--xx\r\nContent-Disposition: form-data; name=\"auto_cleanup\"\r\n\r\nfalse\r\n\
            --xx\r\nContent-Type: image/png\r\ncontent-disposition: form-data; name=file; \
            filename=\"a;b.png\"\r\n\r\n\x89PNG\r\n--x\r\n--xx--\r\n";
        let form = Form::parse(body, &boundary).unwrap();
        assert_eq!(form.text("auto_cleanup"), Some("false"));
        let file = form.get("file").unwrap();
        assert_eq!(
            (file.file_name.as_deref(), &file.bytes[..]),
            (Some("a;b.png"), &b"\x89PNG\r\n--x"[..])
        );
        for wrong in ["", "--xx", "--xx\r\n", "--xx\r\nno head\r\n--xx--", "--yy--"] {
            assert_eq!(Form::parse(wrong.as_bytes(), &boundary), None, "{wrong}");
        }
    }

    #[test]
    fn a_boundary_that_nearly_fits_everywhere_costs_no_time() {
        let boundary = format!("{}b", "-".repeat(30_000));
        let body = vec![b'-'; 8 << 20];
        let started = Instant::now();
        assert_eq!(Form::parse(&body, &boundary), None);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[test]
    fn base64() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8", "fo"), ("Zm9v\r\nYmFy", "foobar")] {
            assert_eq!(decode_base64(text), Some(bytes.as_bytes().to_vec()), "{text}");
        }
        for wrong in ["Z", "Zm9v!", "Zg==Zg", "Zm9vY"] {
            assert_eq!(decode_base64(wrong), None, "{wrong}");
        }
    }
}

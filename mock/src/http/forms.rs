//! Reads `multipart/form-data` (RFC 7578) and Base64 (RFC 4648), as far as uploads need them.

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    name: &'a str,
    pub(crate) file_name: Option<&'a str>,
    pub(crate) bytes: &'a [u8],
}

/// A form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form<'a>(Vec<Part<'a>>);

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

impl<'a> Form<'a> {
    /// Reads a form; `None` if it is not one.
    pub(crate) fn parse(body: &'a [u8], boundary: &str) -> Option<Self> {
        let delimiter = format!("--{boundary}");
        let mut rest = body.get(find(body, delimiter.as_bytes())? + delimiter.len()..)?;
        let delimiter = format!("\r\n{delimiter}");
        let mut parts = Vec::new();
        while !rest.starts_with(b"--") {
            rest = rest.strip_prefix(b"\r\n")?;
            let end = find(rest, delimiter.as_bytes())?;
            parts.push(part(&rest[..end])?);
            rest = &rest[end + delimiter.len()..];
        }
        Some(Self(parts))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|part| part.name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Part<'a>> {
        self.0.iter().find(|part| part.name == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|part| str::from_utf8(part.bytes).ok())
    }
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = str::from_utf8(&bytes[..end]).ok()?;
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    let file_name = parameter(disposition, "filename");
    Some(Part { name, file_name, bytes: &bytes[end + 4..] })
}

/// A parameter of a header, its quotes taken off.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Bytes from Base64, with or without padding and line breaks; `None` if it is none.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    // A single letter left over carries no byte.
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let boundary = boundary("Multipart/Form-Data; charset=utf-8; boundary=\"xx\"").unwrap();
        let body =
            b"--xx\r\nContent-Disposition: form-data; name=\"auto_cleanup\"\r\n\r\nfalse\r\n\
            --xx\r\nContent-Type: image/png\r\ncontent-disposition: form-data; name=file; \
            filename=\"a.png\"\r\n\r\n\x89PNG\r\n--x\r\n--xx--\r\n";
        let form = Form::parse(body, boundary).unwrap();
        assert_eq!(form.text("auto_cleanup"), Some("false"));
        let file = form.get("file").unwrap();
        assert_eq!((file.file_name, file.bytes), (Some("a.png"), &b"\x89PNG\r\n--x"[..]));
        for wrong in ["", "--xx", "--xx\r\n", "--xx\r\nno head\r\n--xx--", "--yy--"] {
            assert_eq!(Form::parse(wrong.as_bytes(), boundary), None, "{wrong}");
        }
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

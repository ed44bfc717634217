//! Files whole or in ranges (RFC 9110), with an entity tag.

use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::words::digest::Digest;

/// A file, or the range of it that is asked for.
pub(crate) fn file(request: &Seen<'_>, bytes: &[u8], mime: &'static str) -> Answer {
    let tag = format!("\"{:016x}\"", Digest::of_bytes(bytes).head());
    let answer = if request.header("if-none-match").is_some_and(|tags| names(tags, &tag)) {
        Answer::empty(304)
    } else {
        // A range of a file that has changed since would be a patchwork: then all of it.
        let fresh = request.header("if-range").is_none_or(|known| known == tag);
        match request.header("range").filter(|_| fresh).map(|text| range(text, bytes.len())) {
            Some(Ok(Some((start, end)))) => part(bytes, mime, start, end),
            Some(Err(Unsatisfiable)) => {
                Answer::empty(416).header("content-range", format!("bytes */{}", bytes.len()))
            }
            None | Some(Ok(None)) => Answer::text(200, mime, bytes),
        }
    };
    answer.header("etag", tag).header("accept-ranges", "bytes")
}

fn part(bytes: &[u8], mime: &'static str, start: usize, end: usize) -> Answer {
    let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
    Answer::text(206, mime, &bytes[start..end]).header("content-range", range)
}

fn names(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag)
}

#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The start and end of a range; `None` where a server may as well send everything: a range that
/// cannot be read, or several.
fn range(text: &str, length: usize) -> Result<Option<(usize, usize)>, Unsatisfiable> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let (first, last) = (first.trim().parse(), last.trim().parse::<usize>());
    let ends_open = text.ends_with('-');
    let (start, end) = match (first, last) {
        (Ok(first), Ok(last)) if last < first => return Ok(None),
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if ends_open => (first, length),
        (Err(_), Ok(suffix)) if text.starts_with("bytes=-") => {
            (if suffix == 0 { length } else { length.saturating_sub(suffix) }, length)
        }
        _ => return Ok(None),
    };
    if start < length { Ok(Some((start, end))) } else { Err(Unsatisfiable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-0", 10), Ok(Some((0, 1))));
        assert_eq!(range("bytes=5-", 10), Ok(Some((5, 10))));
        assert_eq!(range("bytes=5-99", 10), Ok(Some((5, 10))));
        assert_eq!(range("bytes=-3", 10), Ok(Some((7, 10))));
        assert_eq!(range("bytes=-30", 10), Ok(Some((0, 10))));
        for unsatisfiable in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
            assert_eq!(range(unsatisfiable, 10), Err(Unsatisfiable), "{unsatisfiable}");
        }
        for ignored in
            ["bytes=5-2", "bytes=0-1,3-4", "lines=0-1", "bytes=x-", "bytes=-", "bytes=1-x"]
        {
            assert_eq!(range(ignored, 10), Ok(None), "{ignored}");
        }
    }
}

//! URLs that mean the same to every reader, told apart from others without taking them apart.

use super::url::MediaUrl;

/// What may stand behind the host of a plain URL, by its byte.
const PLAIN: [bool; 256] = {
    let signs = b"/-._~%?=&+:@!$()*";
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut place = 0;
    while place < signs.len() {
        plain[signs[place] as usize] = true;
        place += 1;
    }
    plain
};

/// The path of an https URL in which every reader of URLs sees the same, without its query: a name in
/// lower case for a host, no port, and only letters, digits and a few signs after it. Most URLs are of
/// this kind, and need not be taken apart to be judged.
pub(crate) fn plain_path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").filter(|_| text.len() <= MediaUrl::MAX_LEN)?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let sign = |byte: u8| PLAIN[usize::from(byte)];
    let is_plain = is_plain_name(host) && path.bytes().all(sign);
    is_plain.then(|| path.find('?').map_or(path, |at| &path[..at]))
}

/// Whether it is a name that is no number in any spelling, and no name in other letters.
fn is_plain_name(host: &str) -> bool {
    let label = |label: &str| {
        let ends = [label.as_bytes().first(), label.as_bytes().last()];
        ends.iter().all(|end| end.is_some_and(|byte| *byte != b'-')) && !label.starts_with("xn--")
    };
    let sign = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let last = host.rsplit('.').next().unwrap_or_default();
    host.bytes().all(sign)
        && host.split('.').all(label)
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::super::url::{PlainHttp, form, parse};
    use super::*;

    proptest::proptest! {
        /// What is called plain is just what the parser takes, with the path that it sees.
        #[test]
        fn a_plain_url_is_one_to_every_reader(
            text in "https://([a-z0-9A-Z:@-]{0,4}[.]?){0,3}xn--|https://([a-z0-9x-]{0,3}[.]?){1,3}[/?#]([a-zA-Z0-9./%2e?=&;,'+:@!$()*~^|{ \\-]{0,4}/?){0,3}",
        ) {
            if let Some(path) = plain_path(&text) {
                let url = parse(&text, PlainHttp::Loopback).unwrap();
                assert_eq!((url.scheme(), form(&text, url.scheme())), ("https", None));
                if !path.contains(['%', '*']) && !path.split('/').any(|part| part.starts_with('.')) {
                    assert_eq!(url.path(), path, "{text}");
                }
            }
        }
    }

    #[test]
    fn most_urls_are_plain() {
        for (text, path) in [
            ("https://media.example.com/a/b-1.jpg", Some("/a/b-1.jpg")),
            ("https://e.co/?x=1/2&y=%20", Some("/")),
            ("https://a1.b2.co/x(1).jpg", Some("/x(1).jpg")),
            ("https://e.co", None),
            ("https://1.2.3.4/a", None),
            ("https://e.0x1/a", None),
            ("https://e.co:80/a", None),
            ("https://u@e.co/a", None),
            ("https://E.co/a", None),
            ("https://e..co/a", None),
            ("https://xn--a.co/a", None),
            ("https:///a", None),
            ("https://e.co/a b", None),
            ("https://e.co/a\\b", None),
            ("https://e.co/a#b", None),
            ("http://e.co/a", None),
        ] {
            assert_eq!(plain_path(text), path, "{text}");
        }
        assert_eq!(plain_path(&format!("https://e.co/{}", "x".repeat(MediaUrl::MAX_LEN))), None);
    }
}

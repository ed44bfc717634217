//! Requests without what signs their links: a link that is signed anew leads to the same file.

use serde_json::Value;

use super::query::signs;
use super::{Fingerprint, Role};

/// What goes with a signature, in lower case: it changes with each, and means nothing without one.
const COMPANIONS: &[&str] = &[
    // Everybody's.
    "expires",
    "expiry",
    "exp",
    "expire",
    "e",
    "t",
    "ts",
    "timestamp",
    "nonce",
    // Tencent's, beside `q-signature`.
    "q-header-list",
    "q-url-param-list",
    // Azure's, beside `sig`.
    "sv",
    "ss",
    "srt",
    "sp",
    "st",
    "se",
    "spr",
    "sip",
    "sr",
    "skoid",
    "sktid",
    "skt",
    "ske",
    "sks",
    "skv",
];

/// The digest of a request without the signatures of its links. Equal for requests that are probably
/// the same; the [`Fingerprint`] itself where nothing is signed.
#[must_use]
pub fn unsigned(body: &str) -> Fingerprint {
    let whole = || Fingerprint::of(body);
    let Ok(mut request) = serde_json::from_str::<Value>(body) else { return whole() };
    let mut any = false;
    for role in Role::BOTH {
        let Some(medium) = request.get_mut(role.field()) else { continue };
        let bare = medium.as_str().and_then(bare);
        if let Some(bare) = bare {
            *medium = Value::from(bare);
            any = true;
        }
    }
    if any { Fingerprint::of(&request.to_string()) } else { whole() }
}

/// A signed link without its signature; nothing for any other.
fn bare(link: &str) -> Option<String> {
    let (link, _) = link.split_once('#').unwrap_or((link, ""));
    let (path, query) = link.split_once('?')?;
    let name = |parameter: &&str| parameter.split('=').next().unwrap_or("").to_ascii_lowercase();
    let parameters: Vec<_> = query.split('&').collect();
    if path.starts_with("file:") || !parameters.iter().any(|parameter| signs(&name(parameter))) {
        return None;
    }
    let kept = parameters.into_iter().filter(|parameter| {
        let name = name(parameter);
        !signs(&name) && !COMPANIONS.contains(&name.as_str())
    });
    let kept = kept.collect::<Vec<_>>().join("&");
    Some(if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_same_however_it_is_signed() {
        for (link, expected) in [
            (
                "https://b.example/a.jpg?X-Amz-Date=1&X-Amz-Signature=s",
                Some("https://b.example/a.jpg"),
            ),
            (
                "https://b.example/a.jpg?x=1&Expires=9&OSSAccessKeyId=k&Signature=s#f",
                Some("https://b.example/a.jpg?x=1"),
            ),
            (
                "https://b.example/a.jpg?sv=2024&se=z&sr=b&sp=r&sig=s",
                Some("https://b.example/a.jpg"),
            ),
            (
                "https://b.example/a.jpg?q-sign-algorithm=sha1&q-ak=a&q-signature=s",
                Some("https://b.example/a.jpg"),
            ),
            ("https://b.example/a.jpg?e=9&token=s", Some("https://b.example/a.jpg")),
            // Without a signature they may mean anything.
            ("https://b.example/a.jpg?e=9&t=1", None),
            ("https://b.example/a.jpg", None),
            ("file:a?sig=1.jpg#sha256=0", None),
        ] {
            assert_eq!(bare(link).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn requests_differ_by_all_else() {
        let of = |text: &str| unsigned(&serde_json::from_str::<Value>(text).unwrap().to_string());
        let one = of(r#"{"image_url":"https://b.example/a?sig=1","prompt":"x"}"#);
        assert_eq!(one, of(r#"{"image_url":"https://b.example/a?sig=2","prompt":"x"}"#));
        assert_eq!(one, of(r#"{"image_url":"https://b.example/a","prompt":"x"}"#));
        assert_ne!(one, of(r#"{"image_url":"https://b.example/a?sig=1","prompt":"y"}"#));
        assert_ne!(one, of(r#"{"image_url":"https://b.example/b?sig=1","prompt":"x"}"#));
        let plain = r#"{"image_url":"https://b.example/a?v=1"}"#;
        assert_eq!(unsigned(plain), Fingerprint::of(plain));
        assert_eq!(unsigned("no JSON"), Fingerprint::of("no JSON"));
    }
}

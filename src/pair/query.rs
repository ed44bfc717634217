//! Links without what signs them: the part that may be shown.
//!
//! Whoever has a signed link has the file, until the signature expires. What is shown of a link
//! therefore ends before its query, in whatever spelling somebody else wrote it.

use super::redact::{shows, spelled};

/// The parameters that sign a link, on their own, in lower case. A name may be a word of prose, so
/// only an equals sign makes a parameter of it.
const SIGNING: &[&str] = &[
    "signature",
    "sig",
    "sign",
    "policy",
    "token",
    "access_token",
    "auth_key",
    "hmac",
    "hdnts",
    "hdnea",
    "security-token",
    "security_token",
    "securitytoken",
    "ossaccesskeyid",
    "awsaccesskeyid",
    "googleaccessid",
    "key-pair-id",
];

/// The same where nothing else begins like that: a colon makes a parameter of them, too.
const FAMILIES: &[&str] =
    &["x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-tos-", "x-bce-", "q-sign", "q-ak", "q-key-time"];

/// The text of a URL up to its query or fragment, with `?…` where something was left out.
pub(crate) fn without_query(url: &str) -> String {
    match query(url.as_bytes()) {
        Some(start) => format!("{}?…", &url[..start]),
        None => url.to_owned(),
    }
}

/// A text of somebody else's without the queries of the links in it, and without signatures that
/// have lost their link: a server that cannot fetch a signed link may say so with the link.
pub(crate) fn without_queries(text: &str) -> String {
    let shown = text.split_inclusive(ends).map(|word| {
        let link = word.trim_end_matches(ends);
        match query(link.as_bytes()).filter(|start| is_link(link, *start)) {
            Some(start) => format!("{}?…{}", &link[..start], &word[link.len()..]),
            None => word.to_owned(),
        }
    });
    without_signatures(&shown.collect::<String>())
}

/// Whether a parameter of this name, in lower case, signs a link.
pub(crate) fn signs(name: &str) -> bool {
    is_of_family(name) || SIGNING.contains(&name)
}

fn is_of_family(name: &str) -> bool {
    FAMILIES.iter().any(|family| name.starts_with(family))
}

fn ends(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'<>`".contains(c)
}

/// Where the query or the fragment of a link begins.
fn query(link: &[u8]) -> Option<usize> {
    (0..link.len()).find(|at| match link[*at] {
        b'?' => true,
        // The number of a character of HTML is no fragment.
        b'#' => *at == 0 || link[*at - 1] != b'&',
        b'%' | b'&' | b'\\' => {
            let length = spelled(b'?', &link[*at..]).into_iter().max();
            length.is_some_and(|length| shows(b"=", &link[*at + length..]))
        }
        _ => false,
    })
}

/// A scheme makes a link of a word; without one, a path or a host before something that is set.
fn is_link(word: &str, query: usize) -> bool {
    let (before, after) = word.as_bytes().split_at(query);
    let named = shows(b"/", before) || before.contains(&b'.');
    shows(b"://", before) || named && shows(b"=", after)
}

fn without_signatures(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = 0;
    let mut starts =
        text.char_indices().map(|(at, _)| at).filter(|at| begins(text.as_bytes(), *at));
    while let Some(at) = starts.find(|at| *at >= rest) {
        if let Some((from, to)) = signature(text, at) {
            shown.push_str(&text[rest..from]);
            shown.push('…');
            rest = to;
        }
    }
    shown + &text[rest..]
}

/// Whether a word may begin here: behind no other, or behind what separates parameters.
fn begins(text: &[u8], at: usize) -> bool {
    let of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let Some(before) = at.checked_sub(1).map(|before| &text[before]) else { return true };
    !of_word(before)
        || (at.saturating_sub(12)..at).any(|start| {
            let ends_here = |of| spelled(of, &text[start..]).contains(&(at - start));
            at - start > 1 && (ends_here(b'&') || ends_here(b'?'))
        })
}

/// The value of the signing parameter that begins here: from and to.
fn signature(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = rest.find(|c| !of_word(c)).map_or(rest, |end| &rest[..end]).to_ascii_lowercase();
    if !signs(&name) {
        return None;
    }
    let family = is_of_family(&name);
    let set = &rest.as_bytes()[name.len()..];
    let sign = spelled(b'=', set).into_iter().max().or_else(|| quoted(set, family))?;
    let from = at + name.len() + sign;
    let value = &text[from..];
    let length = value.find(|c| ends(c) || matches!(c, '&' | ',' | ';')).unwrap_or(value.len());
    (length > 0).then_some((from, from + length))
}

/// How long `": "` is, or `: ` for a name that cannot be prose.
fn quoted(set: &[u8], family: bool) -> Option<usize> {
    let colon = set.iter().position(|byte| *byte == b':')?;
    let between =
        |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b' '));
    let value = colon + 1 + set[colon + 1..].iter().position(|byte| !between(&[*byte]))?;
    let both = set[..colon].contains(&b'"') && set[colon..value].contains(&b'"');
    (between(&set[..colon]) && (family || both)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_ends_before_its_query_or_fragment() {
        for (url, shown) in [
            ("https://b.example/a.jpg?X-Amz-Signature=s", "https://b.example/a.jpg?…"),
            ("https://b.example/a.jpg#s", "https://b.example/a.jpg?…"),
            ("https://b.example/a%3Fb.jpg", "https://b.example/a%3Fb.jpg"),
            ("https://b.example/a.jpg", "https://b.example/a.jpg"),
        ] {
            assert_eq!(without_query(url), shown);
        }
    }

    #[test]
    fn what_others_say_is_shown_without_signatures() {
        for (said, shown) in [
            (
                "cannot fetch https://b.example/a.jpg?X-Amz-Signature=SECRET&x=1 now",
                "cannot fetch https://b.example/a.jpg?… now",
            ),
            (
                "{\"url\":\"https://b.example/ä?t=SECRET\",\"n\":2}",
                "{\"url\":\"https://b.example/ä?…\",\"n\":2}",
            ),
            (
                r#"{"u":"https:\/\/b.example\/a.jpg?t=SECRET"}"#,
                r#"{"u":"https:\/\/b.example\/a.jpg?…"}"#,
            ),
            (
                "/fetch/https%3A%2F%2Fb.example%2Fa.jpg%3Ft%3DSECRET failed",
                "/fetch/https%3A%2F%2Fb.example%2Fa.jpg?… failed",
            ),
            (
                "https%253a%252f%252fb.example%252fa.jpg%253ft%253dSECRET",
                "https%253a%252f%252fb.example%252fa.jpg?…",
            ),
            (
                "https:&#x2F;&#47;b.example&sol;a.jpg&#63;t&#x3d;SECRET",
                "https:&#x2F;&#47;b.example&sol;a.jpg?…",
            ),
            (
                r"https:\u002f\u002Fb.example\u002fa.jpg\u003ft=SECRET",
                r"https:\u002f\u002Fb.example\u002fa.jpg?…",
            ),
            ("<a href='//b.example/a.jpg?x=1&amp;t=SECRET'>", "<a href='//b.example/a.jpg?…'>"),
            ("b.example/a.jpg?t=SECRET: 403", "b.example/a.jpg?… 403"),
            ("GET /a.jpg?t=SECRET HTTP/1.1", "GET /a.jpg?… HTTP/1.1"),
            ("query x=1&X-Amz-Signature=SECRET&y=2", "query x=1&X-Amz-Signature=…&y=2"),
            ("x%3D1%26X-Amz-Security-Token%3DSECRET", "x%3D1%26X-Amz-Security-Token%3D…"),
            (r#"{"X-Goog-Signature":"SECRET","n":1}"#, r#"{"X-Goog-Signature":"…","n":1}"#),
            (r#"{\"signature\": \"SECRET\"}"#, r#"{\"signature\": \"…"}"#),
            ("x-amz-security-token: SECRET", "x-amz-security-token: …"),
            (
                "Policy=SECRET&Key-Pair-Id=SECRET&amp;Signature=SECRET",
                "Policy=…&Key-Pair-Id=…&amp;Signature=…",
            ),
            ("sig=SECRET q-signature=SECRET", "sig=… q-signature=…"),
            ("is it right? see #3", "is it right? see #3"),
            ("what/why? a=b", "what/why? a=b"),
            (
                "content policy: no signature, design=plain",
                "content policy: no signature, design=plain",
            ),
            ("", ""),
        ] {
            assert_eq!(without_queries(said), shown);
        }
    }
}

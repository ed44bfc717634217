//! Takes out of an exchange what nobody else may see, before it is kept.
//!
//! What is kept is a text as it came, but for the keys that were sent along, whatever looks like a
//! key, the queries of URLs (they sign), and who is named before a host. Headers and parameters are
//! kept only where they are known to hold no secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in the place of what was taken out.
pub(crate) const HIDDEN: &str = "***";

/// The headers that are kept. They say what something is, and who answered.
pub(crate) const KEPT_HEADERS: [&str; 14] = [
    "accept",
    "cf-ray",
    "content-type",
    "idempotency-key",
    "idempotency-replayed",
    "location",
    "range",
    "content-range",
    "retry-after",
    "server",
    "user-agent",
    "www-authenticate",
    "x-oneapi-request-id",
    "x-request-id",
];

/// The parameters of the API's own paths whose values are kept.
const KEPT_PARAMETERS: [&str; 9] = [
    "sync_upstream",
    "page",
    "page_size",
    "p",
    "status",
    "type",
    "model",
    "start_timestamp",
    "end_timestamp",
];

const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "token"];

/// Shorter ones would be found in words.
const SHORTEST_SECRET: usize = 6;

struct Patterns {
    /// Who is named before a host.
    user: Regex,
    /// The query and the fragment of a URL, however JSON writes its signs, also twice.
    query: Regex,
    /// A field whose name says that its value is a secret.
    field: Regex,
    /// What services form their keys like.
    key: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::compile);

impl Patterns {
    #[expect(clippy::expect_used, reason = "the patterns are compiled in, and tests use each")]
    fn compile() -> Self {
        let compile = |pattern: &str| Regex::new(pattern).expect("a pattern");
        let sign = r#"(?:[^\s"'<>\\]|\\+u00[0-9a-fA-F]{2}|\\+/)"#;
        let host = r#"(?:[^\s"'<>\\?#]|\\+/)"#;
        Self {
            user: compile(r#"(?i)(https?:(?:\\*/){2})[^/\s"'<>@\\?#]+@"#),
            query: compile(&format!(
                r"(?i)(https?:(?:\\*/){{2}}{host}*)(\?|\\+u003f|#|\\+u0023){sign}*"
            )),
            field: compile(
                r#"(?ix)
                ( (\\*)" [^"\\]* (?:api[_-]?key | secret | passw | access[_-]?token | authoriz
                    | refresh[_-]?token | credential | signature | session | cookie ) [^"\\]* \\*"
                  | \\*" (?:token|key|sk|ak) \\*" )
                (\s*:\s*\\*") (?:[^"\\]|\\+[^"\\])+"#,
            ),
            key: compile(
                r"(?x) \b(?:sk|pk|ak|rk)-[A-Za-z0-9*_-]{6,} | (?i:\bbearer\s+)[A-Za-z0-9._~+/=*-]{6,}
                  | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+ | \bAKIA[A-Z0-9]{12,}",
            ),
        }
    }
}

/// What is taken out: the keys that were seen, and all that looks like one.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    secrets: Vec<String>,
}

impl Cleaner {
    /// Learns the keys of a request by its headers and its target.
    pub(crate) fn learn<'a>(
        &mut self,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        target: &str,
    ) {
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            let words = ["auth", "key", "token", "secret", "cookie", "session"];
            let kept = KEPT_HEADERS.contains(&name.as_str());
            if !kept && words.iter().any(|word| name.contains(word)) {
                self.secrets.extend(secrets(&name, value).map(str::to_owned));
            }
        }
        let query = target.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !KEPT_PARAMETERS.contains(&&*name) {
                self.secrets.push(value.into_owned());
            }
        }
        self.secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        // The longest first: one may be a part of another.
        self.secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.secrets.dedup();
    }

    /// A text without them.
    pub(crate) fn text(&self, text: &str) -> String {
        let known = self.secrets.iter();
        let text = known.fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN));
        clean(&text).into_owned()
    }

    /// The target of a request: of its parameters only what is known to be no secret.
    pub(crate) fn target(&self, target: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let parameters = query.map(|query| {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((name, _)) if !KEPT_PARAMETERS.contains(&name) => format!("{name}={HIDDEN}"),
                Some(_) => pair.to_owned(),
                None if KEPT_PARAMETERS.contains(&pair) || pair.is_empty() => pair.to_owned(),
                None => HIDDEN.to_owned(),
            });
            pairs.collect::<Vec<_>>().join("&")
        });
        let path = self.text(path);
        parameters.map_or_else(|| path.clone(), |query| format!("{path}?{}", self.text(&query)))
    }

    /// The headers that are kept.
    pub(crate) fn headers<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Vec<(&'static str, String)> {
        let kept = headers.filter_map(|(name, value)| {
            let known = KEPT_HEADERS.into_iter().find(|known| name.eq_ignore_ascii_case(known))?;
            Some((known, self.text(value)))
        });
        kept.collect()
    }
}

/// The secrets in the value of a header.
fn secrets<'a>(name: &str, value: &'a str) -> impl Iterator<Item = &'a str> {
    let cookies = name.contains("cookie");
    let parts = value.split(if cookies { ';' } else { ' ' });
    let parts = parts.map(move |part| match part.split_once('=') {
        Some((_, value)) if cookies => value.trim(),
        _ => part.trim(),
    });
    // The scheme is a word that texts have.
    parts.filter(|part| !SCHEMES.iter().any(|scheme| part.eq_ignore_ascii_case(scheme)))
}

/// A text without what looks like a secret.
fn clean(text: &str) -> Cow<'_, str> {
    let patterns = &*PATTERNS;
    let text = patterns.user.replace_all(text, format!("${{1}}{HIDDEN}@"));
    let text = patterns.query.replace_all(&text, format!("${{1}}${{2}}{HIDDEN}")).into_owned();
    let hidden = |found: &Captures<'_>| format!("{}{}{HIDDEN}", &found[1], &found[3]);
    let text = patterns.field.replace_all(&text, hidden).into_owned();
    Cow::Owned(patterns.key.replace_all(&text, HIDDEN).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_queries_however_they_are_written() {
        for (came, kept) in [
            (
                r#"{"url": "https://h/a.mp4?X-Sig=abc&e=1", "n": 1}"#,
                r#"{"url": "https://h/a.mp4?***", "n": 1}"#,
            ),
            (r#"{"u":"https:\/\/h\/a?s=1\u0026t=2"}"#, r#"{"u":"https:\/\/h\/a?***"}"#),
            (r#"{"u":"https://h/a\u003fs\u003d1"}"#, r#"{"u":"https://h/a\u003f***"}"#),
            (
                r#"{"j":"{\"u\":\"https://h/a?s=1\\u0026t=2\",\"n\":2}"}"#,
                r#"{"j":"{\"u\":\"https://h/a?***\",\"n\":2}"}"#,
            ),
            ("see http://me:word@h/x#part now", "see http://***@h/x#*** now"),
            ("https://h/plain.jpg", "https://h/plain.jpg"),
        ] {
            assert_eq!(clean(came), kept);
        }
    }

    #[test]
    fn what_looks_like_a_key_goes_and_what_only_sounds_like_one_stays() {
        for (came, kept) in [
            (r#"{"api_key": "abc", "id": "t-1"}"#, r#"{"api_key": "***", "id": "t-1"}"#),
            (r#"{"j":"{\"token\":\"abc\",\"n\":1}"}"#, r#"{"j":"{\"token\":\"***\",\"n\":1}"}"#),
            ("Invalid token sk-ab***wxyz9 (request id: 1)", "Invalid token *** (request id: 1)"),
            ("Bearer abcdef123", "***"),
            (
                r#"{"max_tokens": 5, "token": {"left": 1}}"#,
                r#"{"max_tokens": 5, "token": {"left": 1}}"#,
            ),
            ("task-unified-1757165031-uyujaw3d", "task-unified-1757165031-uyujaw3d"),
        ] {
            assert_eq!(clean(came), kept);
        }
    }

    #[test]
    fn keys_that_were_sent_are_found_wherever_they_come_back() {
        let mut cleaner = Cleaner::default();
        let headers = [
            ("Authorization", "Bearer my.key.1"),
            ("X-Thing-Token", "tok12345"),
            ("Cookie", "session=cookie-1; theme=darkest"),
        ];
        cleaner.learn(headers.into_iter(), "/x?key=quite-secret&page=2");
        let said =
            cleaner.text("Bearer: my.key.1 with tok12345, quite-secret and cookie-1; session");
        assert_eq!(said, "Bearer: *** with ***, *** and ***; session");
        let target = cleaner.target("/v1/tasks/my.key.1?page=2&key=quite-secret&flag");
        assert_eq!(target, "/v1/tasks/***?page=2&key=***&***");
        let kept =
            cleaner.headers([("Server", "x"), ("Set-Cookie", "a=b"), ("Date", "d")].into_iter());
        assert_eq!(kept, [("server", "x".to_owned())]);
    }
}

//! A request: as it came, and as the endpoints see it.

use std::borrow::Cow;

use crate::http::answer::JSON;
use crate::http::route::ACCOUNTS;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
    /// Whether the connection may carry another request after this one.
    pub(crate) keep_alive: bool,
    /// The head, up to and with the empty line.
    pub(crate) head: Vec<u8>,
}

impl Request {
    /// The headers in the order and case in which they came.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
            Some((name, value.trim()))
        })
    }

    /// The same without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut head = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
        head.push(b'\n');
        for (known, value) in self.headers().filter(|(known, _)| !known.eq_ignore_ascii_case(name))
        {
            head.extend_from_slice(format!("{known}: {value}\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        let (method, target) = (self.method.clone(), self.target.clone());
        Self { method, target, body: self.body.clone(), keep_alive: self.keep_alive, head }
    }

    /// A request that nobody sent yet.
    pub(crate) fn new(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        }
        head.push_str("\r\n");
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, body: body.to_vec(), keep_alive: false, head: head.into_bytes() }
    }

    /// Whose request it is.
    pub(crate) fn whose(&self) -> Whose<'_> {
        let mut headers = self.headers();
        let carried = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        Whose::of(&self.target, carried.map(|(_, value)| value))
    }

    /// What it takes to keep.
    pub(crate) fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// A request as the endpoints see it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    /// The path with the query.
    pub(crate) target: &'a str,
    /// Without the query.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Their names in small letters.
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

impl<'a> Seen<'a> {
    /// The value of a header, whose name is in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether its body is declared as JSON, whatever the parameters.
    pub(crate) fn is_json(&self) -> bool {
        let essence = self.header("content-type").and_then(|kind| kind.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(JSON))
    }

    /// Where its client reaches this server, so that links work from there.
    pub(crate) fn base(&self, url: &str) -> String {
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        match self.header("host").filter(|host| host.contains(':') && host.bytes().all(plain)) {
            Some(host) => format!("http://{host}"),
            None => url.to_owned(),
        }
    }
}

/// Whose request it is, by what it says itself; nobody has checked that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// It carries this key, or asks the fake about it.
    Key(&'a str),
    /// It follows a link out of a world with this mark.
    Mark(u64),
    Nobody,
}

/// The parameter of links that holds a world's mark.
pub(crate) const MARK: &str = "account";

impl<'a> Whose<'a> {
    /// By the path and the query, and the value of `Authorization`.
    pub(crate) fn of(target: &'a str, authorization: Option<&'a str>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = path.strip_prefix(ACCOUNTS).and_then(|rest| rest.split('/').next());
        let carried = authorization.and_then(|value| value.split_once(' '));
        let carried = carried.map(|(_, key)| key.trim());
        if let Some(key) = asked.or(carried).filter(|key| !key.is_empty()) {
            return Self::Key(key);
        }
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let mark = pairs.find(|(name, _)| name == MARK);
        let mark = mark.and_then(|(_, value)| u64::from_str_radix(&value, 16).ok());
        mark.map_or(Self::Nobody, Self::Mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_whose_it_is() {
        let whose = |target| Whose::of(target, None);
        assert_eq!(Whose::of("/v1/tasks/t", Some("Bearer k ")), Whose::Key("k"));
        assert_eq!(Whose::of("/__mock/accounts/a/book?x", Some("Bearer k")), Whose::Key("a"));
        assert_eq!(whose("/__mock/accounts/a"), Whose::Key("a"));
        assert_eq!(whose("/output/t-1.mp4?expires=1&account=00ff"), Whose::Mark(255));
        for nobody in ["/__mock/book", "/__mock/accounts/", "/output/t?account=x"] {
            assert_eq!(whose(nobody), Whose::Nobody, "{nobody}");
        }
    }

    #[test]
    fn json_may_be_declared_with_parameters() {
        let is_json = |kind| {
            let headers = vec![("content-type", kind)];
            Seen { method: "POST", target: "/", path: "/", query: "", headers, body: b"" }.is_json()
        };
        assert!(is_json("application/json"));
        assert!(is_json("Application/JSON; charset=utf-8"));
        assert!(!is_json("application/json-patch+json"));
        assert!(!is_json("text/plain"));
    }
}

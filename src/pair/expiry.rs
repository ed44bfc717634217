//! When a signed link dies, as far as the link itself says.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// When a link dies; nothing where it does not say. Knows the signatures of S3 (both versions),
/// Google Cloud, CloudFront, Azure and Alibaba.
#[must_use]
pub fn expires(url: &str) -> Option<Timestamp> {
    let url = Url::parse(url).ok()?;
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
    };
    for [date, lives] in [["X-Amz-Date", "X-Amz-Expires"], ["X-Goog-Date", "X-Goog-Expires"]] {
        if let (Some(date), Some(lives)) = (value(date), value(lives)) {
            let lives = SignedDuration::from_secs(lives.parse().ok()?);
            return compact(&date)?.checked_add(lives).ok();
        }
    }
    let seconds =
        value("Expires").and_then(|value| Timestamp::from_second(value.parse().ok()?).ok());
    seconds.or_else(|| value("se")?.parse().ok())
}

/// `20261122T180000Z`
fn compact(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_say_when_they_die() {
        let at = Some("2026-11-22T19:00:00Z".parse().unwrap());
        for (query, dies) in [
            ("X-Amz-Signature=00&X-Amz-Date=20261122T180000Z&X-Amz-Expires=3600", at),
            ("x-goog-date=20261122T180000Z&x-goog-expires=3600", at),
            ("Expires=1795374000&Signature=x&Key-Pair-Id=y", at),
            ("sv=2022&se=2026-11-22T19%3A00%3A00Z&sig=x", at),
            ("version=3", None),
            ("X-Amz-Date=yesterday&X-Amz-Expires=3600", None),
            ("X-Amz-Date=20261122T180000Z&X-Amz-Expires=99999999999999999999", None),
            ("Expires=never", None),
        ] {
            assert_eq!(expires(&format!("https://a.example/b.jpg?{query}")), dies, "{query}");
        }
    }
}

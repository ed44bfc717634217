//! When a signed link dies, as far as the link itself says.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// Signatures that name the moment they were made at, and how many seconds they live.
const DATED: [[&str; 2]; 4] = [
    // S3 and all that speak its language.
    ["X-Amz-Date", "X-Amz-Expires"],
    // Google Cloud.
    ["X-Goog-Date", "X-Goog-Expires"],
    // Alibaba OSS, fourth version.
    ["x-oss-date", "x-oss-expires"],
    // Volcengine TOS.
    ["X-Tos-Date", "X-Tos-Expires"],
];
/// Before this a number of seconds is a span and no moment: it is a day in September 2001.
const FIRST: i64 = 1_000_000_000;
/// From here on it counts milliseconds.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// When a link dies; nothing where it does not say. Knows the signatures of S3 and Google Cloud (all
/// versions), CloudFront, Azure, Alibaba OSS, Volcengine TOS, Tencent COS, Qiniu, Akamai and the
/// networks of ByteDance and Discord.
#[must_use]
pub fn expires(url: &str) -> Option<Timestamp> {
    // It is the query that says it.
    if !url.contains('?') {
        return None;
    }
    let url = Url::parse(url).ok()?;
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
    };
    for [date, lives] in DATED {
        if let (Some(date), Some(lives)) = (value(date), value(lives)) {
            let lives = SignedDuration::from_secs(lives.parse().ok()?);
            return compact(&date)?.checked_add(lives).ok();
        }
    }
    let decimal = |name| moment(value(name)?.parse().ok()?);
    let azure = || value("se").and_then(|text| text.parse().ok().or_else(|| midnight(&text)));
    // `START;END`, both in seconds.
    let tencent = || moment(value("q-sign-time")?.split_once(';')?.1.parse().ok()?);
    let qiniu = || value("token").and_then(|_| decimal("e"));
    let discord = || {
        let signed = value("hm").is_some() && value("is").is_some();
        hexadecimal(&value("ex")?).filter(|_| signed)
    };
    let meta = || value("_nc_ohc").and_then(|_| hexadecimal(&value("oe")?));
    decimal("Expires")
        .or_else(|| decimal("x-expires"))
        .or_else(azure)
        .or_else(tencent)
        .or_else(qiniu)
        .or_else(discord)
        .or_else(meta)
        .or_else(|| {
            ["hdnts", "hdnea", "__token__"].into_iter().find_map(|name| akamai(&value(name)?))
        })
}

/// `st=1~exp=1795374000~acl=/*~hmac=…`
fn akamai(token: &str) -> Option<Timestamp> {
    let end = token.split('~').find_map(|part| part.strip_prefix("exp="))?;
    moment(end.parse().ok()?)
}

fn hexadecimal(text: &str) -> Option<Timestamp> {
    moment(i64::from_str_radix(text, 16).ok()?)
}

/// Seconds or milliseconds since 1970; nothing for a number that is a span.
#[must_use]
pub fn moment(number: i64) -> Option<Timestamp> {
    match number {
        FIRST_MILLIS.. => Timestamp::from_millisecond(number).ok(),
        FIRST.. => Timestamp::from_second(number).ok(),
        _ => None,
    }
}

/// `2026-11-22`, which ends as it begins.
fn midnight(text: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = text.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
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
            ("x-oss-date=20261122T180000Z&x-oss-expires=3600&x-oss-signature=0", at),
            ("X-Tos-Date=20261122T180000Z&X-Tos-Expires=3600&X-Tos-Signature=0", at),
            ("Expires=1795374000&Signature=x&Key-Pair-Id=y", at),
            ("Expires=1795374000&Signature=x&OSSAccessKeyId=y", at),
            ("Expires=1795374000&Signature=x&GoogleAccessId=y", at),
            ("expires=1795374000000", at),
            ("sv=2022&se=2026-11-22T19%3A00%3A00Z&sig=x", at),
            ("sv=2022&se=2026-11-22T19:00Z&sig=x", at),
            ("sv=2022&se=2026-11-23&sig=x", Some("2026-11-23T00:00:00Z".parse().unwrap())),
            ("q-sign-time=1795370400%3B1795374000&q-signature=x", at),
            ("x-expires=1795374000&x-signature=x", at),
            ("e=1795374000&token=x", at),
            ("ex=6b033bb0&is=6b01ee30&hm=x", at),
            ("oe=6B033BB0&_nc_ohc=x", at),
            ("hdnts=st%3D1795370400~exp%3D1795374000~hmac%3Dx", at),
            ("__token__=exp=1795374000~acl=/*~hmac=x", at),
            ("version=3", None),
            ("X-Amz-Date=yesterday&X-Amz-Expires=3600", None),
            ("X-Amz-Date=20261122T180000Z&X-Amz-Expires=99999999999999999999", None),
            ("Expires=never", None),
            ("expires=3600", None),
            ("expires=0", None),
            ("Expires=-1", None),
            ("e=1795374000", None),
            ("ex=6b033bb0", None),
            ("q-sign-time=1795374000", None),
        ] {
            assert_eq!(expires(&format!("https://a.example/b.jpg?{query}")), dies, "{query}");
        }
    }
}

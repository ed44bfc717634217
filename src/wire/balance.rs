//! What an account has left, where a service tells: EvoLink at `/v1/credits`, New API relays at
//! `/api/usage/token/`. The documented service tells of nothing.
//!
//! Like a bill it is evidence: whatever cannot be read of it is no balance, and stops nothing.

use super::json::Value;
use super::{Received, is_success};
use crate::price::Credits;

/// Where the question goes, the more likely first.
pub const BALANCE_PATHS: [&str; 2] = ["/v1/credits", "/api/usage/token/"];

/// What is left, by its names in lower case without `_`.
const LEFT: &[&str] = &[
    "remainingcredits",
    "creditsremaining",
    "availablecredits",
    "totalavailable",
    "remaining",
    "available",
    "balance",
    "credits",
];
/// Names of what says that there is no end of it.
const ENDLESS: &[&str] = &["unlimitedcredits", "unlimitedquota", "unlimited"];

/// What the account and the key have left; the less of the two, since each has to last. Nothing where
/// the answer does not say, or says that there is no end.
#[must_use]
pub fn judge_balance(received: &Received) -> Option<Credits> {
    if !is_success(received.status) || received.cut.is_some() {
        return None;
    }
    let json = received.json();
    let answer = json.value();
    let data = answer.get("data");
    if *answer.get("success") == Value::Bool(false) || !json.whole {
        return None;
    }
    let places = [data.get("user"), data.get("token"), data.get("key"), data, answer];
    places.into_iter().filter_map(left).min()
}

fn left(place: &Value) -> Option<Credits> {
    let entries = || place.entries().iter().map(|(key, value)| (plain(key), value));
    let is_endless = |(key, value): (String, &Value)| {
        ENDLESS.contains(&key.as_str()) && *value == Value::Bool(true)
    };
    if entries().any(is_endless) {
        return None;
    }
    let of_name = |name: &&str| {
        let found = entries().find(|(key, _)| key == name)?;
        Credits::read(found.1.scalar()?)
    };
    LEFT.iter().find_map(of_name)
}

fn plain(key: &str) -> String {
    key.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(status: u16, body: &str) -> Option<String> {
        let received = Received { status, body: body.into(), ..Received::default() };
        judge_balance(&received).map(|credits| credits.to_string())
    }

    #[test]
    fn what_is_left_is_read_and_the_less_of_two_counts() {
        for (body, expected) in [
            (
                r#"{"data":{"user":{"remaining_credits":90},"token":{"remaining_credits":7.5}}}"#,
                Some("7.5"),
            ),
            (
                r#"{"data":{"user":{"remaining_credits":5},"token":{"remaining_credits":70}}}"#,
                Some("5"),
            ),
            (
                r#"{"data":{"user":{"credits":"90"},"token":{"unlimited_credits":true,"remaining_credits":0}}}"#,
                Some("90"),
            ),
            (
                r#"{"code":true,"message":"ok","data":{"object":"token_usage","total_granted":9,"total_used":2,"total_available":7,"unlimited_quota":false}}"#,
                Some("7"),
            ),
            (r#"{"code":true,"data":{"total_available":0,"unlimited_quota":true}}"#, None),
            (r#"{"data":{"total_available":0}}"#, Some("0")),
            (r#"{"balance":12.5}"#, Some("12.5")),
            (r#"{"success":false,"message":"no","data":{"balance":5}}"#, None),
            (r#"{"data":{"total_available":-5}}"#, None),
            (r#"{"data":{"total_available":1e400}}"#, None),
            (r#"{"data":{"total_available":{"n":5}}}"#, None),
            (r#"{"data":[5]}"#, None),
            (r#"{"data":{"total_available":7"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(left(200, body).as_deref(), expected, "{body}");
        }
        assert_eq!(left(404, r#"{"balance":5}"#), None);
        assert_eq!(left(301, r#"{"balance":5}"#), None);
    }
}

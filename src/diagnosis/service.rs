//! What a service's answer to a free question tells: whether it can be reached, whether it takes the
//! key, whether it speaks as its documents say, and what time it thinks it is.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Finding;
use crate::pair::TaskId;
use crate::view::printable;
use crate::wire::{Poll, Received, judge_poll};

/// A `Date` names a whole second, and an answer is under way for a while.
const CLOSE: Duration = Duration::from_secs(60);
/// Signatures of buckets are refused when they are this old, or this young.
const TOO_FAR: Duration = Duration::from_secs(900);

/// What came of the question.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What was answered, without the key.
    pub received: Received,
    /// How long it took.
    pub took: Duration,
    /// When it came, by this machine's clock.
    pub at: Timestamp,
}

/// Where the name of the API's host leads. Through a proxy nobody here has to know.
#[must_use]
pub fn name(host: &str, found: Option<&Result<Vec<IpAddr>, String>>) -> Finding {
    match found {
        None => Finding::open("name", format!("{host} is looked up by the proxy")),
        Some(Ok(all)) if !all.is_empty() => {
            let first = all.iter().map(ToString::to_string).next().unwrap_or_default();
            let more =
                if all.len() > 1 { format!(" and {} more", all.len() - 1) } else { String::new() };
            Finding::good("name", format!("{host} is {first}{more}"))
        }
        Some(found) => {
            let why = found.as_ref().err().map_or("it has no address", String::as_str);
            Finding::bad(
                "name",
                format!("{host} is not known: {why}"),
                "is the address right (`endpoint`)? Is there a network, or a proxy to be named \
                 (HTTPS_PROXY)?",
            )
        }
    }
}

/// Whether an answer came.
#[must_use]
pub fn connection(host: &str, seen: Option<Result<&Seen, &str>>, through: bool) -> Finding {
    match seen {
        None => Finding::open("connection", "not tried: its name is not known"),
        Some(Ok(seen)) => {
            let (status, took) = (seen.received.status, seen.took.as_millis());
            Finding::good("connection", format!("{host} answers, HTTP {status} in {took} ms"))
        }
        Some(Err(why)) => Finding::bad(
            "connection",
            format!("{host} does not answer: {why}"),
            advice(why, through),
        ),
    }
}

/// What to try, by the words of whatever gave up.
fn advice(why: &str, through: bool) -> &'static str {
    let why = why.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["unknownissuer", "unknown issuer", "self-signed", "self signed"]) {
        "a company's proxy that reads along? Give its certificate with --ca FILE; see docs/proxies.md"
    } else if says(&["certificate", "expired"]) {
        "is the clock right, and the address (`endpoint`)? Nothing is sent past a certificate that \
         does not fit"
    } else if says(&["407", "proxy authentication", "proxy auth", "proxy unsuccessful", "tunnel"]) {
        "the proxy lets nobody through like this: is its name and password right \
         (HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT)?"
    } else if through {
        "is the proxy there, and does it let this host through? NO_PROXY=HOST goes past it"
    } else {
        "is the address right (`endpoint`)? Is a firewall in the way, or a proxy to be named \
         (HTTPS_PROXY)?"
    }
}

/// Whether the key is accepted, by what is said of a task that nobody made.
#[must_use]
pub fn key(seen: Option<&Seen>, has_key: bool, asked: &TaskId) -> Finding {
    if !has_key {
        return Finding::bad(
            "key",
            "there is none",
            "set CALLSHEET_API_KEY or give --api-key-file FILE; a rehearsal (run --mock) needs none",
        );
    }
    let Some(seen) = seen else { return Finding::open("key", "not tried: nobody answers") };
    match judge_poll(&seen.received, asked) {
        Poll::NotFound | Poll::News(_) | Poll::Another { .. } => {
            Finding::good("key", "it is accepted; whether money is left, only a create tells")
        }
        Poll::AccountStop { account, message } => {
            let (what, help) = account.advice();
            Finding::bad("key", format!("{what}: {}", printable(&message)), help)
        }
        Poll::TryAgain { reason, .. } => Finding::odd(
            "key",
            format!("nobody can say: {}", printable(&reason)),
            "give the command again in a while",
        ),
    }
}

/// Whether the service says of an unknown task what its documents say, as far as anything is decided
/// by it.
#[must_use]
pub fn contract(seen: Option<&Seen>, asked: &TaskId) -> Finding {
    const ABOUT: &str = "contract";
    const ADDRESS: &str =
        "is the address right (`endpoint`)? Is there a sign-in page or a proxy between?";
    let Some(seen) = seen else { return Finding::open(ABOUT, "not seen: nobody answers") };
    let received = &seen.received;
    let status = received.status;
    match judge_poll(received, asked) {
        Poll::NotFound => {
            let drifts = drifts(received);
            match &drifts[..] {
                [] => Finding::good(ABOUT, "a task that nobody made is not found, as documented"),
                some => Finding::odd(
                    ABOUT,
                    format!("understood, but {}", some.join("; ")),
                    "begin with a few: callsheet run MANIFEST --pilot 3",
                ),
            }
        }
        Poll::AccountStop { .. } if is_error(received) => {
            Finding::good(ABOUT, format!("HTTP {status} with an error in JSON, as documented"))
        }
        Poll::AccountStop { .. } => Finding::bad(
            ABOUT,
            format!("HTTP {status} that is not the API's: no error in JSON"),
            ADDRESS,
        ),
        Poll::News(_) | Poll::Another { .. } => Finding::bad(
            ABOUT,
            "it tells of a task that nobody made: an example of the API, or another service",
            "nothing that it says can be relied on. Is the address right (`endpoint`)?",
        ),
        Poll::TryAgain { reason, .. } if status == 429 || status >= 500 => Finding::odd(
            ABOUT,
            format!("it is out of order: {}", printable(&reason)),
            "give the command again in a while",
        ),
        Poll::TryAgain { reason, .. } => {
            Finding::bad(ABOUT, format!("not the API: {}", printable(&reason)), ADDRESS)
        }
    }
}

/// In what an answer that was understood is not as documented.
fn drifts(received: &Received) -> Vec<String> {
    let mut found = Vec::new();
    if received.status != 404 {
        found.push(format!("with HTTP {} instead of 404", received.status));
    }
    let media_type = received.header("content-type").unwrap_or("none");
    if !media_type.to_ascii_lowercase().starts_with("application/json") {
        found.push(format!("its type is {} instead of JSON", printable(media_type)));
    }
    if !is_error(received) {
        found.push("without an `error` that has a `message`".to_owned());
    }
    found
}

fn is_error(received: &Received) -> bool {
    let value: Option<Value> = serde_json::from_slice(&received.body).ok();
    value.is_some_and(|value| value["error"]["message"].is_string())
}

/// This machine's clock beside the server's.
#[must_use]
pub fn clock(seen: Option<&Seen>) -> Finding {
    const ABOUT: &str = "clock";
    let Some(seen) = seen else { return Finding::open(ABOUT, "nothing to compare it with") };
    let date = seen.received.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let Some(theirs) = date.and_then(|date| Timestamp::try_from(date).ok()) else {
        return Finding::open(ABOUT, "the server does not say what time it is");
    };
    let off = seen.at.duration_since(theirs);
    let (by, direction) =
        (off.unsigned_abs(), if off.is_negative() { "behind" } else { "ahead of" });
    let text = format!("{} {direction} the server's", crate::view::lasting(by.as_secs()));
    let help = "set it (timedatectl set-ntp true): links and signatures end by the clock";
    if by > TOO_FAR {
        Finding::bad(ABOUT, text, help)
    } else if by > CLOSE {
        Finding::odd(ABOUT, text, help)
    } else {
        Finding::good(ABOUT, "as the server's, to the minute")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Verdict::{self, Bad, Good, Odd, Open};

    fn asked() -> TaskId {
        TaskId::parse("task-unified-0-nobody").unwrap()
    }

    fn seen(status: u16, body: &str, date: &str) -> Seen {
        let headers = [("content-type", "application/json"), ("date", date)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let received =
            Received { status, headers, body: body.as_bytes().to_vec(), ..Received::default() };
        let at = "2026-11-29T12:00:00Z".parse().unwrap();
        Seen { received, took: Duration::from_millis(12), at }
    }

    const UNKNOWN: &str = r#"{"error":{"code":"task_not_found","message":"no such task"}}"#;
    const DATE: &str = "Sun, 29 Nov 2026 12:00:03 GMT";

    fn verdicts(status: u16, body: &str) -> (Verdict, Verdict) {
        let seen = seen(status, body, DATE);
        (key(Some(&seen), true, &asked()).verdict, contract(Some(&seen), &asked()).verdict)
    }

    #[test]
    fn a_key_is_accepted_where_only_the_task_is_unknown() {
        assert_eq!(verdicts(404, UNKNOWN), (Good, Good));
        let relay = r#"{"code":"task_not_exist","message":"task_not_exist","data":null}"#;
        assert_eq!(verdicts(400, relay), (Good, Odd), "a relay's own words");
        let error = r#"{"error":{"code":"unauthorized","message":"no such key"}}"#;
        assert_eq!(verdicts(401, error), (Bad, Good));
        assert_eq!(verdicts(402, error), (Bad, Good));
        assert_eq!(verdicts(403, "<html>blocked</html>"), (Bad, Bad), "a firewall");
        assert_eq!(verdicts(503, "<html>down</html>"), (Odd, Odd));
        assert_eq!(verdicts(200, "<html>sign in</html>"), (Odd, Bad));
        assert_eq!(verdicts(404, "<html>nginx</html>"), (Odd, Bad), "another server");
        assert_eq!(verdicts(404, r#"{"message":"no"}"#), (Good, Odd));
        let example = r#"{"id":"task-unified-0-nobody","status":"completed"}"#;
        assert_eq!(verdicts(200, example).1, Bad, "whatever is asked for is there");
        assert_eq!(key(None, true, &asked()).verdict, Open);
        assert_eq!(key(None, false, &asked()).verdict, Bad);
        assert_eq!(contract(None, &asked()).verdict, Open);
    }

    #[test]
    fn a_clock_is_compared_as_closely_as_a_date_allows() {
        let told = |date: &str| {
            let found = clock(Some(&seen(404, UNKNOWN, date)));
            (found.verdict, found.text)
        };
        assert_eq!(told(DATE).0, Good);
        let behind = told("Sun, 29 Nov 2026 12:05:00 GMT");
        assert_eq!(behind.0, Odd);
        assert!(behind.1.ends_with("behind the server's"), "{behind:?}");
        let ahead = told("Sun, 29 Nov 2026 10:00:00 GMT");
        assert_eq!(ahead.0, Bad);
        assert!(ahead.1.ends_with("ahead of the server's"), "{ahead:?}");
        assert_eq!(told("yesterday").0, Open);
        assert_eq!(clock(None).verdict, Open);
    }

    #[test]
    fn who_gives_up_is_told_what_to_try() {
        for (why, through, word) in [
            ("invalid peer certificate: UnknownIssuer", false, "--ca FILE"),
            ("invalid peer certificate: Expired", false, "clock"),
            ("proxy authentication required", true, "password"),
            ("tunnel error: unsuccessful", true, "password"),
            ("Connection refused (os error 111)", true, "NO_PROXY"),
            ("Connection refused (os error 111)", false, "endpoint"),
        ] {
            let found = connection("api.example.com", Some(Err(why)), through);
            assert_eq!(found.verdict, Bad);
            assert!(found.help.as_ref().unwrap().contains(word), "{why}: {found:?}");
        }
        let here = seen(404, UNKNOWN, DATE);
        let found = connection("api.example.com", Some(Ok(&here)), false);
        assert_eq!(found.text, "api.example.com answers, HTTP 404 in 12 ms");
        assert_eq!(connection("api.example.com", None, false).verdict, Open);
    }

    #[test]
    fn a_name_leads_somewhere_or_is_told() {
        let addresses = Ok(vec!["9.9.9.9".parse().unwrap(), "2620:fe::9".parse().unwrap()]);
        assert_eq!(name("a.example", Some(&addresses)).text, "a.example is 9.9.9.9 and 1 more");
        assert_eq!(name("a.example", Some(&Ok(Vec::new()))).verdict, Bad);
        assert_eq!(name("a.example", Some(&Err("no".to_owned()))).verdict, Bad);
        assert_eq!(name("a.example", None).verdict, Open);
    }
}

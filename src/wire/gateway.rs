//! Answers of what stands before the API: proxies, load balancers, portals, other addresses.
//!
//! Such an answer proves something only if it is known word for word, because the same status from
//! the next layer may hide a task. What merely looks like one of these is left in doubt.

use url::Url;

use super::Received;
use super::answer::{Answer, task_in};

/// How Envoy begins when it has nothing to pass on. With a retry before it the text is another.
const ENVOY: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";
/// The reasons for which Envoy had not sent the request to anybody.
const ENVOY_NOT_SENT: &[&str] = &[
    "connection failure",
    "local connection failure",
    "remote connection failure",
    "connection timeout",
    "remote refused stream reset",
    "local refused stream reset",
    "overflow",
];

/// Whether somebody on the way refused and says, in words of its own, that the API got nothing.
pub(super) fn not_relayed(received: &Received, answer: &Answer<'_>) -> bool {
    match received.status {
        503 => answer.is_distributor() || envoy(received) || load_balancer(received),
        521 | 523 | 525 | 526 | 530 => cloudflare(received),
        _ => false,
    }
}

/// Whether this is somebody else's refusal of the request's form or address, so that nothing can
/// have been made.
pub(super) fn not_the_api(received: &Received, answer: &Answer<'_>) -> bool {
    match received.status {
        307 | 308 => true,
        301 | 302 => leads_away(received),
        // What is cut off may have been the API's.
        _ if received.cut.is_some() => false,
        407 => true,
        400 | 404 | 405 | 411 | 413..=415 | 417 | 421 | 426 | 431 | 463 | 464 | 494..=497 => {
            !answer.is_api() || is_wrong_address(answer)
        }
        _ => false,
    }
}

/// New API answers so where it has no such path: the address is wrong, for all pairs alike.
fn is_wrong_address(answer: &Answer<'_>) -> bool {
    answer.messages().iter().any(|said| said.starts_with("Invalid URL ("))
}

/// Its own page, which only looks the same from one that it passes on.
fn cloudflare(received: &Received) -> bool {
    let status = received.status;
    let text = start(received).to_ascii_lowercase();
    let plain = text.trim().strip_prefix("error code: ").and_then(|code| code.parse::<u16>().ok());
    let plain = match status {
        530 => plain.is_some_and(|code| code == 530 || (1000..2000).contains(&code)),
        _ => plain == Some(status),
    };
    let page = text.contains("cloudflare")
        && [format!("error code {status}"), format!("error {status}"), format!("| {status}:")]
            .iter()
            .any(|words| text.contains(words));
    received.header("cf-ray").is_some() && (plain || page)
}

fn envoy(received: &Received) -> bool {
    let text = start(received);
    let text = text.trim();
    let reason = text.strip_prefix(ENVOY).map(|reason| reason.split(',').next().unwrap_or(reason));
    text == "no healthy upstream"
        || reason.is_some_and(|reason| ENVOY_NOT_SENT.contains(&reason.trim()))
}

/// Amazon's, with no machine behind it.
fn load_balancer(received: &Received) -> bool {
    let text = start(received);
    received.header("server") == Some("awselb/2.0")
        && text.contains("<title>503 Service Temporarily Unavailable</title>")
        && !text.contains("nginx")
}

/// Whether a redirect leads to another host, to https or to a portal. One that stays among the
/// API's paths may follow upon a task that was made.
fn leads_away(received: &Received) -> bool {
    let Some(location) = received.header("location") else { return false };
    // Where nobody said what was asked, no host is the API's.
    let asked = Url::parse(&received.origin).or_else(|_| Url::parse("https://unknown.invalid"));
    let Ok(asked) = asked else { return false };
    let Ok(target) = asked.join(super::CREATE_PATH).and_then(|create| create.join(location)) else {
        return false;
    };
    let away = target.origin() != asked.origin() || !target.path().starts_with("/v1/");
    away && task_in(location).is_none()
}

fn start(received: &Received) -> String {
    String::from_utf8_lossy(&received.body).into_owned()
}

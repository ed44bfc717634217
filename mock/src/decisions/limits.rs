//! How much is too much: creates in a span of time, and questions that are answered seldom.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::decisions::refuse;
use crate::http::answer::Answer;
use crate::rules::scenario::Scenario;
use crate::words::clock::Millis;

/// Relays answer such questions so often in so long, and then 429 with an empty body.
const CALLS: usize = 20;
const CALLS_IN: Duration = Duration::from_secs(20 * 60);

/// The longest speech that is taken for a create: 30 s, or 60 s in the mode of 720p. How that is asked
/// for is documented nowhere; siblings on the same gateway take `resolution`.
pub(crate) fn speech(body: &Value) -> Duration {
    let asked = [&body["resolution"], &body["advanced"]["resolution"]];
    let large = asked.iter().any(|resolution| resolution.as_str() == Some("720p"));
    Duration::from_secs(if large { 60 } else { 30 })
}

/// The rate limit's window with one more create in it.
pub(crate) fn window(
    scenario: &Scenario,
    current: Option<(Millis, u32)>,
    now: Millis,
) -> Result<Option<(Millis, u32)>, Answer> {
    let Some(rate) = scenario.rate else { return Ok(None) };
    let still_open = current.filter(|(start, _)| now.since(*start) < rate.per.0);
    let (start, accepted) = still_open.unwrap_or((now, 0));
    if accepted < rate.requests {
        return Ok(Some((start, accepted + 1)));
    }
    let wait = rate.per.0.saturating_sub(now.since(start));
    let what = format!("more than {} creates in {}", rate.requests, rate.per);
    Err(refuse::too_many(&what, wait))
}

/// Whether there is a call left; takes it if so. They count by address, whatever the key.
pub(crate) fn may_ask(calls: &mut VecDeque<Millis>, now: Millis) -> bool {
    while calls.front().is_some_and(|first| now.since(*first) >= CALLS_IN) {
        calls.pop_front();
    }
    let may = calls.len() < CALLS;
    if may {
        calls.push_back(now);
    }
    may
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::scenario::Rate;
    use crate::words::span::Span;

    #[test]
    fn a_window_holds_its_number_and_opens_again() {
        let rate = Some(Rate { requests: 2, per: Span::secs(10) });
        let scenario = Scenario { rate, ..Scenario::default() };
        let at = |seconds: u64| Millis(1_000_000 + seconds * 1000);
        let one = window(&scenario, None, at(0)).unwrap();
        let two = window(&scenario, one, at(3)).unwrap();
        let refused = window(&scenario, two, at(4)).unwrap_err();
        assert_eq!(refused.headers, [("retry-after", "6".to_owned())]);
        assert_eq!(window(&scenario, two, at(10)).unwrap(), Some((at(10), 1)));
    }

    #[test]
    fn twenty_calls_in_twenty_minutes_are_answered() {
        let (mut calls, at) = (VecDeque::new(), |seconds: u64| Millis(seconds * 1000));
        assert!((0..20).all(|n| may_ask(&mut calls, at(n))));
        assert!(!may_ask(&mut calls, at(1199)));
        assert!(may_ask(&mut calls, at(1200)), "the first is forgotten");
        assert!(!may_ask(&mut calls, at(1200)));
    }
}

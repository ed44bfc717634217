//! The words for what holds creates back, which are the same wherever they are told.

use std::time::Duration;

use crate::price::Amount;
use crate::stage::{Held, Why, Window};
use crate::view::{Clock, lasting};

/// What holds creates back, and what there is to tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reins {
    /// The service wants a pause, and answered with this status.
    Asked(Option<u16>),
    /// So many doubts in a row; none if an earlier run ended in them.
    Doubts(usize),
    /// The same, of all who share the batch, and another one asks for all.
    DoubtsOfAll(usize),
    /// So many creates of all are in doubt, or under way and may come to be.
    MostDoubts(u32),
    /// What answers there is not the API.
    Foreign(String),
    /// No way leads there, by the code of what was tried last.
    NotSent(String, String),
    /// Somebody on the way there refuses.
    NotRelayed(String),
    /// So many refusals alike.
    Alike(usize),
    /// So many tasks are unfinished.
    InFlight(u32),
    /// So much is left.
    Budget(Amount),
    /// Workers may learn that their database went back, so long.
    Restarted(Duration),
    /// For this reason.
    Stopped(String),
}

impl Reins {
    pub(super) const fn why(&self) -> Why {
        match self {
            Self::Asked(_) => Why::Asked,
            Self::Doubts(_) | Self::DoubtsOfAll(_) | Self::MostDoubts(_) => Why::Doubts,
            Self::Foreign(_) => Why::Foreign,
            Self::NotSent(..) => Why::NotSent,
            Self::NotRelayed(_) => Why::NotRelayed,
            Self::Alike(_) => Why::Alike,
            Self::InFlight(_) => Why::InFlight,
            Self::Budget(_) => Why::Budget,
            Self::Restarted(_) => Why::Restarted,
            Self::Stopped(_) => Why::Stopped,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Asked(Some(status)) => format!("{status} from the API"),
            Self::Asked(None) => "the API wants a pause".to_owned(),
            Self::Doubts(0) => "the last run ended in doubts".to_owned(),
            Self::MostDoubts(doubts) => {
                format!("max_doubts: {doubts} creates of all workers in doubt or under way")
            }
            Self::DoubtsOfAll(doubts) => format!("{doubts} doubts in a row"),
            Self::Doubts(1) => "1 create in doubt".to_owned(),
            Self::Doubts(doubts) => format!("{doubts} doubts in a row"),
            Self::Foreign(host) => format!("no API answers at {host}"),
            Self::NotSent(host, code) => match code.as_str() {
                "not_sent_name" => format!("no such host: {host}"),
                "not_sent_tls" => format!("no trusted connection to {host}"),
                _ => format!("cannot connect to {host}"),
            },
            Self::NotRelayed(host) => format!("refused on the way to {host}"),
            Self::Alike(refusals) => format!("{refusals} refusals alike in a row"),
            Self::InFlight(most) => format!("in_flight {most} reached"),
            Self::Budget(left) => format!("budget: {left} left"),
            Self::Restarted(_) => "the database was started anew".to_owned(),
            Self::Stopped(reason) => format!("no more is created: {reason}"),
        }
    }

    /// What is being done about it.
    fn doing(&self) -> &'static str {
        match self {
            Self::Doubts(_) => ": asking whether the API is there",
            Self::DoubtsOfAll(_) => ": another worker asks whether the API is there",
            Self::Restarted(_) => ": all workers look whether it is an older one",
            Self::Alike(_) => ": trying a pair apart from them",
            _ => "",
        }
    }
}

/// How long that lasts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// How long it has.
    pub(super) since: u64,
    /// How long creates pause yet.
    pub(super) pause: Option<u64>,
    /// How long the service is still waited for.
    pub(super) gives_up: Option<u64>,
}

/// The times are those that people wait for, so they come before what else there is to know.
pub(super) fn held(
    (reins, said): (&Reins, String),
    times: Times,
    window: Window,
    clock: &Clock,
) -> Held {
    let (why, reason) = (reins.why(), reins.reason());
    let mut text = format!("{reason}{}", reins.doing());
    if let Some(seconds) = times.gives_up {
        if why != Why::Doubts {
            text.push_str(&format!(" since {}", clock.time_before(times.since)));
        }
        text.push_str(&format!(", gives up {}", clock.time_in(seconds)));
    }
    if let Some(seconds) = times.pause {
        text.push_str(&format!(", going on in {}", lasting(seconds)));
    }
    if why == Why::Asked && window.of > 1 {
        text.push_str(&format!("; window {} of {}", window.size, window.of));
    }
    Held {
        why,
        reason,
        text,
        said,
        since_seconds: times.since,
        seconds: times.pause,
        gives_up_seconds: times.gives_up,
        window,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::price::Money;

    fn text(reins: &Reins, times: Times) -> String {
        let now = "2026-11-29T12:05:00Z".parse().unwrap();
        let clock = Clock { now, zone: TimeZone::UTC };
        held((reins, String::new()), times, Window { size: 3, of: 16 }, &clock).text
    }

    #[test]
    fn it_says_why_and_for_how_long() {
        let host = || "api.foxapi.cc".to_owned();
        let outage = Times { since: 60, pause: None, gives_up: Some(840) };
        let pause = Times { pause: Some(42), ..Times::default() };
        for (reins, times, expected) in [
            (Reins::Asked(Some(429)), pause, "429 from the API, going on in 42 s; window 3 of 16"),
            (
                Reins::NotSent(host(), "not_sent".to_owned()),
                outage,
                "cannot connect to api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (
                Reins::NotSent(host(), "not_sent_name".to_owned()),
                outage,
                "no such host: api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (
                Reins::Doubts(3),
                outage,
                "3 doubts in a row: asking whether the API is there, gives up 12:19",
            ),
            (
                Reins::Foreign(host()),
                outage,
                "no API answers at api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (
                Reins::DoubtsOfAll(3),
                outage,
                "3 doubts in a row: another worker asks whether the API is there, gives up 12:19",
            ),
            (
                Reins::MostDoubts(40),
                Times::default(),
                "max_doubts: 40 creates of all workers in doubt or under way",
            ),
            (Reins::Budget(Amount::Money(Money::of(4.8))), Times::default(), "budget: 4.80 left"),
            (Reins::InFlight(100), Times::default(), "in_flight 100 reached"),
        ] {
            assert_eq!(text(&reins, times), expected);
        }
    }

    #[test]
    fn a_pause_in_an_outage_is_told_with_it() {
        let times = Times { since: 60, pause: Some(30), gives_up: Some(840) };
        assert_eq!(
            text(&Reins::NotRelayed("h".to_owned()), times),
            "refused on the way to h since 12:04, gives up 12:19, going on in 30 s"
        );
    }
}

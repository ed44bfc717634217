//! What is to be said of links that die.

use std::time::Duration;

use jiff::Timestamp;

use super::{Remark, Trouble};
use crate::pair::expires;

/// What is to be said of a link that dies, where `takes` is how long the batch may need it.
#[must_use]
pub fn of_link(url: &str, now: Timestamp, takes: Duration) -> Option<Remark> {
    of_death(expires(url)?, now, takes)
}

/// The same where somebody says when the link dies.
#[must_use]
pub fn of_death(dies: Timestamp, now: Timestamp, takes: Duration) -> Option<Remark> {
    match Duration::try_from(dies.duration_since(now)) {
        Err(_) => {
            let message = format!("the link died at {}", dies.strftime("%Y-%m-%d %H:%M:%S UTC"));
            Some(Trouble::new("link_expired", message, "sign it anew").into())
        }
        Ok(left) if left < takes => {
            let [left, takes] = [left, takes].map(roughly);
            let message = format!("the link dies in {left}; the batch may need it for {takes}");
            Some(Remark::warning("link_expires", message, "sign it for longer"))
        }
        Ok(_) => None,
    }
}

/// `45 s`, `12 min`, `3 h 20 min`: never shorter than it is.
#[must_use]
pub fn roughly(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    let minutes = seconds.div_ceil(60);
    match minutes {
        ..2 => format!("{seconds} s"),
        2..120 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lives: u64, takes: u64) -> Option<(String, String)> {
        let url = format!(
            "https://a.example/b.jpg?X-Amz-Date=20261122T180000Z&X-Amz-Expires={lives}&X-Amz-Signature=s"
        );
        let now = "2026-11-22T18:30:00Z".parse().unwrap();
        let remark = of_link(&url, now, Duration::from_secs(takes))?;
        assert!(!remark.message.contains("example"), "{}", remark.message);
        Some((remark.code, remark.message))
    }

    #[test]
    fn a_link_has_to_outlive_the_batch() {
        assert_eq!(said(7200, 5400), None);
        let (code, message) = said(7200, 5401).unwrap();
        assert_eq!(code, "link_expires");
        assert_eq!(message, "the link dies in 90 min; the batch may need it for 91 min");
        assert_eq!(said(1800, 0), None, "this very moment");
        let (code, message) = said(1799, 0).unwrap();
        assert_eq!(code, "link_expired");
        assert_eq!(message, "the link died at 2026-11-22 18:29:59 UTC");
        assert_eq!(of_link("https://a.example/b.jpg", Timestamp::MAX, Duration::MAX), None);
    }

    #[test]
    fn times_are_never_shorter_than_they_are() {
        for (millis, text) in [
            (0, "0 s"),
            (1_001, "2 s"),
            (59_000, "59 s"),
            (60_000, "60 s"),
            (61_000, "2 min"),
            (7_140_000, "119 min"),
            (7_200_000, "2 h 0 min"),
            (7_260_500, "2 h 2 min"),
        ] {
            assert_eq!(roughly(Duration::from_millis(millis)), text);
        }
    }
}

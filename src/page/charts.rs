//! When what happened, and how long tasks took, as drawings that need no colour: each has a row of its
//! own, and says in words what it shows.

use std::fmt::Write;

use jiff::Timestamp;

use super::escape::Html;
use super::figures::{grouped, span};
use crate::ledger::{Pause, Story};

/// How high a drawing is, in its own units.
const HIGH: u32 = 100;
/// How many bars a distribution has at most.
const BARS: usize = 30;
/// How wide the drawing of pauses is, and the shortest of them in it.
const WIDE: i64 = 1000;
const THIN: i64 = 4;
/// How many pauses are listed, and drawn.
const LISTED: usize = 20;
const DRAWN: usize = 1000;

/// What the rows of the time line are called, by the names of the events.
const LANES: [(&str, &str); Story::LANES.len()] = [
    ("l.intended", "Creates sent"),
    ("l.accepted", "Accepted"),
    ("l.not_made", "Turned away, to be tried again"),
    ("l.refused", "Rejected"),
    ("l.lost", "In doubt"),
    ("l.saved", "Videos saved"),
];

/// The time line; the rows in which nothing happened are left out.
pub(super) fn time_line(story: &Story) -> Result<String, std::fmt::Error> {
    let mut html = String::new();
    let step = span(u64::try_from(story.step).unwrap_or_default());
    let (from, until) = (at(story.from), at(story.until));
    write!(
        html,
        "<p><span data-t=\"per\">Counted per</span> {step} · <time>{from}</time> – <time>{until}</time> \
         UTC</p>\n<div class=\"lanes\">\n"
    )?;
    for (lane, (key, name)) in LANES.into_iter().enumerate() {
        let counts: Vec<u32> = story.steps.iter().map(|step| step[lane]).collect();
        let all: u64 = counts.iter().copied().map(u64::from).sum();
        if all == 0 {
            continue;
        }
        let most = counts.iter().max().copied().unwrap_or_default();
        let (all, most) = (grouped(all), grouped(most.into()));
        writeln!(
            html,
            "<figure class=\"lane\"><figcaption><span data-t=\"{key}\">{name}</span> <b>{all}</b> \
             <small><span data-t=\"at_most\">at most</span> {most}</small></figcaption>{}</figure>",
            bars(&counts)?
        )?;
    }
    html.push_str("</div>\n");
    html.push_str(&pauses(story)?);
    Ok(html)
}

/// When creating was held back: where on the time line, and the longest with their reasons.
fn pauses(story: &Story) -> Result<String, std::fmt::Error> {
    let mut html = String::new();
    if story.pauses.is_empty() {
        return Ok(html);
    }
    let length = |pause: &Pause| pause.ended.unwrap_or(story.until).max(pause.began) - pause.began;
    let all: i64 = story.pauses.iter().map(length).sum();
    write!(
        html,
        "<figure class=\"lane\"><figcaption><span data-t=\"l.paused\">Creating held back</span> \
         <b>{}</b> <small>{}</small></figcaption>{}</figure>\n<ol class=\"pauses\">\n",
        grouped(story.pauses.len() as u64),
        span(u64::try_from(all).unwrap_or_default()),
        spells(story)?
    )?;
    // The longest, in the order in which they came.
    let mut longest: Vec<_> = story.pauses.iter().collect();
    longest.sort_by_key(|pause| std::cmp::Reverse(length(pause)));
    longest.truncate(LISTED);
    longest.sort_by_key(|pause| pause.began);
    for pause in longest {
        let until = pause.ended.map_or_else(|| "…".to_owned(), at);
        let time = span(u64::try_from(length(pause)).unwrap_or_default());
        let (began, reason) = (at(pause.began), Html(&pause.reason));
        writeln!(html, "<li><time>{began}</time> – <time>{until}</time> ({time}): {reason}</li>")?;
    }
    html.push_str("</ol>\n");
    if story.pauses.len() > LISTED {
        html.push_str("<p class=\"axis\" data-t=\"longest\">The longest of them are listed.</p>\n");
    }
    Ok(html)
}

/// A bar for each, as long as it lasted; what was there at all can be seen.
fn spells(story: &Story) -> Result<String, std::fmt::Error> {
    let mut svg = format!(
        "<svg aria-hidden=\"true\" viewBox=\"0 0 {WIDE} {HIGH}\" preserveAspectRatio=\"none\">"
    );
    let whole = (story.until - story.from).max(1);
    let place = |at: i64| (at.clamp(story.from, story.until) - story.from) * WIDE / whole;
    for pause in story.pauses.iter().take(DRAWN) {
        let from = place(pause.began).min(WIDE - THIN);
        let wide = (place(pause.ended.unwrap_or(story.until)) - from).max(THIN);
        write!(svg, "<rect x=\"{from}\" y=\"20\" width=\"{wide}\" height=\"80\"/>")?;
    }
    svg.push_str("</svg>");
    Ok(svg)
}

/// How long tasks took at the server; nothing where none has ended.
pub(super) fn distribution(took: &[u32]) -> Result<String, std::fmt::Error> {
    let (Some(first), Some(last)) = (took.first(), took.last()) else { return Ok(String::new()) };
    let share = |of: usize| took[(took.len() - 1) * of / 100];
    let width = ((last - first) / u32::try_from(BARS).unwrap_or(1)).max(1);
    let mut counts = vec![0; BARS.min(((last - first) / width) as usize + 1)];
    for one in took {
        let place = ((one - first) / width) as usize;
        let last = counts.len() - 1;
        counts[place.min(last)] += 1;
    }
    let said = [("half", "half within", share(50)), ("nine", "nine in ten within", share(90))];
    let said = said.map(|(key, name, took)| {
        format!("<span data-t=\"{key}\">{name}</span> <b>{}</b>", span(took.into()))
    });
    Ok(format!(
        "<h3 data-t=\"server\">How long the service took for a task</h3>\n\
         <figure class=\"lane\"><figcaption><span data-t=\"tasks\">Tasks</span> <b>{}</b> <small>{}</small>\
         </figcaption>{}</figure>\n<p class=\"axis\"><span>{}</span><span>{}</span></p>\n",
        grouped(took.len() as u64),
        said.join(", "),
        bars(&counts)?,
        span((*first).into()),
        span((*last).into())
    ))
}

/// A bar for each count; what is there at all can be seen.
fn bars(counts: &[u32]) -> Result<String, std::fmt::Error> {
    let most = counts.iter().max().copied().unwrap_or_default().max(1);
    let wide = counts.len();
    let mut svg = format!(
        "<svg aria-hidden=\"true\" viewBox=\"0 0 {wide} {HIGH}\" preserveAspectRatio=\"none\">"
    );
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let high = (u64::from(*count) * u64::from(HIGH)).div_ceil(most.into()).max(4);
        let top = u64::from(HIGH).saturating_sub(high);
        write!(svg, "<rect x=\"{place}.08\" y=\"{top}\" width=\".84\" height=\"{high}\"/>")?;
    }
    svg.push_str("</svg>");
    Ok(svg)
}

/// A moment as a page shows it, in UTC.
pub(super) fn at(millis: i64) -> String {
    let at = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_count_beside_the_largest_is_still_seen() {
        let svg = bars(&[1, 0, 1_000_000]).unwrap();
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("x=\"0.08\" y=\"96\" width=\".84\" height=\"4\""), "{svg}");
        assert!(svg.contains("x=\"2.08\" y=\"0\" width=\".84\" height=\"100\""), "{svg}");
    }

    #[test]
    fn each_pause_is_drawn_where_it_was_and_told_with_its_reason() {
        let pause = |began, ended, reason: &str| Pause {
            began,
            ended,
            code: "asked".to_owned(),
            reason: reason.to_owned(),
        };
        let mut story = Story {
            from: 0,
            until: 100_000,
            step: 5_000,
            steps: Vec::new(),
            pauses: Vec::new(),
            took: Vec::new(),
        };
        assert_eq!(pauses(&story).unwrap(), "");
        story.pauses = vec![
            pause(20_000, Some(50_000), "429 from <b>the</b> API"),
            pause(99_999, Some(100_000), "a moment"),
            pause(60_000, None, "it died"),
        ];
        let html = pauses(&story).unwrap();
        for drawn in [
            "<rect x=\"200\" y=\"20\" width=\"300\"",
            "<rect x=\"996\" y=\"20\" width=\"4\"",
            "<rect x=\"600\" y=\"20\" width=\"400\"",
            "(30 s): 429 from &lt;b&gt;the&lt;/b&gt; API</li>",
            "– <time>…</time>",
        ] {
            assert!(html.contains(drawn), "{drawn}: {html}");
        }
        story.pauses = (0..50).map(|n| pause(n * 1000, Some(n * 1000 + n), "x")).collect();
        let html = pauses(&story).unwrap();
        assert_eq!((html.matches("<li>").count(), html.matches("<rect").count()), (20, 50));
        assert!(html.contains("data-t=\"longest\""));
    }

    #[test]
    fn a_distribution_counts_every_task() {
        assert_eq!(distribution(&[]).unwrap(), "");
        let one = distribution(&[2_000]).unwrap();
        assert!(one.contains("<b>1</b>") && one.matches("<rect").count() == 1, "{one}");
        let took: Vec<u32> = (0..1000).map(|n| 1_000 + n * 60).collect();
        let many = distribution(&took).unwrap();
        assert!(many.contains("half within</span> <b>30 s</b>"), "{many}");
        assert_eq!(many.matches("<rect").count(), BARS);
    }
}

//! The top of a page: what was asked for, made and is lacking, what it cost, how long it took, what
//! went wrong, and how to go on.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use super::charts::{at, distribution, time_line};
use super::escape::Html;
use super::figures::{grouped, span};
use super::{Facts, Step};
use crate::ledger::{Cause, LedgerError, Reckoned, Story, Totals, View};
use crate::pair::without_queries;
use crate::price::Credits;
use crate::state::State;

/// How many doubts are in the page.
const DOUBTS: usize = 1000;

/// What the ledger says of the whole batch.
pub(super) struct Looked {
    story: Option<Story>,
    causes: Vec<Cause>,
    reckoned: Reckoned,
    totals: Totals,
}

impl Looked {
    pub(super) fn read(
        view: &View,
        facts: &Facts<'_>,
        story: Option<Story>,
    ) -> Result<Self, LedgerError> {
        let mut causes = view.causes()?;
        // What only a comparison of all videos shows.
        let same = facts.remarked.iter().filter(|one| one.code == "same_video");
        let mut same = same.peekable();
        if let Some(first) = same.peek() {
            let message = first.message.clone();
            let ids: Vec<_> = same.map(|one| one.id.clone()).collect();
            causes.push(Cause {
                state: State::Saved,
                code: "same_video".to_owned(),
                message,
                pairs: ids.len() as u64,
                first: ids.into_iter().take(5).collect(),
            });
        }
        Ok(Self { story, causes, reckoned: view.reckoned()?, totals: view.totals()? })
    }
}

/// Writes all that stands above the pairs.
pub(super) fn write(to: &mut impl Write, facts: &Facts<'_>, looked: &Looked) -> io::Result<()> {
    let html = html(facts, looked).map_err(io::Error::other)?;
    to.write_all(html.as_bytes())
}

fn html(facts: &Facts<'_>, looked: &Looked) -> Result<String, fmt::Error> {
    let mut html = String::from(
        "<a class=\"skip\" href=\"#pairs\" data-t=\"skip\">To the pairs</a>\n<header>\n",
    );
    write!(html, "<h1>{}</h1>\n<p>{}", Html(facts.name), Html(facts.endpoint))?;
    if let Some(story) = &looked.story {
        let (until, asof) = (at(story.until), "<span data-t=\"as_of\">as of</span>");
        write!(html, " · {asof} <time>{until} UTC</time>")?;
    }
    html.push_str("</p>\n</header>\n<main>\n");
    sums(&mut html, facts, looked)?;
    steps(&mut html, facts.steps)?;
    causes(&mut html, &looked.causes)?;
    doubts(&mut html, facts)?;
    times(&mut html, looked)?;
    Ok(html)
}

fn sums(html: &mut String, facts: &Facts<'_>, looked: &Looked) -> fmt::Result {
    let count = |state| facts.counts.iter().find(|(of, _)| *of == state).map_or(0, |(_, n)| *n);
    let asked: u64 = facts.counts.iter().map(|(_, count)| count).sum();
    let made = count(State::Saved);
    html.push_str(
        "<section aria-labelledby=\"sum-head\">\n<h2 id=\"sum-head\" data-t=\"sum\">\
         What there is</h2>\n<dl class=\"tiles\">\n",
    );
    let tiles = [("asked", "asked for", asked), ("made", "made", made)];
    for (key, name, count) in tiles.into_iter().chain([("lacking", "lacking", asked - made)]) {
        let count = grouped(count);
        writeln!(
            html,
            "<div class=\"{key}\"><dt data-t=\"{key}\">{name}</dt><dd>{count}</dd></div>"
        )?;
    }
    html.push_str("</dl>\n<ul class=\"states\">\n");
    for (state, count) in facts.counts {
        let (state, count) = (state.name(), grouped(*count));
        let words = words(state);
        writeln!(html, "<li><b>{count}</b> <span data-t=\"s.{state}\">{words}</span></li>")?;
    }
    if facts.unlisted > 0 {
        let count = grouped(facts.unlisted);
        let words = "<span data-t=\"unlisted\">no longer in the manifest</span>";
        writeln!(html, "<li><b>{count}</b> {words}</li>")?;
    }
    html.push_str("</ul>\n<dl class=\"facts\">\n");
    for (key, name, value) in facts_of(facts, looked) {
        let value = Html(value);
        writeln!(html, "<div><dt data-t=\"{key}\">{name}</dt><dd>{value}</dd></div>")?;
    }
    html.push_str("</dl>\n");
    for note in facts.notes {
        writeln!(html, "<p class=\"note\">{}</p>", Html(note))?;
    }
    html.push_str("</section>\n");
    Ok(())
}

/// Money, lengths and times, each where it is known.
fn facts_of(facts: &Facts<'_>, looked: &Looked) -> Vec<(&'static str, &'static str, String)> {
    let (reckoned, bills, totals) = (&looked.reckoned, facts.bills, &looked.totals);
    let money = (reckoned.money.millionths() > 0).then(|| reckoned.money.to_string());
    let seconds = (reckoned.seconds > 0).then(|| format!("{} s", grouped(reckoned.seconds)));
    let credits = |credits: Credits, tasks: u64| {
        (tasks > 0).then(|| format!("{credits} ({})", grouped(tasks)))
    };
    let some = |count: u64| (count > 0).then(|| grouped(count));
    let length = (totals.files > 0).then(|| {
        let size = crate::view::size(totals.bytes);
        format!("{:.1} s, {size}", totals.seconds)
    });
    let took = looked.story.as_ref().map(|story| story.until - story.from);
    let took = took.and_then(|millis| u64::try_from(millis).ok()).map(span);
    let slowest = totals.slowest.as_ref().map(|(id, took)| format!("{took:.1} s ({id})"));
    [
        ("spent", "Spent, as reckoned", money),
        ("billed", "Seconds that are billed", seconds),
        ("unmeasured", "Creates of unknown length", some(reckoned.unmeasured)),
        ("credits", "Credits that the service counts (tasks)", credits(bills.credits, bills.tasks)),
        (
            "spoilt",
            "Credits for tasks that failed or were replaced",
            credits(bills.spoilt, bills.spoilt_tasks),
        ),
        ("length", "Videos", length),
        ("took", "From the first event to the last", took),
        ("slowest", "The slowest video", slowest),
    ]
    .into_iter()
    .filter_map(|(key, name, value)| Some((key, name, value?)))
    .collect()
}

fn steps(html: &mut String, steps: &[Step]) -> fmt::Result {
    if steps.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section aria-labelledby=\"next-head\">\n<h2 id=\"next-head\" data-t=\"next\">\
         How to go on</h2>\n<ol class=\"steps\">\n",
    );
    for Step { aim, command } in steps {
        let (key, words, command) = (aim.key(), aim.words(), Html(command));
        writeln!(
            html,
            "<li data-aim=\"{key}\"><span data-t=\"a.{key}\">{words}</span><div class=\"do\">\
             <code class=\"command\">{command}</code></div></li>"
        )?;
    }
    html.push_str("</ol>\n</section>\n");
    Ok(())
}

fn causes(html: &mut String, causes: &[Cause]) -> fmt::Result {
    if causes.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section aria-labelledby=\"cause-head\">\n<h2 id=\"cause-head\" data-t=\"causes\">\
         What went wrong</h2>\n<ul class=\"causes\">\n",
    );
    for cause in causes {
        let state = cause.state.name();
        let (code, message) = (Html(&cause.code), Html(without_queries(&cause.message)));
        let (pairs, words) = (grouped(cause.pairs), words(state));
        let first: Vec<_> = cause.first.iter().map(|id| Html(id).to_string()).collect();
        let more = if cause.pairs > first.len() as u64 { " …" } else { "" };
        writeln!(
            html,
            "<li data-state=\"{state}\" data-code=\"{code}\"><p><b>{pairs}</b> <span data-t=\"s.{state}\">\
             {words}</span> <code>{code}</code></p><p class=\"message\">{message}</p><p class=\"first\">\
             {}{more}</p></li>",
            first.join(", ")
        )?;
    }
    html.push_str("</ul>\n</section>\n");
    Ok(())
}

fn doubts(html: &mut String, facts: &Facts<'_>) -> fmt::Result {
    if facts.doubts.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section aria-labelledby=\"doubt-head\">\n<h2 id=\"doubt-head\" data-t=\"doubts\">\
         In doubt: these may have been paid for</h2>\n",
    );
    for doubt in facts.doubts.iter().take(DOUBTS) {
        let lines: Vec<_> = doubt.lines().map(str::trim).collect();
        let (first, rest) =
            lines.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let (first, rest) = (Html(first), rest.iter().map(|line| Html(line).to_string()));
        writeln!(
            html,
            "<details><summary>{first}</summary><pre tabindex=\"0\">{}</pre></details>",
            rest.collect::<Vec<_>>().join("\n")
        )?;
    }
    if facts.doubts.len() > DOUBTS {
        let more = grouped((facts.doubts.len() - DOUBTS) as u64);
        writeln!(html, "<p><b>{more}</b> <span data-t=\"more\">more</span></p>")?;
    }
    html.push_str("</section>\n");
    Ok(())
}

fn times(html: &mut String, looked: &Looked) -> fmt::Result {
    let Some(story) = &looked.story else { return Ok(()) };
    let (line, distribution) = (time_line(story)?, distribution(&story.took)?);
    writeln!(
        html,
        "<section aria-labelledby=\"time-head\">\n<h2 id=\"time-head\" data-t=\"time\">\
         When what happened</h2>\n{line}{distribution}</section>"
    )
}

/// The name of a state as people read it.
fn words(state: &str) -> String {
    state.replace('_', " ")
}

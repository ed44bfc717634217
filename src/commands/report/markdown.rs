//! `report --format md`: a summary for a chat or a pull request.

use crate::commands::batch::Site;
use crate::commands::overview;
use crate::commands::status::Standing;
use crate::ledger::{Cause, Reckoned};
use crate::pair::without_queries;
use crate::ui::counted;
use crate::view::printable;

/// How many doubts are named.
const SHOWN: usize = 10;
/// How much of a server's words is repeated, in characters.
const WORDS: usize = 200;

pub(super) fn summary(
    site: &Site,
    standing: &Standing,
    causes: &[Cause],
    reckoned: &Reckoned,
) -> String {
    let (name, pairs) = (code(&site.name()), counted(standing.pairs(), "pair"));
    let mut lines = vec![format!("### {name}: {pairs}"), String::new()];
    lines.push(format!("**{}**", standing.line()));
    let mut money = standing.bills.lines(site);
    if reckoned.money.millionths() > 0 {
        money.insert(0, format!("spent, as reckoned: {}", reckoned.money));
    }
    if !money.is_empty() {
        lines.push(String::new());
        lines.extend(money.iter().map(|line| format!("- {}", line.trim())));
    }
    if !causes.is_empty() {
        lines.extend([String::new(), "What went wrong:".to_owned(), String::new()]);
        lines.extend(causes.iter().map(cause));
    }
    if !standing.doubts.is_empty() {
        lines.extend([String::new(), "In doubt (they may have been paid for):".to_owned()]);
        lines.push(String::new());
        lines.extend(standing.doubts.iter().take(SHOWN).map(|doubt| {
            let sent = doubt.sent_at.strftime("%Y-%m-%d %H:%M:%S UTC");
            let proposed =
                doubt.proposed.as_deref().map(|task| format!(", seems to be {}", code(task)));
            format!("- {} sent {sent}{}", code(&doubt.row.id), proposed.unwrap_or_default())
        }));
        if standing.doubts.len() > SHOWN {
            lines.push(format!("- and {} more", standing.doubts.len() - SHOWN));
        }
    }
    let steps = overview::steps(site, standing);
    lines.extend([String::new(), "How to go on:".to_owned(), String::new(), "```sh".to_owned()]);
    lines.extend(steps.into_iter().map(|step| printable(&step.command).into_owned()));
    lines.push("```".to_owned());
    lines.join("\n")
}

/// `- 15 rejected: `invalid_image_url` (anna-003, anna-007 …)`, and what the server said of the first.
fn cause(cause: &Cause) -> String {
    let state = cause.state.name().replace('_', " ");
    let more = if cause.pairs > cause.first.len() as u64 { " …" } else { "" };
    let first: Vec<_> = cause.first.iter().map(|id| code(id)).collect();
    let mut line = format!("- {} {state}", cause.pairs);
    if !cause.code.is_empty() {
        line.push_str(&format!(": {}", code(&cause.code)));
    }
    line.push_str(&format!(" ({}{more})", first.join(", ")));
    let said: String = without_queries(&cause.message).chars().take(WORDS).collect();
    if !said.is_empty() {
        line.push_str(&format!(": {}", code(&said)));
    }
    line
}

/// A text in which nothing is markup, a link or somebody's name: as code, between more ticks than it
/// has in a row.
fn code(text: &str) -> String {
    let text = printable(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn nothing_that_a_server_says_is_markup() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a ``b`` @all <img>"), "```a ``b`` @all <img>```");
        assert_eq!(code("`x\n# y"), "`` `x # y ``");
    }

    #[test]
    fn a_cause_is_one_line() {
        let it = Cause {
            state: State::InDoubt,
            code: "bad_gateway".to_owned(),
            message: "cut\n- off".to_owned(),
            pairs: 3,
            first: vec!["a".to_owned(), "b".to_owned()],
        };
        assert_eq!(cause(&it), "- 3 in doubt: `bad_gateway` (`a`, `b` …): `cut - off`");
    }
}

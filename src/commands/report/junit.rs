//! `report --format junit`: XML as CI systems read it. A pair is a case: it passes once its video is
//! there and as it should be, fails if it was rejected or failed, is an error while it is in doubt, and
//! is skipped as long as nothing is known of it.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use super::whole::Stopped;
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::status::Standing;
use crate::ledger::{Remarked, View};
use crate::pair::without_queries;
use crate::state::State;
use crate::ui::Ui;
use crate::view::{Row, printable};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// The cases that did not pass.
#[derive(Debug, Default)]
struct Sums {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

pub(super) fn print(ui: &Ui, site: &Site, view: &View, standing: &Standing) -> Result<(), Failure> {
    let remarked: HashMap<_, _> =
        standing.remarked.iter().map(|one| (one.id.as_str(), one)).collect();
    // The sums come first in the document.
    let mut sums = Sums::default();
    view.each_row::<Stopped>(crate::ledger::Rows::All, |row| {
        sums.add(outcome(&row, remarked.get(row.id.as_str()).copied()));
        Ok(())
    })
    .map_err(Stopped::into_failure)?;
    let suite = site.name();
    let mut result = Ok(());
    ui.long_document(|to| {
        head(to, &suite, &sums)?;
        result = view.each_row::<Stopped>(crate::ledger::Rows::All, |row| {
            Ok(case(to, &suite, &row, remarked.get(row.id.as_str()).copied())?)
        });
        Stopped::split(&mut result)?;
        writeln!(to, "  </testsuite>\n</testsuites>")
    });
    result.map_err(Stopped::into_failure)
}

fn head(to: &mut (impl Write + ?Sized), suite: &str, sums: &Sums) -> io::Result<()> {
    let Sums { tests, failures, errors, skipped } = sums;
    let counts = format!(
        "name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"",
        Xml(suite)
    );
    writeln!(
        to,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite {counts}>"
    )
}

fn case(
    to: &mut (impl Write + ?Sized),
    suite: &str,
    row: &Row,
    remarked: Option<&Remarked>,
) -> io::Result<()> {
    let took = row.created_at.filter(|_| row.state == State::Saved);
    let took = took.map_or(0.0, |created| row.since.duration_since(created).as_secs_f64());
    let (suite, id) = (Xml(suite), Xml(&row.id));
    write!(to, "    <testcase classname=\"{suite}\" name=\"{id}\" time=\"{:.3}\"", took.max(0.0))?;
    let code = remarked.map_or(row.error_code.as_str(), |one| &one.code);
    let error = without_queries(remarked.map_or(row.error.as_str(), |one| &one.message));
    let kind = if code.is_empty() { row.state.name() } else { code };
    let (kind, error, state) = (Xml(kind), Xml(&error), row.state.name());
    match outcome(row, remarked) {
        Outcome::Passed => writeln!(to, "/>"),
        Outcome::Failure => {
            writeln!(
                to,
                "><failure type=\"{kind}\" message=\"{error}\">{state}</failure></testcase>"
            )
        }
        Outcome::Error => {
            writeln!(to, "><error type=\"{kind}\" message=\"{error}\">{state}</error></testcase>")
        }
        Outcome::Skipped => writeln!(to, "><skipped message=\"{state}\"/></testcase>"),
    }
}

fn outcome(row: &Row, remarked: Option<&Remarked>) -> Outcome {
    match row.state {
        State::Saved if remarked.is_none() => Outcome::Passed,
        State::Saved | State::Failed | State::Rejected => Outcome::Failure,
        State::Completed if row.is_lost() => Outcome::Failure,
        State::InDoubt => Outcome::Error,
        State::Planned | State::Sending | State::Created | State::Completed | State::Abandoned => {
            Outcome::Skipped
        }
    }
}

impl Sums {
    fn add(&mut self, outcome: Outcome) {
        self.tests += 1;
        match outcome {
            Outcome::Passed => {}
            Outcome::Failure => self.failures += 1,
            Outcome::Error => self.errors += 1,
            Outcome::Skipped => self.skipped += 1,
        }
    }
}

/// A text as XML has it, also in attributes.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in printable(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // These two are in no document, however they are written.
                '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_or_breaks_the_document() {
        let shown = Xml("]]><!--\u{1b}\u{0}\u{ffff}\"&'</failure>").to_string();
        assert_eq!(shown, "]]&gt;&lt;!--\u{fffd}\u{fffd}\u{fffd}&quot;&amp;'&lt;/failure&gt;");
    }
}

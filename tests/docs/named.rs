//! States, exit codes, columns and events: the pages name all of them, and no others.

use std::collections::BTreeSet;
use std::fs;

use callsheet::exit::Exit;
use callsheet::state::{Event, State};
use callsheet::view::COLUMNS;

use crate::root;

/// The first cell of each row of the tables under a heading.
fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let under = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| {
        panic!("docs/{page} has no heading `{heading}`");
    });
    let under = under.split("\n## ").next().unwrap();
    let rows = under.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn states_and_exit_codes_are_those_of_the_program() {
    assert_eq!(rows("states.md", "States of a pair"), names(State::ALL.map(State::name)));
    let codes: BTreeSet<_> = Exit::ALL.iter().map(|exit| exit.code().to_string()).collect();
    assert_eq!(rows("states.md", "Exit codes"), codes);
}

#[test]
fn columns_and_events_are_those_of_the_program() {
    assert_eq!(rows("ledger.md", "tasks.csv"), names(COLUMNS));
    assert_eq!(rows("ledger.md", "events.jsonl"), names(Event::ALL.map(Event::name)));
}

//! Help, and what is wrong with a command line, in another language than English.
//!
//! clap breaks lines between words, of which Chinese has none. So it is asked for lines of any length,
//! and they are broken here.

use std::io;

use console::Term;
use unicode_width::UnicodeWidthStr;

use super::{Tongue, Ui, print};
use crate::words::{Language, wrapped};

/// No help is wider, as in English.
const WIDEST: usize = 100;
/// Where a text has no room beside what it explains, it stands below it, so far to the right.
const BELOW: usize = 10;
/// Fewer columns than that are no room.
const ROOM: usize = 36;
/// What clap says of an option after its help, at most.
const REMARKS: usize = 4;

/// Prints help or version, or what is wrong with the command line, in the language of a tongue. The
/// command has to have been told to break no lines.
pub fn refused(error: &clap::Error, tongue: Tongue) {
    let term = if error.use_stderr() { Term::stderr() } else { Term::stdout() };
    let columns = term.size_checked().map_or(WIDEST, |(_, columns)| columns.into());
    let text = said(&error.render().to_string(), tongue, columns.min(WIDEST));
    match error.use_stderr() {
        true => print(io::stderr(), &text),
        false => print(io::stdout(), &text),
    }
}

/// The same of a help that was asked for by a command of its own.
pub fn help(ui: &Ui, text: &str) {
    match ui.tongue().language() {
        Language::English => ui.document(text),
        Language::Chinese => {
            let columns =
                Term::stdout().size_checked().map_or(WIDEST, |(_, columns)| columns.into());
            ui.document(&said(text, ui.tongue(), columns.min(WIDEST)));
        }
    }
}

/// A help in lines of any length, said in lines of so many columns.
fn said(help: &str, tongue: Tongue, columns: usize) -> String {
    let lines: Vec<_> = help.lines().map(|line| laid_out(line, tongue, columns)).collect();
    lines.join("\n")
}

fn laid_out(line: &str, tongue: Tongue, columns: usize) -> String {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let Some((left, right)) = explained(text).filter(|_| indent > 0) else {
        return hung("", &own(text, tongue), (indent, indent), columns);
    };
    // The space between the two is part of the layout.
    let gap = text.len() - left.len() - right.len();
    let right = own(right, tongue);
    let at = indent + left.width() + gap;
    if columns.saturating_sub(at) >= ROOM.min(right.width()) {
        return hung(&text[..left.len() + gap], &right, (indent, at), columns);
    }
    let below = hung("", &right, (BELOW, BELOW), columns);
    format!("{:indent$}{left}\n{below}", "")
}

/// `--quiet  Say only errors`: what is explained, and the explanation.
fn explained(text: &str) -> Option<(&str, &str)> {
    let (left, right) = text.split_once("  ")?;
    Some((left, right.trim_start()))
}

/// A text at a place in its line, its further lines below it.
fn hung(before: &str, text: &str, (indent, at): (usize, usize), columns: usize) -> String {
    let lines = wrapped(text, columns.saturating_sub(at));
    let hung = lines.replace('\n', &format!("\n{:at$}", ""));
    format!("{:indent$}{before}{hung}", "")
}

/// What is explained, with what clap says after it: `[default: auto]`.
fn own(text: &str, tongue: Tongue) -> String {
    let mut remarks = Vec::new();
    let mut rest = text;
    for _ in 0..REMARKS {
        let said = tongue.say_in_short(rest);
        if said != rest {
            return std::iter::once(said.into_owned()).chain(remarks).collect::<Vec<_>>().join(" ");
        }
        let Some(start) = rest.rfind(" [").filter(|_| rest.ends_with(']')) else { break };
        remarks.insert(0, tongue.say(&rest[start + 1..]).into_owned());
        rest = &rest[..start];
    }
    text.to_owned()
}

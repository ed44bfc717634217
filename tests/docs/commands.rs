//! `docs/commands.md` has every command and option, from the command line's own definition.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use callsheet::cli::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::section::{cell, hold};

#[test]
fn every_command_and_option_is_in_the_reference() {
    let mut program = Cli::command();
    program.build();
    let mut text = String::new();
    let global: Vec<_> = options(&program).filter(|option| option.is_global_set()).collect();
    let _ = write!(text, "### With every command\n\n{}", rows(global.iter().copied()));
    let batch = of_a_batch(&program);
    let shared: Vec<_> = options(program.find_subcommand("status").unwrap())
        .filter(|option| !option.is_global_set() && batch.contains(&told(option)))
        .collect();
    let _ = write!(text, "### With every command on a batch\n\n{}", rows(shared.iter().copied()));
    let known: BTreeSet<_> = global.iter().chain(&shared).map(|option| told(option)).collect();
    for command in commands(&program) {
        chapter(&mut text, command, &known);
    }
    hold("commands.md", "commands", &text);
}

/// What every command that needs a manifest has, as it is told.
fn of_a_batch(program: &Command) -> BTreeSet<String> {
    let batches = commands(program).into_iter().filter(|command| {
        let manifest = command.get_positionals().find(|argument| argument.get_id() == "manifest");
        manifest.is_some_and(Arg::is_required_set)
    });
    let sets = batches.map(|command| options(command).map(told).collect::<BTreeSet<_>>());
    sets.reduce(|one, other| one.intersection(&other).cloned().collect()).unwrap()
}

/// The commands, each before its own.
fn commands(program: &Command) -> Vec<&Command> {
    program
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .flat_map(|command| std::iter::once(command).chain(commands(command)))
        .collect()
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    let shown = |option: &&Arg| {
        let name = option.get_long().unwrap_or_default();
        !option.is_positional() && !option.is_hide_set() && !["help", "version"].contains(&name)
    };
    command.get_arguments().filter(shown)
}

/// A section for a command: what it does, how it is given, what only it takes.
fn chapter(text: &mut String, command: &Command, known: &BTreeSet<String>) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = write!(text, "### {name}\n\n{}.\n\n```text\n{usage}\n```\n\n", cell(&about));
    let arguments = command.get_positionals();
    let own = options(command).filter(|option| !known.contains(&told(option)));
    let rows = rows(arguments.chain(own));
    if rows.lines().count() > 2 {
        text.push_str(&rows);
    }
}

/// A table with a row for each.
fn rows<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows: String = arguments.map(told).collect();
    format!("| | |\n|---|---|\n{rows}\n")
}

/// An option's row in a table.
fn told(option: &Arg) -> String {
    let takes_value = matches!(option.get_action(), ArgAction::Set | ArgAction::Append);
    let value = option.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let optional = option.get_num_args().is_some_and(|count| count.min_values() == 0);
    let value = match (option.get_long(), takes_value) {
        (None, _) => value,
        (Some(long), false) => format!("--{long}"),
        (Some(long), true) if optional => format!("--{long}[={value}]"),
        (Some(long), true) => format!("--{long} {value}"),
    };
    let short = option.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let mut notes = Vec::new();
    let values = option.get_possible_values();
    let values: Vec<_> = values.iter().map(|value| value.get_name()).collect();
    if takes_value && !values.is_empty() && !values.contains(&"true") {
        notes.push(format!("One of `{}`.", values.join("`, `")));
    }
    let defaults = option.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults: Vec<_> = defaults.collect();
    if takes_value && !defaults.is_empty() {
        notes.push(format!("Default: `{}`.", defaults.join(" ")));
    }
    if let Some(variable) = option.get_env() {
        notes.push(format!("Environment: `{}`.", variable.to_string_lossy()));
    }
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let dot = if help.is_empty() || notes.is_empty() { "" } else { "." };
    let value = value.replace('|', "\\|");
    format!("| {short}`{value}` | {} |\n", cell(&format!("{help}{dot} {}", notes.join(" "))))
}

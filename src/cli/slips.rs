//! Slips of the pen on the command line: what was meant by a command or an option that is not there.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The name that was meant, if one is so near that it surely was.
#[must_use]
pub fn meant<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let distance = |name: &&str| strsim::damerau_levenshtein(typed, name);
    let near = names.into_iter().min_by_key(|name| distance(name))?;
    // Two slips in a long word, one in a short: two of three letters are another word.
    let most = if typed.chars().count() > 4 { 2 } else { 1 };
    (distance(&near) <= most && distance(&near) > 0).then(|| near.to_owned())
}

/// What is wrong with the command line, where a name in it is not known; nothing otherwise.
#[must_use]
pub fn slip(error: &clap::Error, command: &Command) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(ContextKind::InvalidSubcommand)?;
            let within = within(error, command);
            let names: Vec<_> = within.get_subcommands().map(Command::get_name).collect();
            Some(said("command", &typed, meant(&typed, names), "callsheet --help names them all"))
        }
        ErrorKind::UnknownArgument => {
            let typed = text(ContextKind::InvalidArg)?;
            let long = typed.strip_prefix("--")?;
            let inner = within(error, command);
            // As far as they are not built in yet, those of every command are the program's.
            let own = inner.get_arguments().chain(command.get_arguments());
            let names: Vec<_> = own.filter_map(clap::Arg::get_long).collect();
            let name = long.split('=').next().unwrap_or(long);
            let meant = meant(name, names).map(|name| format!("--{name}"));
            let help = format!("{} --help names them all", inner_name(error));
            Some(said("option", &typed, meant, &help))
        }
        _ => None,
    }
}

fn said(what: &str, typed: &str, meant: Option<String>, help: &str) -> String {
    match meant {
        Some(meant) => format!("unknown {what} `{typed}`: did you mean `{meant}`?"),
        None => format!("unknown {what} `{typed}`; {help}"),
    }
}

/// `callsheet run`, as the error's own line of usage has it.
fn inner_name(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let words = usage.trim_start_matches("Usage:").split_whitespace();
    let words = words.take_while(|word| !word.starts_with(['[', '<', '-']));
    let name = words.collect::<Vec<_>>().join(" ");
    if name.is_empty() { "callsheet".to_owned() } else { name }
}

/// The command in which the error was found.
fn within<'a>(error: &clap::Error, command: &'a Command) -> &'a Command {
    let name = inner_name(error);
    let found = name.split(' ').skip(1).try_fold(command, |at, word| at.find_subcommand(word));
    found.unwrap_or(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<String> {
        let command = crate::cli::command();
        let error = command.clone().try_get_matches_from(line.split(' ')).unwrap_err();
        slip(&error, &command)
    }

    #[test]
    fn what_was_meant_is_said() {
        for (line, expected) in [
            ("callsheet rnu x.yaml", "unknown command `rnu`: did you mean `run`?"),
            ("callsheet statsu x.yaml", "unknown command `statsu`: did you mean `status`?"),
            ("callsheet ledger lsit", "unknown command `lsit`: did you mean `list`?"),
            (
                "callsheet run x.yaml --concurency 3",
                "unknown option `--concurency`: did you mean `--concurrency`?",
            ),
            ("callsheet check x.yaml --jsno", "unknown option `--jsno`: did you mean `--json`?"),
            (
                "callsheet run x.yaml --frobnicate",
                "unknown option `--frobnicate`; callsheet run --help names them all",
            ),
            ("callsheet fly", "unknown command `fly`; callsheet --help names them all"),
        ] {
            assert_eq!(told(line).as_deref(), Some(expected), "{line}");
        }
        assert_eq!(told("callsheet run"), None, "that is something else");
    }

    #[test]
    fn another_word_is_not_what_was_meant() {
        assert_eq!(meant("fly", ["run", "plan"]), None);
        assert_eq!(meant("rnu", ["run", "redo"]).as_deref(), Some("run"));
        assert_eq!(meant("run", ["run"]), None, "nobody has to be told what is there");
        assert_eq!(meant("x", []), None);
    }
}

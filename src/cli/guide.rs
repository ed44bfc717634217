//! What help texts have besides what stands at the options themselves: two examples for each command,
//! and which of its options most people need, so that `-h` fits on a screen.

use clap::{Arg, Command, CommandFactory};

use super::Cli;
use crate::exit::Exit;

/// The options that say which batch is meant; the same for all commands that have a manifest.
const OF_BATCH: [&str; 9] = [
    "out",
    "endpoint",
    "mock",
    "ledger",
    "batch_name",
    "sure",
    "api_key_file",
    "allow_http",
    "allow_network_disk",
];
/// What only `run` has of them.
const OF_SHARED: [&str; 2] = ["lease", "join"];
/// What stands over them.
const BATCH_HEADING: &str = "Options of the batch";
/// Where they stand in the order of options; no command has as many of its own.
const BEHIND: usize = 800;
/// The last line of each command's help.
const REST: &str = "Options of every command: see callsheet help options";
/// Commands of which the short help of the program only has the names.
const FOR_PACKAGERS: [&str; 3] = ["schema", "completions", "man"];

/// What a command's help has besides.
struct Guide {
    /// `ledger copy` is the command of a command.
    verb: &'static str,
    /// Each can be given as it is, once its files are there.
    examples: [&'static str; 2],
    /// The options that `-h` shows, by their names without dashes; `--help` shows all.
    first: &'static [&'static str],
}

const fn guide(
    verb: &'static str,
    examples: [&'static str; 2],
    first: &'static [&'static str],
) -> Guide {
    Guide { verb, examples, first }
}

/// One for each command; a test holds it to that.
const GUIDES: [Guide; 22] = [
    guide("init", ["callsheet init media", "callsheet init media --out spring.yaml"], &["out"]),
    guide(
        "check",
        ["callsheet check spring.yaml", "callsheet check spring.yaml --probe"],
        &["probe", "no-faces", "out"],
    ),
    guide(
        "plan",
        ["callsheet plan spring.yaml", "callsheet plan spring.yaml --save spring.plan"],
        &["only", "limit", "save", "mock", "api-key-file"],
    ),
    guide(
        "run",
        ["callsheet run spring.yaml --mock", "callsheet run spring.yaml --pilot 5"],
        &["until", "only", "limit", "pilot", "rate", "retry-failed", "yes", "out", "mock"],
    ),
    guide(
        "status",
        ["callsheet status spring.yaml --watch", "callsheet status spring.yaml --state rejected"],
        &["watch", "doubts", "state", "history", "out", "mock"],
    ),
    guide(
        "events",
        ["callsheet events spring.yaml --follow", "callsheet events spring.yaml --id anna-en"],
        &["follow", "id", "last", "out", "mock"],
    ),
    guide(
        "adopt",
        ["callsheet adopt spring.yaml old.csv", "callsheet adopt spring.yaml old.csv --skip-bad"],
        &["unchecked", "skip-bad", "wait", "api-key-file"],
    ),
    guide(
        "resolve",
        [
            "callsheet resolve spring.yaml anna-en --adopt task-unified-1795368508-hpkaj2a4",
            "callsheet resolve spring.yaml --from doubts.csv",
        ],
        &["all", "from", "adopt", "resend", "abandon", "api-key-file"],
    ),
    guide(
        "reconcile",
        ["callsheet reconcile spring.yaml", "callsheet reconcile spring.yaml --from export.json"],
        &["from", "yes", "api-key-file"],
    ),
    guide(
        "redo",
        [
            "callsheet redo spring.yaml anna-en --prompt 'She smiles'",
            "callsheet redo spring.yaml --reviewed",
        ],
        &["reviewed", "prompt", "why", "yes"],
    ),
    guide(
        "move",
        [
            "callsheet move spring.yaml --endpoint https://api.example.com",
            "callsheet move spring.yaml --endpoint https://api.example.com --unseen",
        ],
        &["endpoint", "unseen", "api-key-file"],
    ),
    guide(
        "ledger",
        [
            "callsheet ledger list postgres://callsheet@db/callsheet",
            "callsheet ledger copy spring.yaml --to postgres://callsheet@db/callsheet",
        ],
        &[],
    ),
    guide(
        "ledger list",
        [
            "callsheet ledger list postgres://callsheet@db/callsheet",
            "callsheet ledger list --json postgres://callsheet@db/callsheet",
        ],
        &[],
    ),
    guide(
        "ledger copy",
        [
            "callsheet ledger copy spring.yaml --to postgres://callsheet@db/callsheet",
            "callsheet ledger copy spring.yaml --ledger postgres://callsheet@db/callsheet --to spring.run",
        ],
        &["to", "ledger", "batch-name"],
    ),
    guide(
        "report",
        ["callsheet report spring.yaml", "callsheet report spring.yaml --format md"],
        &["no-report", "format", "out", "mock"],
    ),
    guide(
        "review",
        ["callsheet review spring.yaml", "callsheet review spring.yaml --export decided.csv"],
        &["listen", "as", "export", "out", "mock"],
    ),
    guide(
        "doctor",
        ["callsheet doctor", "callsheet doctor spring.yaml --json"],
        &["out", "endpoint", "ledger", "api-key-file"],
    ),
    guide(
        "mock",
        ["callsheet mock", "callsheet mock --port 8080 --scenario busy"],
        &["port", "scenario", "key", "any-key"],
    ),
    guide("schema", ["callsheet schema", "callsheet schema -q"], &[]),
    guide("completions", ["callsheet completions bash", "callsheet completions zsh"], &[]),
    guide("man", ["callsheet man run", "callsheet man --dir man1"], &["dir"]),
    guide("help", ["callsheet help run", "callsheet help options"], &[]),
];

/// The command line with all that help texts, manual pages and completions show of it.
#[must_use]
pub fn command() -> Command {
    let command = GUIDES.iter().fold(Cli::command(), |command, guide| {
        let path: Vec<_> = guide.verb.split(' ').collect();
        at(command, &path, &|inner| guided(inner, guide))
    });
    let (short, long) = (commands(&command, &FOR_PACKAGERS), commands(&command, &[]));
    command
        .help_template("{about}\n\nUsage: callsheet <COMMAND>{after-help}")
        .after_help(format!(
            "{short}\n\nAlso: {}. More: callsheet --help, callsheet help options",
            FOR_PACKAGERS.join(", ")
        ))
        .after_long_help(format!("{long}\n\n{REST}\n\nExit codes:\n{}\n\n{KEY}", Exit::table()))
}

/// What everybody should know before the first run.
const KEY: &str = "The API key comes from CALLSHEET_API_KEY or --api-key-file, never from an \
    argument.\nTry it without a key or cost: callsheet run MANIFEST --mock";

/// The page that all other help texts point at.
#[must_use]
pub fn options() -> Command {
    let cli = Cli::command();
    let everywhere = cli.get_arguments().filter(|arg| arg.is_global_set());
    let shown = |arg: &Arg| arg.clone().hide_short_help(false).hide_long_help(false).global(false);
    let everywhere = everywhere.map(shown).map(|arg| arg.help_heading("Of every command"));
    let run = cli.find_subcommand("run");
    let of_batch = run.into_iter().flat_map(Command::get_arguments);
    let of_batch = of_batch.filter(|arg| is_of_batch(arg));
    let of_batch =
        of_batch.cloned().map(|arg| arg.help_heading("Of commands that have a manifest"));
    Command::new("callsheet")
        .args(everywhere)
        .args(of_batch)
        .disable_help_flag(true)
        .max_term_width(super::WIDTH)
        .help_template("{all-args}{after-help}")
        .after_help(format!("Exit codes:\n{}\n\n{KEY}", Exit::table()))
}

fn at(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        None => change(command),
        Some((verb, rest)) => command.mut_subcommand(verb, |inner| at(inner, rest, change)),
    }
}

fn guided(command: Command, guide: &Guide) -> Command {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let [one, other] = guide.examples;
    command
        .long_about(format!("{about}\n\nExamples:\n  {one}\n  {other}"))
        .after_help(format!("More: callsheet {} --help, callsheet help options", guide.verb))
        .after_long_help(REST)
        .mut_args(|arg| {
            let shown = arg.get_long().is_some_and(|name| guide.first.contains(&name));
            let short = arg.is_positional() || shown;
            placed(in_short(arg)).hide_short_help(!short)
        })
}

/// What is the batch's stands behind what is the command's own.
fn placed(arg: Arg) -> Arg {
    let mut behind = OF_BATCH.iter().chain(&OF_SHARED);
    let place = behind.position(|name| arg.get_id().as_str() == *name);
    match place.filter(|_| !arg.is_positional()) {
        Some(place) => arg.help_heading(BATCH_HEADING).display_order(BEHIND + place),
        None => arg,
    }
}

/// `-h` says of an option only what stands before the first end of a clause.
fn in_short(arg: Arg) -> Arg {
    let Some(whole) = arg.get_help().map(ToString::to_string) else { return arg };
    // Not before a warning.
    let clauses = whole.replace(", even ", "  even ");
    let ends = [": ", "; ", ". ", " [", ", "];
    let end = ends.iter().filter_map(|end| clauses.find(end)).min();
    match end.and_then(|end| whole.get(..end)).map(str::to_owned) {
        Some(short) => arg.help(short).long_help(whole),
        None => arg,
    }
}

fn is_of_batch(arg: &Arg) -> bool {
    !arg.is_positional() && OF_BATCH.contains(&arg.get_id().as_str())
}

/// The commands with their purposes, a line each.
fn commands(command: &Command, without: &[&str]) -> String {
    let shown = |of: &&Command| !of.is_hide_set() && !without.contains(&of.get_name());
    let line = |of: &Command| {
        let about = of.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {:12} {about}", of.get_name())
    };
    let lines: Vec<_> = command.get_subcommands().filter(shown).map(line).collect();
    format!("Commands:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &Command, before: &str) -> Vec<String> {
        let below = command.get_subcommands().flat_map(|inner| {
            let name = format!("{before}{}", inner.get_name());
            let deeper = all(inner, &format!("{name} "));
            [vec![name], deeper].concat()
        });
        below.collect()
    }

    #[test]
    fn every_command_has_two_examples_that_can_be_given() {
        let mut guided: Vec<_> = GUIDES.iter().map(|guide| guide.verb.to_owned()).collect();
        let mut there = all(&Cli::command(), "");
        guided.sort();
        there.sort();
        assert_eq!(guided, there);
        for guide in &GUIDES {
            let [one, other] = guide.examples;
            assert_ne!(one, other);
            for example in guide.examples {
                let plain = example.replace("'She smiles'", "smile");
                let begins = format!("callsheet {}", guide.verb);
                assert!(example.starts_with(&begins) || guide.verb == "ledger", "{example}");
                let read = command().try_get_matches_from(plain.split(' '));
                assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
            }
        }
    }

    #[test]
    fn what_is_shown_first_is_there() {
        let cli = command();
        for guide in &GUIDES {
            let found = guide.verb.split(' ').try_fold(&cli, |at, verb| at.find_subcommand(verb));
            let names: Vec<_> = found.unwrap().get_arguments().filter_map(Arg::get_long).collect();
            for first in guide.first {
                assert!(names.contains(first), "{} has no --{first}", guide.verb);
            }
        }
    }

    #[test]
    fn the_page_of_options_has_all_that_are_left_out_elsewhere() {
        let page = options().render_help().to_string();
        let cli = Cli::command();
        for arg in cli.get_arguments().filter(|arg| arg.is_global_set()) {
            assert!(page.contains(&format!("--{}", arg.get_long().unwrap())), "{page}");
        }
        assert!(page.contains("--out <DIR>") && page.contains("130"), "{page}");
    }
}

//! One function per verb; the only module that wires the others.

mod adopt;
mod balance;
mod batch;
mod belongs;
mod bills;
mod check;
mod choose;
mod claims;
mod doubts;
mod events;
mod failure;
mod follow;
mod formers;
mod given;
mod grid;
mod init;
mod key;
mod keys;
mod ledger;
mod links;
mod listed;
mod locals;
mod media;
mod nearby;
mod opened;
mod outside;
mod overview;
mod packaging;
mod patient;
mod plan;
mod pulse;
mod reconcile;
mod redo;
mod rehearsal;
mod relocate;
mod report;
mod resolve;
mod review;
mod run;
mod saved;
mod sharing;
mod siblings;
mod signals;
mod status;
mod takes;
mod told;
mod videos;
mod written;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use serde_json::json;

use self::failure::Failure;
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::ui::{Tongue, Ui, lost_output, refused};
use crate::words::Language;

/// Runs the program: reads the command line, does what it says, and reports what went wrong.
#[must_use]
pub fn main() -> Exit {
    let tongue = Tongue::wanted();
    let cli = match parse(tongue) {
        Ok(cli) => cli,
        Err(error) => return command_line(&error, tongue),
    };
    let shown = match &cli.command {
        Command::Run(args) => args.progress,
        _ => None,
    };
    let ui = Ui::new(&cli.global).showing(shown).speaking(tongue);
    log(&ui, cli.global.verbose);
    let exit = match dispatch(&ui, &cli.command) {
        Ok(exit) => exit,
        Err(failure) => explain(&ui, &failure),
    };
    if lost_output() && exit > Exit::Fault {
        ui.error("standard output cannot be written: is the disk full?");
        return Exit::Fault;
    }
    exit
}

fn dispatch(ui: &Ui, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::init(ui, args),
        Command::Check(args) => check::check(ui, args),
        Command::Plan(args) => plan::plan(ui, args),
        Command::Run(args) => run::run(ui, args),
        Command::Status(args) => status::status(ui, args),
        Command::Events(args) => events::events(ui, args),
        Command::Adopt(args) => adopt::adopt(ui, args),
        Command::Resolve(args) => resolve::resolve(ui, args),
        Command::Reconcile(args) => reconcile::reconcile(ui, args),
        Command::Redo(args) => redo::redo(ui, args),
        Command::Move(args) => relocate::relocate(ui, args),
        Command::Ledger(args) => ledger::ledger(ui, args),
        Command::Report(args) => report::report(ui, args),
        Command::Review(args) => review::review(ui, args),
        Command::Mock(args) => rehearsal::serve(args),
        Command::Schema => packaging::schema(ui),
        Command::Completions { shell } => packaging::completions(ui, *shell),
        Command::Man => packaging::man(ui),
    }
}

fn parse(tongue: Tongue) -> Result<Cli, clap::Error> {
    match tongue.language() {
        Language::English => Cli::try_parse(),
        Language::Chinese => {
            // Lines of any length: they are broken where they are said.
            let matches = Cli::command().term_width(0).try_get_matches()?;
            Cli::from_arg_matches(&matches)
        }
    }
}

/// Prints help or version, or what is wrong with the command line.
fn command_line(error: &clap::Error, tongue: Tongue) -> Exit {
    match tongue.language() {
        // Nobody is left to be told if this fails.
        Language::English => drop(error.print()),
        Language::Chinese => refused(error, tongue),
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

fn explain(ui: &Ui, failure: &Failure) -> Exit {
    match &failure.problems {
        Some(problems) => {
            ui.problems([&**problems]);
            ui.error(&failure.message);
        }
        None => ui.error(&failure.message),
    }
    if let Some(hint) = &failure.hint {
        ui.hint(hint);
    }
    if ui.is_json() {
        let error = json!({
            "exit_code": failure.exit.code(),
            "message": failure.message,
            "hint": failure.hint,
            "problems": failure.problems,
        });
        ui.document(&format!("{:#}", json!({ "error": error })));
    }
    failure.exit
}

/// Debugging output of our own modules on standard error; never of the libraries', which do not
/// know what is secret here.
fn log(ui: &Ui, verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let filter = tracing_subscriber::filter::Targets::new().with_target("callsheet", level);
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(ui.colours_messages())
        .with_target(false)
        .without_time();
    // Fails only if there is one already.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

//! One function per verb; the only module that wires the others.

mod adopt;
mod balance;
mod batch;
mod belongs;
mod bills;
mod check;
mod choose;
mod claims;
mod doctor;
mod doubts;
pub mod embed;
mod events;
mod failure;
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
mod runtime;
mod saved;
mod sharing;
mod siblings;
mod signals;
mod status;
mod takes;
mod told;
mod videos;
mod written;

use std::io::Read;
use std::path::Path;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap_complete::CompleteEnv;
use serde_json::json;

use self::failure::Failure;
use crate::cli::{self, ASKED, Cli, Command};
use crate::client::{Authorities, AuthorityError};
use crate::exit::Exit;
use crate::ui::{Tongue, Ui, lost_output, refused};
use crate::words::Language;

/// No file of authorities is larger, in bytes.
const MOST_OF_AUTHORITIES: u64 = 16 << 20;

/// Runs the program: reads the command line, does what it says, and reports what went wrong.
#[must_use]
pub fn main() -> Exit {
    let tongue = Tongue::wanted();
    if let Some(exit) = completed(tongue) {
        return exit;
    }
    let cli = match cli(tongue) {
        Ok(cli) => cli,
        Err(error) => return command_line(&error, tongue),
    };
    let shown = match &cli.command {
        Command::Run(args) => args.progress,
        _ => None,
    };
    let ui = Ui::new(&cli.global).showing(shown).speaking(tongue);
    log(&ui, cli.global.verbose);
    let trusted = cli.global.ca.as_deref().map_or(Ok(()), believe);
    let exit = match trusted.and_then(|()| dispatch(&ui, &cli.command)) {
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
        Command::Doctor(args) => doctor::doctor(ui, args),
        Command::Mock(args) => rehearsal::serve(args),
        Command::Schema => packaging::schema(ui),
        Command::Completions { shell } => packaging::completions(ui, *shell),
        Command::Man(args) => packaging::man(ui, args),
        Command::Help { about } => packaging::help(ui, about),
    }
}

fn cli(tongue: Tongue) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&tongue.unbroken(cli::command()).try_get_matches()?)
}

/// Answers a shell that asks how a word goes on.
fn completed(tongue: Tongue) -> Option<Exit> {
    std::env::var_os(ASKED)?;
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(cli::command).var(ASKED).bin("callsheet");
    match asked.try_complete(std::env::args_os(), here.as_deref()) {
        Ok(true) => Some(Exit::Done),
        Ok(false) => None,
        Err(error) => Some(command_line(&error, tongue)),
    }
}

/// Takes the certificates in a file for those of authorities, as a person says they are.
fn believe(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let unread = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("--ca {shown}: it cannot be read: {error}"))
            .hint("name a file of certificates in PEM")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unread)?;
    // As much as the bundles of all systems together.
    file.take(MOST_OF_AUTHORITIES).read_to_end(&mut bytes).map_err(unread)?;
    let authorities = Authorities::read(&bytes).map_err(|error| {
        let hint = match error {
            AuthorityError::Binary => {
                format!("write it as text: openssl x509 -inform der -in {shown} -out ca.pem")
            }
            AuthorityError::Line { .. } | AuthorityError::Empty => {
                "a file of certificates in PEM is meant: -----BEGIN CERTIFICATE-----, Base64, \
                 -----END CERTIFICATE-----"
                    .to_owned()
            }
        };
        Failure::new(Exit::Usage, format!("--ca {shown}: {error}")).hint(hint)
    })?;
    authorities.believe();
    Ok(())
}

/// Prints help or version, or what is wrong with the command line.
fn command_line(error: &clap::Error, tongue: Tongue) -> Exit {
    if let Some(text) = cli::slip(error, &cli::command()) {
        let mut words = std::env::args_os();
        let json = words.any(|word| word == "--json");
        return explain(&Ui::plain(json).speaking(tongue), &Failure::new(Exit::Usage, text));
    }
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

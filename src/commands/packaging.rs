//! `schema`, `completions`, `man` and `help`: for editors, shells, packagers, and people.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::failure::Failure;
use crate::cli::{self, ASKED, ManArgs};
use crate::exit::Exit;
use crate::files::{make_folder, replace};
use crate::manifest;
use crate::ui::{self, Ui};

/// What the program is called, and what the pages of its commands begin with.
const NAME: &str = "callsheet";

pub(super) fn schema(ui: &Ui) -> Result<Exit, Failure> {
    ui.document(&format!("{:#}", manifest::schema()));
    Ok(Exit::Done)
}

/// The script asks this program for what may come next, so that it knows the ids of a batch.
pub(super) fn completions(ui: &Ui, shell: Shell) -> Result<Exit, Failure> {
    let unknown = || {
        Failure::new(Exit::Usage, format!("{shell}: not known here"))
            .hint("take bash, elvish, fish, powershell or zsh")
    };
    let (mut script, shells) = (Vec::new(), Shells::builtins());
    let shell = shells.completer(&shell.to_string()).ok_or_else(unknown)?;
    shell
        .write_registration(ASKED, NAME, NAME, NAME, &mut script)
        .map_err(|error| Failure::new(Exit::Fault, format!("cannot write the script: {error}")))?;
    ui.document(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}

pub(super) fn man(ui: &Ui, args: &ManArgs) -> Result<Exit, Failure> {
    let command = whole();
    if let Some(folder) = &args.dir {
        let mut written = Vec::new();
        make_folder(folder).map_err(|error| unwritable(folder, &error))?;
        write_pages(&command, NAME, folder, &mut written)?;
        ui.result(&written.join("\n"), &written.clone().into());
        return Ok(Exit::Done);
    }
    let (command, name) = find(&command, &args.about)?;
    ui.document(&String::from_utf8_lossy(&page(command, &name)?));
    Ok(Exit::Done)
}

pub(super) fn help(ui: &Ui, about: &[String]) -> Result<Exit, Failure> {
    if about.iter().map(String::as_str).eq(["options"]) {
        let page = ui.tongue().unbroken(cli::options()).render_help();
        ui::help(ui, &page.to_string());
        return Ok(Exit::Done);
    }
    let command = whole();
    let (command, _) = find(&command, about)?;
    let page = ui.tongue().unbroken(command.clone()).render_long_help();
    ui::help(ui, &page.to_string());
    Ok(Exit::Done)
}

/// All of it: options of every command are known to each only then.
fn whole() -> Command {
    let mut command = cli::command();
    command.build();
    command
}

/// The command of these words, and what its page is called.
fn find<'a>(command: &'a Command, words: &[String]) -> Result<(&'a Command, String), Failure> {
    let mut found = (command, NAME.to_owned());
    for word in words {
        let inner = found.0.find_subcommand(word).ok_or_else(|| {
            let names = found.0.get_subcommands().map(Command::get_name);
            let failure = Failure::new(Exit::Usage, format!("{word}: no such command"));
            match cli::meant(word, names) {
                Some(meant) => failure.hint(format!("did you mean {meant}?")),
                None => failure.hint("callsheet --help names them all"),
            }
        })?;
        found = (inner, format!("{}-{word}", found.1));
    }
    Ok(found)
}

fn page(command: &Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let failed = |error| Failure::new(Exit::Fault, format!("cannot render the page: {error}"));
    let command = command.clone().version(env!("CARGO_PKG_VERSION"));
    let command = command.display_name(name.to_owned()).bin_name(name.replace('-', " "));
    clap_mangen::Man::new(command).title(name).render(&mut page).map_err(failed)?;
    Ok(page)
}

/// A page for the command and for each that it has, named as `man` looks for them.
fn write_pages(
    command: &Command,
    name: &str,
    folder: &Path,
    written: &mut Vec<String>,
) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.1"));
    replace(&path, &page(command, name)?).map_err(|error| unwritable(&path, &error))?;
    written.push(path.display().to_string());
    for inner in command.get_subcommands() {
        write_pages(inner, &format!("{name}-{}", inner.get_name()), folder, written)?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Fault, format!("{}: cannot be written: {error}", path.display()))
        .hint("choose another folder with --dir DIR")
}

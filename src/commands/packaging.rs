//! `schema`, `completions` and `man`: for editors, shells and packagers.

use clap::CommandFactory;
use clap_complete::Shell;

use super::failure::Failure;
use crate::cli::Cli;
use crate::exit::Exit;
use crate::manifest;
use crate::ui::Ui;

pub(super) fn schema(ui: &Ui) -> Result<Exit, Failure> {
    ui.document(&format!("{:#}", manifest::schema()));
    Ok(Exit::Done)
}

pub(super) fn completions(ui: &Ui, shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "callsheet", &mut script);
    ui.document(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}

pub(super) fn man(ui: &Ui) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let failed = |error| Failure::new(Exit::Fault, format!("cannot render the page: {error}"));
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
    ui.document(&String::from_utf8_lossy(&page));
    Ok(Exit::Done)
}

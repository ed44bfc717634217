//! Tasks that a person gives to pairs: whose they are already, and whether the server knows them.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::sleep;

use super::batch::Site;
use super::failure::Failure;
use super::runtime::runtime;
use crate::client::Client;
use crate::exit::Exit;
use crate::ledger::{LedgerError, View};
use crate::pair::{TaskId, folded};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many tasks the server is asked for at a time.
const AT_ONCE: usize = 8;
/// How many problems are shown to people.
const SHOWN: usize = 100;

/// A row that gives a task to a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Of the file, from 1.
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) task: TaskId,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) line: u64,
    pub(super) text: String,
}

impl Claim {
    fn problem(&self, text: &str) -> Problem {
        Problem { line: self.line, text: format!("{}: {text}", self.id) }
    }
}

/// A task's id as somebody typed it, or as a program wrote it into a table.
pub(super) fn read_task(text: &str) -> Result<TaskId, String> {
    // As it was guarded against being taken for a formula.
    let text = text.strip_prefix('\'').unwrap_or(text);
    // 1.7572E+17: digits are lost then, and nothing brings them back.
    let rounded = text.to_ascii_uppercase().contains("E+") && text.starts_with(char::is_numeric);
    TaskId::parse(text).map_err(|error| match rounded {
        true => format!("task {}: rounded by a spreadsheet; type it as text", shown(text)),
        false => format!("task {}: {error}", shown(text)),
    })
}

/// A cell as it may be shown.
pub(super) fn shown(text: &str) -> String {
    let bounded: String = text.chars().take(80).collect();
    printable(&bounded).into_owned()
}

/// Tasks that are another pair's, here or in a run folder nearby.
pub(super) fn taken(
    site: &Site,
    view: Option<&View>,
    claims: &[Claim],
) -> Result<Vec<Problem>, LedgerError> {
    // What a fake made is nobody's.
    let neighbours = if site.rehearsal { Vec::new() } else { site.neighbours() };
    let mut problems = Vec::new();
    for claim in claims {
        let own = view.map(|view| view.owner_of(&claim.task)).transpose()?.flatten();
        let owner = match own.filter(|owner| folded(owner) != folded(&claim.id)) {
            None => elsewhere(&neighbours, &claim.task)?,
            own => own,
        };
        let text = owner.map(|owner| format!("task {} belongs to {owner}", claim.task));
        problems.extend(text.map(|text| claim.problem(&text)));
    }
    Ok(problems)
}

/// The pair of another run folder that has a task.
pub(super) fn elsewhere(
    neighbours: &[(PathBuf, View)],
    task: &TaskId,
) -> Result<Option<String>, LedgerError> {
    for (folder, neighbour) in neighbours {
        if let Some(owner) = neighbour.owner_of(task)? {
            return Ok(Some(format!("{owner} of {}", folder.display())));
        }
    }
    Ok(None)
}

/// What is wrong with tasks by the server's word.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// It does not know them.
    pub(super) unknown: Vec<Problem>,
    /// It cannot say: they may be there, and paid for.
    pub(super) unanswered: Vec<Problem>,
}

/// How often the server is asked for a task, and how long it is left in peace in between.
const ASKED: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Tasks that the server does not know. A server that can be asked for none is an error, for which
/// `unable` has the words.
pub(super) fn unknown(
    ui: &Ui,
    (client, owner): (&Client, &str),
    claims: &[Claim],
    unable: impl Fn(&str) -> Failure,
) -> Result<Answers, Failure> {
    let bar = ui.counter(claims.len() as u64, "tasks");
    let answers = Cell::new(false);
    let asked = stream::iter(claims).map(|claim| ask((client, owner), claim, &answers));
    let answers = asked.buffer_unordered(AT_ONCE).inspect(|_| bar.inc(1));
    let answers: Vec<_> = runtime()?.block_on(answers.collect());
    bar.finish_and_clear();
    let silent = answers.iter().filter_map(|answer| answer.as_ref().err());
    match silent.clone().next() {
        // It is down, or the key is wrong: no word about single tasks.
        Some(error) if silent.count() == claims.len() => Err(unable(&error.text)),
        _ => {
            let mut found = Answers::default();
            for answer in answers {
                match answer {
                    Ok(unknown) => found.unknown.extend(unknown),
                    Err(unanswered) => found.unanswered.push(unanswered),
                }
            }
            Ok(found)
        }
    }
}

/// What is wrong with a task; an error if the server cannot say.
async fn ask(
    (client, owner): (&Client, &str),
    claim: &Claim,
    answers: &Cell<bool>,
) -> Result<Option<Problem>, Problem> {
    let task = &claim.task;
    let mut answer = client.has_task(task).await;
    for _ in 1..ASKED {
        // One that has answered nothing yet is down.
        if answer.is_ok() || !answers.get() {
            break;
        }
        sleep(PAUSE).await;
        answer = client.has_task(task).await;
    }
    answers.set(answers.get() || answer.is_ok());
    match answer {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(claim.problem(&format!("{owner} knows no task {task}")))),
        Err(error) => {
            Err(claim.problem(&format!("{owner} cannot say whether it knows {task}: {error}")))
        }
    }
}

/// Says all that is wrong with a file at once; `end` is what was not done.
pub(super) fn refuse(file: &str, mut problems: Vec<Problem>, end: &str) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    let found = counted(problems.len() as u64, "problem");
    let mut text = format!("{file}: {found}; {end}");
    for Problem { line, text: problem } in problems.iter().take(SHOWN) {
        text.push_str(&format!("\nline {line}: {}", printable(problem)));
    }
    if problems.len() > SHOWN {
        text.push_str(&format!("\n… and {} more", problems.len() - SHOWN));
    }
    Err(Failure::new(Exit::Usage, text))
}

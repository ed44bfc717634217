//! What a person wrote about pairs in doubt, in a table or a list, and what that settles.
//!
//! Decides and touches nothing: all that is wrong is found before anything is settled.

use std::collections::HashMap;

use crate::commands::claims::{Problem, read_task, shown};
use crate::commands::grid::{Filled, Grid, Line};
use crate::ledger::Verdict;
use crate::pair::TaskId;
use crate::state::State;

const NO_VERDICT: &str = "it has no column `id`; for a list of ids, say what becomes of them: --resend \
                          or --abandon";

/// What a row asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Adopt(TaskId),
    /// The task that the answer seemed to name.
    AdoptProposed,
    Resend,
    Abandon,
}

/// A row that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) line: u64,
    pub(super) id: String,
    /// Which create of the pair it was written about, where the row says.
    attempt: Option<u32>,
    wish: Wish,
}

/// A file as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) asked: Vec<Asked>,
    /// Rows in which nothing was filled in.
    pub(super) empty: usize,
    /// What is strange about the table, but allowed.
    pub(super) remarks: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// A pair as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) state: State,
    /// Creates so far.
    pub(super) attempts: u32,
    pub(super) task: Option<String>,
    pub(super) proposed: Option<String>,
}

/// What a sheet comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) settled: Vec<Settled>,
    /// Pairs with which that was done before: the same file was given twice.
    pub(super) already: usize,
    pub(super) problems: Vec<Problem>,
}

/// A pair and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) verdict: Verdict,
}

impl Sheet {
    /// A table with a column `id`, or else ids apart by spaces and line ends, to which `verdict`
    /// applies.
    ///
    /// # Errors
    /// Says what the file or the command line lacks.
    pub(super) fn read(filled: &Filled, verdict: Option<&Wish>) -> Result<Self, String> {
        let grid = match Grid::read(filled) {
            Ok(grid) => grid,
            Err(problem) if !filled.is_text() => return Err(problem.message),
            Err(_) => Grid::default(),
        };
        let Some(id) = grid.column(&["id"]) else {
            return match verdict {
                Some(verdict) if filled.is_text() => Ok(Self::list(&filled.text(), verdict)),
                Some(_) => Err("it has no column `id`".to_owned()),
                None => Err(NO_VERDICT.to_owned()),
            };
        };
        let (task, action) = (grid.column(&["task_id"]), grid.column(&["action"]));
        match (task.or(action), verdict) {
            (Some(_), Some(_)) => return Err("it says itself what becomes of each pair".into()),
            (None, None) => {
                return Err("it has neither a column `task_id` nor one `action`".into());
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        let columns = Columns { id, task, action, attempt: grid.column(&["attempt"]) };
        let mut sheet = Self { remarks: grid.remarks.clone(), ..Self::default() };
        for line in &grid.lines {
            match columns.read(line, verdict) {
                Ok(Some(asked)) => sheet.asked.push(asked),
                Ok(None) => sheet.empty += 1,
                Err(text) => sheet.problems.push(Problem { line: line.number, text }),
            }
        }
        Ok(sheet)
    }

    fn list(text: &str, verdict: &Wish) -> Self {
        let asked = text.lines().zip(1..).flat_map(|(line, number)| {
            line.split_whitespace().map(move |id| Asked {
                line: number,
                id: id.to_owned(),
                attempt: None,
                wish: verdict.clone(),
            })
        });
        Self { asked: asked.collect(), ..Self::default() }
    }

    /// What becomes of the pairs, of which `standings` are by their ids in small letters.
    pub(super) fn decide(&self, standings: &HashMap<String, Standing>) -> Decided {
        let mut decided = Decided { problems: self.problems.clone(), ..Decided::default() };
        let (mut rows, mut tasks) = (HashMap::new(), HashMap::new());
        for asked in &self.asked {
            let row = rows.insert(asked.id.to_lowercase(), asked.line);
            let verdict = match (row, standings.get(&asked.id.to_lowercase())) {
                (Some(line), _) => Err(format!("{} stands in line {line}, too", shown(&asked.id))),
                (None, None) => Err(format!("no pair {} in this ledger", shown(&asked.id))),
                (None, Some(pair)) => asked.verdict(pair).map(|verdict| (pair, verdict)),
            };
            let twice = |verdict: &Verdict| match verdict {
                Verdict::Adopt(task) => tasks.insert(task.clone(), asked.line),
                Verdict::Resend | Verdict::Abandon => None,
            };
            let verdict = verdict.and_then(|(pair, verdict)| {
                let Some(verdict) = verdict else { return Ok(None) };
                match Some(&verdict).and_then(twice) {
                    Some(line) => Err(format!("its task stands in line {line}, too")),
                    None => Ok(Some((pair.id.clone(), verdict))),
                }
            });
            let line = asked.line;
            match verdict {
                Ok(Some((id, verdict))) => decided.settled.push(Settled { line, id, verdict }),
                Ok(None) => decided.already += 1,
                Err(text) => decided.problems.push(Problem { line, text }),
            }
        }
        decided.problems.sort();
        decided
    }
}

/// Where in a row what stands.
struct Columns {
    id: usize,
    task: Option<usize>,
    action: Option<usize>,
    attempt: Option<usize>,
}

impl Columns {
    /// What a row asks for, if anything.
    fn read(&self, line: &Line, verdict: Option<&Wish>) -> Result<Option<Asked>, String> {
        if let Some(trouble) = &line.trouble {
            return Err(trouble.clone());
        }
        let id = line.cell(Some(self.id)).to_owned();
        let wish = match verdict {
            Some(verdict) => Some(verdict.clone()),
            None => wish(line.cell(self.action), line.cell(self.task))?,
        };
        let Some(wish) = wish else { return Ok(None) };
        if id.is_empty() {
            return Err("it names no pair".to_owned());
        }
        if id.contains('\u{fffd}') {
            let shown = shown(&id);
            return Err(format!("the id {shown} cannot be read: save the file as UTF-8"));
        }
        let attempt = line.cell(self.attempt);
        let attempt = match attempt {
            "" => None,
            text => Some(text.parse().map_err(|_| format!("attempt {}: no number", shown(text)))?),
        };
        Ok(Some(Asked { line: line.number, id, attempt, wish }))
    }
}

/// An action and a task's id as they were filled in.
fn wish(action: &str, task: &str) -> Result<Option<Wish>, String> {
    let wish = match (action.to_ascii_lowercase().as_str(), task) {
        ("", "") => return Ok(None),
        ("" | "adopt", task) if !task.is_empty() => Wish::Adopt(read_task(task)?),
        ("adopt", _) => Wish::AdoptProposed,
        ("resend" | "abandon", task) if !task.is_empty() => {
            return Err(format!("{action}, and a task id: one of the two"));
        }
        ("resend", _) => Wish::Resend,
        ("abandon", _) => Wish::Abandon,
        _ => {
            let action = shown(action);
            return Err(format!("action {action}: it is adopt, resend or abandon, or empty"));
        }
    };
    Ok(Some(wish))
}

impl Asked {
    /// What becomes of the pair; nothing if that was done before.
    fn verdict(&self, pair: &Standing) -> Result<Option<Verdict>, String> {
        let verdict = match &self.wish {
            Wish::Adopt(task) => Verdict::Adopt(task.clone()),
            Wish::AdoptProposed => Verdict::Adopt(proposed(pair)?),
            Wish::Resend => Verdict::Resend,
            Wish::Abandon => Verdict::Abandon,
        };
        if let Some(attempt) = self.attempt.filter(|&attempt| attempt != pair.attempts) {
            let (id, now) = (&pair.id, pair.attempts);
            return Err(format!(
                "{id}: the row is about create {attempt} of it, and the last one is {now}: write \
                 the table anew"
            ));
        }
        let is_done = match (&verdict, pair.state) {
            (Verdict::Adopt(task), state) => {
                state != State::InDoubt && pair.task.as_deref() == Some(task.as_str())
            }
            (Verdict::Abandon, state) => state == State::Abandoned,
            // Of a pair that is planned the row says which create it was about, or nothing was.
            (Verdict::Resend, state) => state == State::Planned && self.attempt.is_some(),
        };
        match (&verdict, pair.state) {
            _ if is_done => Ok(None),
            (_, State::InDoubt) | (Verdict::Resend, State::Rejected) => Ok(Some(verdict)),
            (_, state) => Err(format!("{} is {}, not in doubt", pair.id, state.name())),
        }
    }
}

fn proposed(pair: &Standing) -> Result<TaskId, String> {
    let task = match pair.state {
        State::InDoubt => &pair.proposed,
        _ => &pair.task,
    };
    let parsed = task.as_deref().and_then(|task| TaskId::parse(task).ok());
    parsed.ok_or_else(|| format!("{}: no task is proposed for it: fill in a task_id", pair.id))
}

#[cfg(test)]
mod tests;

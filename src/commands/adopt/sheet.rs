//! Which tasks a table gives to which pairs, and what of that can be taken over.
//!
//! Decides and touches nothing: all that is wrong is found before anything is taken.

use std::collections::{HashMap, HashSet};

use crate::commands::claims::{Claim, Problem, read_task, shown};
use crate::commands::grid::{Grid, Line};
use crate::pair::{TaskId, folded};
use crate::state::State;

/// A table as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    /// The rows with a task.
    pub(super) claims: Vec<Claim>,
    /// How many rows have none, as those of pairs that are planned.
    pub(super) without: usize,
    /// Pairs that may have been paid for where the table comes from, without a task to take over.
    pub(super) doubts: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// A pair as the ledger has it, or will have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) task: Option<String>,
    /// Whether it failed only because the server did not know its task.
    pub(super) lost: bool,
}

/// What is known of the pairs and tasks of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// By their folded ids.
    pub(super) pairs: HashMap<String, Standing>,
    /// The folded ids of the pairs that have a task or had it.
    pub(super) owners: HashMap<TaskId, String>,
}

/// What a sheet comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) take: Vec<Claim>,
    /// Pairs that have their tasks already: the same file was given twice.
    pub(super) had: usize,
    pub(super) problems: Vec<Problem>,
}

impl Sheet {
    /// # Errors
    /// Says what the table lacks.
    pub(super) fn read(grid: &Grid) -> Result<Self, String> {
        let column = |name: &str| {
            grid.column(&[name]).ok_or_else(|| {
                let names: Vec<_> = grid.names.iter().take(8).map(|name| shown(name)).collect();
                format!("it has no column `{name}`; its columns are {}", names.join(", "))
            })
        };
        let columns = (column("id")?, column("task_id")?, grid.column(&["state"]));
        let mut sheet = Self::default();
        grid.lines.iter().for_each(|line| sheet.add(line, columns));
        if sheet.claims.is_empty() && sheet.problems.is_empty() {
            return Err(match sheet.without {
                0 => "there is no row in it".to_owned(),
                1 => "its only row has no task".to_owned(),
                rows => format!("none of its {rows} rows has a task"),
            });
        }
        sheet.refuse_twins();
        Ok(sheet)
    }

    fn add(&mut self, line: &Line, (id, task, state): (usize, usize, Option<usize>)) {
        if let Some(text) = line.trouble.clone() {
            return self.problems.push(Problem { line: line.number, text });
        }
        let (id, task) = (line.cell(Some(id)), line.cell(Some(task)));
        if task.is_empty() {
            self.without += 1;
            let unsettled = [State::InDoubt, State::Sending].map(State::name);
            if unsettled.contains(&line.cell(state)) && !id.is_empty() {
                self.doubts.push(id.to_owned());
            }
            return;
        }
        let problem = |text: String| Problem { line: line.number, text };
        match (id, read_task(task)) {
            ("", _) => self.problems.push(problem("it names no pair".to_owned())),
            (id, _) if id.contains('\u{fffd}') => {
                let text = format!("the id {} cannot be read: save the file as UTF-8", shown(id));
                self.problems.push(problem(text));
            }
            (id, Err(error)) => self.problems.push(problem(format!("{}: {error}", shown(id)))),
            (id, Ok(task)) => {
                self.claims.push(Claim { line: line.number, id: id.to_owned(), task });
            }
        }
    }

    /// A pair has one task here, and a task one pair: of rows that say otherwise nobody knows which
    /// is right. The same row again says nothing new.
    fn refuse_twins(&mut self) {
        let mut seen = HashSet::new();
        self.claims.retain(|claim| seen.insert((folded(&claim.id), claim.task.clone())));
        let (mut pairs, mut tasks) = (HashMap::new(), HashMap::new());
        for (place, claim) in self.claims.iter().enumerate() {
            pairs.entry(folded(&claim.id)).or_insert_with(Vec::new).push(place);
            tasks.entry(&claim.task).or_insert_with(Vec::new).push(place);
        }
        let other = |places: &[usize], place: usize| {
            places.iter().find(|other| **other != place).map(|other| &self.claims[*other])
        };
        let twin = |(place, claim): (usize, &Claim)| {
            let Claim { line, id, task } = claim;
            let owner = other(&tasks[task], place).map(|it| {
                format!(
                    "{}: task {task} is {}'s, too, in line {}",
                    shown(id),
                    shown(&it.id),
                    it.line
                )
            });
            let again = || {
                other(&pairs[&folded(id)], place)
                    .map(|it| format!("{} has another task in line {}", shown(id), it.line))
            };
            Some(Problem { line: *line, text: owner.or_else(again)? })
        };
        let problems: Vec<_> = self.claims.iter().enumerate().filter_map(twin).collect();
        let bad: HashSet<u64> = problems.iter().map(|problem| problem.line).collect();
        self.claims.retain(|claim| !bad.contains(&claim.line));
        self.problems.extend(problems);
    }

    /// Leaves out rows with a problem.
    pub(super) fn without(self, lines: &HashSet<u64>) -> Self {
        let claims = self.claims.into_iter().filter(|claim| !lines.contains(&claim.line)).collect();
        Self { claims, problems: Vec::new(), ..self }
    }

    /// What is to be taken over, as things stand.
    pub(super) fn decide(&self, known: &Known) -> Decided {
        let mut decided = Decided { problems: self.problems.clone(), ..Decided::default() };
        for claim in &self.claims {
            match known.fate(claim) {
                Ok(Fate::Take(id)) => decided.take.push(Claim { id, ..claim.clone() }),
                Ok(Fate::Had) => decided.had += 1,
                Err(text) => decided.problems.push(Problem { line: claim.line, text }),
            }
        }
        decided
    }
}

/// What becomes of a row.
enum Fate {
    /// It is taken over, for the pair of this id.
    Take(String),
    Had,
}

impl Known {
    fn fate(&self, Claim { id, task, .. }: &Claim) -> Result<Fate, String> {
        let key = folded(id);
        let shown = shown(id);
        let pair = self.pairs.get(&key).ok_or_else(|| format!("no pair {shown} in this batch"))?;
        let owner = self.owners.get(task);
        if let Some(other) = owner.filter(|owner| **owner != key) {
            return Err(format!("{shown}: task {task} belongs to {other}"));
        }
        match (pair.state, &pair.task, owner) {
            (State::Planned | State::InDoubt | State::Sending, ..) => {
                Ok(Fate::Take(pair.id.clone()))
            }
            (State::Failed, ..) if pair.lost => Ok(Fate::Take(pair.id.clone())),
            (_, _, Some(_)) => Ok(Fate::Had),
            (_, Some(other), None) => Err(format!("{shown}: it has the task {other}, not {task}")),
            (state, None, None) => {
                Err(format!("{shown}: it is {}, and takes no task over", state.name()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::grid::Filled;

    fn read(text: &str) -> Result<Sheet, String> {
        Sheet::read(&Grid::read(&Filled::of(text)).map_err(|problem| problem.message)?)
    }

    fn problems(sheet: &Sheet) -> Vec<(u64, &str)> {
        sheet.problems.iter().map(|problem| (problem.line, problem.text.as_str())).collect()
    }

    fn standing(id: &str, state: State, task: Option<&str>) -> (String, Standing) {
        let task = task.map(str::to_owned);
        (folded(id), Standing { id: id.to_owned(), state, task, lost: false })
    }

    fn known(pairs: &[(&str, State, Option<&str>)]) -> Known {
        let pairs = pairs.iter().map(|(id, state, task)| standing(id, *state, *task));
        let pairs: HashMap<_, _> = pairs.collect();
        let owners = pairs.iter().filter_map(|(key, pair)| {
            Some((TaskId::parse(pair.task.as_deref()?).unwrap(), key.clone()))
        });
        Known { owners: owners.collect(), pairs }
    }

    #[test]
    fn rows_without_a_task_are_passed_over_and_counted() {
        let text = "id,state,task_id,error\na,created,t1,\nb,planned,,\n,,,\nc,in_doubt,,lost\n";
        let sheet = read(text).unwrap();
        assert_eq!((sheet.claims.len(), sheet.without, sheet.problems.len()), (1, 2, 0));
        assert_eq!(sheet.doubts, ["c"]);
        for (text, lacks) in [
            ("", "the table is empty"),
            ("pair,task\na,t1\n", "it has no column `id`; its columns are pair, task_id"),
            ("id,note\na,t1\n", "it has no column `task_id`; its columns are id, note"),
            ("id,task_id\n", "there is no row in it"),
            ("id,task_id\na,\n", "its only row has no task"),
            ("id,task_id\na,\nb,\n", "none of its 2 rows has a task"),
        ] {
            assert_eq!(read(text), Err(lacks.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_task_has_one_pair_and_a_pair_one_task() {
        let text = "id,task_id\na,t1\nb,t1\nA,t2\n,t3\nc,no/id\nd,1.75E+17\n'\u{fffd},t4\ne,'t5\n\
                    e,t5\nf,t6\nF,t7\n";
        let sheet = read(text).unwrap();
        let said = problems(&sheet);
        assert_eq!(said[0], (5, "it names no pair"));
        assert!(said[1].1.starts_with("c: task no/id: a task id is "), "{said:?}");
        assert_eq!(
            said[2..],
            [
                (7, "d: task 1.75E+17: rounded by a spreadsheet; type it as text"),
                (8, "the id '\u{fffd} cannot be read: save the file as UTF-8"),
                (2, "a: task t1 is b's, too, in line 3"),
                (3, "b: task t1 is a's, too, in line 2"),
                (4, "A has another task in line 2"),
                (11, "f has another task in line 12"),
                (12, "F has another task in line 11"),
            ]
        );
        let tasks: Vec<_> = sheet.claims.iter().map(|claim| claim.task.as_str()).collect();
        assert_eq!(tasks, ["t5"], "as it was before it was guarded, and once");
    }

    #[test]
    fn each_pair_is_taken_had_or_refused() {
        let mut known = known(&[
            ("Planned", State::Planned, None),
            ("doubt", State::InDoubt, None),
            ("same", State::Saved, Some("t3")),
            ("other", State::Created, Some("t9")),
            ("refused", State::Rejected, None),
            ("failed", State::Failed, Some("t6")),
            ("lost", State::Failed, Some("t7")),
            ("owns", State::Created, Some("t8")),
        ]);
        known.pairs.get_mut("lost").unwrap().lost = true;
        let text = "id,task_id\nplanned,t1\ndoubt,t2\nsame,t3\nother,t4\nrefused,t5\nfailed,t6\n\
                    lost,t7\nnobody,t10\n";
        let decided = read(text).unwrap().decide(&known);
        let taken: Vec<_> = decided.take.iter().map(|claim| claim.id.as_str()).collect();
        assert_eq!((taken, decided.had), (vec!["Planned", "doubt", "lost"], 2));
        let said: Vec<_> = decided.problems.iter().map(|problem| problem.text.as_str()).collect();
        assert_eq!(
            said,
            [
                "other: it has the task t9, not t4",
                "refused: it is rejected, and takes no task over",
                "no pair nobody in this batch",
            ]
        );
        let foreign = read("id,task_id\nplanned,t8\n").unwrap().decide(&known);
        assert_eq!(foreign.problems[0].text, "planned: task t8 belongs to owns");
    }
}

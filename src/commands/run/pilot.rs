//! `--pilot`: a few pairs, spread over the list, are made to the end before the rest is paid for.
//!
//! They are chosen once and written down before the first create, so that the same command given again
//! makes no others.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::limits;
use crate::cli::{RunArgs, Until};
use crate::commands::batch::{Batch, Site, this_command_without};
use crate::commands::choose::may_be_created;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::files::write_whole;
use crate::fitness::roughly;
use crate::ledger::{Rows, Store, View};
use crate::pair::folded;
use crate::plan::Speed;
use crate::price::{Credits, Money, billed};
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::{Row, printable};

/// Where the pairs of a pilot are written down, in the run folder.
const FILE: &str = "pilot.json";
const VERSION: u32 = 1;
/// How many videos are named.
const SHOWN: usize = 10;
/// What is assumed where no create was answered and no task has ended.
const ANSWER: Duration = Duration::from_secs(2);
const TASK: Duration = Duration::from_secs(60);

/// The pairs that are made first.
#[derive(Debug)]
pub(super) struct Pilot {
    /// Their folded ids.
    ids: HashSet<String>,
    /// How many planned pairs are left for later.
    rest: u64,
}

/// As it is written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    v: u32,
    ids: Vec<String>,
}

/// What the pilot came to, and what the rest comes to by that.
#[derive(Debug)]
pub(super) struct Forecast {
    made: Vec<(String, State, Option<String>)>,
    rest: u64,
    takes: Duration,
    credits: Option<Credits>,
    cost: Option<Money>,
}

impl Pilot {
    /// Chooses the pairs, or takes those that were chosen before, and has the run leave out the others.
    pub(super) fn choose(
        args: &RunArgs,
        site: &Site,
        store: &mut Store,
    ) -> Result<Option<Self>, Failure> {
        let Some(size) = args.pilot else { return Ok(None) };
        if args.until != Until::Saved {
            let text = "--pilot makes videos, and --until created none";
            return Err(Failure::new(Exit::Usage, text.to_owned()).hint("leave out one of them"));
        }
        let path = site.folder.join(FILE);
        let mut ids = read(&path)?;
        let known: HashSet<_> = ids.iter().map(|id| folded(id)).collect();
        let view = store.view()?;
        let (mut candidates, mut others) = (Vec::new(), HashSet::new());
        view.each_id(|id, state| {
            if !may_be_created(state) || view.leaves_out(id) || known.contains(&folded(id)) {
                return;
            }
            others.insert(folded(id));
            if state == State::Planned {
                candidates.push(id.to_owned());
            }
        })?;
        let more = usize::from(size).saturating_sub(ids.len());
        ids.extend(spread(&candidates, more).map(str::to_owned));
        write(&path, &ids)?;
        let ids: HashSet<_> = ids.iter().map(|id| folded(id)).collect();
        let rest = candidates.iter().filter(|id| !ids.contains(&folded(id))).count() as u64;
        others.retain(|id| !ids.contains(id));
        drop(view);
        store.leave_out(others);
        Ok(Some(Self { ids, rest }))
    }

    /// What it came to, once the run has ended.
    pub(super) fn forecast(
        &self,
        (args, batch): (&RunArgs, &Batch),
        view: &View,
    ) -> Result<Forecast, Failure> {
        let (mut made, mut of_pilot, mut planned) = (Vec::new(), Part::default(), Part::default());
        view.each_row::<Failure>(Rows::All, |row| {
            if self.ids.contains(&folded(&row.id)) {
                // What made no task says nothing of the others.
                if row.task_id.is_some() {
                    of_pilot.add(&row);
                }
                made.push((row.id, row.state, row.video_path));
            } else if row.listed && row.state == State::Planned {
                planned.add(&row);
            }
            Ok(())
        })?;
        let scale = of_pilot.times(&planned, self.rest);
        let price = batch.manifest.spending.price.and_then(|tariff| tariff.linear());
        let spent = price.zip(of_pilot.seconds()).map(|(price, seconds)| price.times(seconds));
        let (answer, task) = view.paces()?;
        let limits = limits(args, batch);
        let speed = Speed {
            concurrency: limits.concurrency,
            rate: limits.rate,
            in_flight: batch.manifest.in_flight,
            answer: answer.unwrap_or(ANSWER),
            task: task.unwrap_or(TASK),
        };
        Ok(Forecast {
            made,
            rest: self.rest,
            takes: speed.takes(self.rest, 0),
            credits: of_pilot.credits().map(|credits| Credits::of(round(credits * scale))),
            cost: spent.map(|spent| Money::of(round(amount(spent) * scale))),
        })
    }
}

/// What some pairs come to.
#[derive(Debug, Default)]
struct Part {
    pairs: u64,
    /// What those are billed for that were measured.
    seconds: u64,
    unmeasured: u64,
    /// What the service says that they cost, where it says.
    credits: f64,
    unsaid: u64,
}

impl Part {
    fn add(&mut self, row: &Row) {
        self.pairs += 1;
        self.seconds += row.audio.map_or(0, billed);
        self.unmeasured += u64::from(row.audio.is_none());
        self.credits += row.credits.map_or(0.0, Credits::number);
        self.unsaid += u64::from(row.credits.is_none());
    }

    /// Nothing if one of them was not measured.
    fn seconds(&self) -> Option<u64> {
        (self.pairs > 0 && self.unmeasured == 0).then_some(self.seconds)
    }

    /// Nothing if the service does not say of one.
    fn credits(&self) -> Option<f64> {
        (self.pairs > 0 && self.unsaid == 0).then_some(self.credits)
    }

    /// How many times as much as these pairs the rest is: by the seconds of all recordings if they
    /// were measured, else by pairs. `all` are the planned pairs, among them those that a choice leaves
    /// out.
    #[expect(clippy::cast_precision_loss, reason = "about so much")]
    fn times(&self, all: &Self, rest: u64) -> f64 {
        match (all.seconds().filter(|_| all.pairs == rest), self.seconds()) {
            (Some(rest), Some(these)) if these > 0 => rest as f64 / these as f64,
            _ => rest as f64 / self.pairs.max(1) as f64,
        }
    }
}

/// To the hundredth.
fn round(number: f64) -> f64 {
    (number * 100.0).ceil() / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "about so much")]
fn amount(money: Money) -> f64 {
    money.millionths() as f64 / 1e6
}

impl Forecast {
    /// Says where to look and what the rest comes to, and asks; gives whether to go on with the rest.
    pub(super) fn ask(&self, ui: &Ui, batch: &Batch) -> bool {
        self.lines(batch).iter().for_each(|line| ui.note(line));
        if self.rest == 0 || !self.is_finished() {
            return false;
        }
        let question = format!("Go on with the other {}? [y/N] ", counted(self.rest, "pair"));
        if ui.ask(&question) == Some(true) {
            return true;
        }
        ui.hint(&format!("to go on with the rest: {}", this_command_without("--pilot")));
        false
    }

    /// Whether nothing more comes of its pairs.
    fn is_finished(&self) -> bool {
        let open = [State::Planned, State::Sending, State::Created, State::Completed];
        self.made.iter().all(|(_, state, _)| !open.contains(state))
    }

    fn lines(&self, batch: &Batch) -> Vec<String> {
        let saved = self.made.iter().filter(|(_, state, _)| *state == State::Saved);
        let paths = saved.filter_map(|(_, _, path)| path.as_deref());
        let paths: Vec<_> = paths.map(|path| batch.site.folder.join(path)).collect();
        let pairs = counted(self.made.len() as u64, "pair");
        let mut lines = vec![format!("pilot of {pairs}, {} saved; look at:", paths.len())];
        let shown = paths.iter().take(SHOWN).map(|path| path.display().to_string());
        lines.extend(shown.map(|path| format!("  {}", printable(&path))));
        if paths.len() > SHOWN {
            lines.push(format!("  and {} more beside them", paths.len() - SHOWN));
        }
        if self.rest > 0 {
            let mut rest = format!(
                "the rest, {}, takes about {}",
                counted(self.rest, "pair"),
                roughly(self.takes)
            );
            rest.extend(self.credits.map(|credits| format!(", about {credits} credits")));
            let currency = &batch.manifest.currency;
            rest.extend(self.cost.map(|cost| format!(", about {cost}{currency} by your price")));
            lines.push(rest + ", if it is like the pilot");
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        let pairs = self.made.iter().map(|(id, state, _)| json!({"id": id, "state": state}));
        json!({
            "pairs": pairs.collect::<Vec<_>>(),
            "rest": self.rest,
            "takes_seconds": self.takes.as_secs_f64(),
            "credits": self.credits,
            "cost": self.cost,
        })
    }
}

/// So many of some things, spread evenly.
fn spread(all: &[String], many: usize) -> impl Iterator<Item = &str> {
    let many = many.min(all.len());
    (0..many).map(move |n| all[(2 * n + 1) * all.len() / (2 * many)].as_str())
}

/// Those that were chosen before.
fn read(path: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let text = format!("{}: the pilot's pairs cannot be read: {error}", path.display());
        Failure::new(Exit::Fault, text)
            .hint("without that file others would be chosen, and paid for")
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    match record.v {
        VERSION => Ok(record.ids),
        other => Err(failed(&format!("it is of version {other}"))),
    }
}

fn write(path: &Path, ids: &[String]) -> Result<(), Failure> {
    let record = Record { v: VERSION, ids: ids.to_vec() };
    // Durable before anything is paid for: who forgets it makes others.
    let written =
        write_whole(path, |to| serde_json::to_writer(to, &record).map_err(io::Error::from));
    written.map_err(|error| {
        let text = format!("{}: the pilot's pairs cannot be kept: {error}", path.display());
        Failure::new(Exit::Fault, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_spread_over_the_list() {
        let all: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        let spread = |many| spread(&all, many).collect::<Vec<_>>();
        assert_eq!(spread(1), ["5"]);
        assert_eq!(spread(2), ["2", "7"]);
        assert_eq!(spread(3), ["1", "5", "8"]);
        assert_eq!((spread(10).len(), spread(99).len(), spread(0).len()), (10, 10, 0));
        assert_eq!(spread(10), all);
    }

    #[test]
    fn the_rest_is_reckoned_by_seconds_where_all_are_known_and_else_by_pairs() {
        let part = |pairs, unmeasured| Part {
            pairs,
            seconds: 10 * pairs - 5,
            unmeasured,
            ..Part::default()
        };
        let times = |all: &Part| part(2, 0).times(all, 8);
        assert!((times(&part(8, 0)) - 5.0).abs() < 1e-9);
        assert!((times(&part(8, 1)) - 4.0).abs() < 1e-9);
        assert!((times(&part(9, 0)) - 4.0).abs() < 1e-9, "a choice leaves out one of them");
        assert_eq!((Part::default().seconds(), Part::default().credits()), (None, None));
    }

    #[test]
    fn what_is_written_down_is_read_again_and_what_is_damaged_is_no_new_choice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(read(&path).unwrap().is_empty());
        write(&path, &["a".to_owned(), "b".to_owned()]).unwrap();
        assert_eq!(read(&path).unwrap(), ["a", "b"]);
        fs::write(&path, "{").unwrap();
        assert!(read(&path).is_err());
    }
}

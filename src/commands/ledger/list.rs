//! `ledger list`: which batches are in a database.

use serde_json::{Value, json};

use super::table::{Align, table};
use crate::commands::failure::Failure;
use crate::commands::sharing::Shared;
use crate::exit::Exit;
use crate::ledger::postgres::{Hand, Hands, Place, Surveyed, survey};
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::{lasting, printable};

/// What stands at the head of the table.
const HEAD: [(&str, Align); 7] = [
    ("BATCH", Align::Left),
    ("PAIRS", Align::Right),
    ("DONE", Align::Right),
    ("DOUBT", Align::Right),
    ("LEFT", Align::Right),
    ("SPENT", Align::Right),
    ("STANDS", Align::Left),
];
/// How wide a name is shown.
const NAME: usize = 20;
/// So many workers of a batch are named; JSON has them all.
const SHOWN: usize = 8;

pub(super) fn list(ui: &Ui, url: &str) -> Result<Exit, Failure> {
    let settings = Shared::named(url.to_owned(), String::new()).settings()?;
    let batches = survey(&settings, (None, Hands::AtWork)).map_err(|error| {
        Failure::new(Exit::Fault, error.to_string()).hint("nothing was changed; it only reads")
    })?;
    let value = json!({
        "ledger": settings.to_string(),
        "batches": batches.iter().map(document).collect::<Vec<_>>(),
    });
    ui.result(&shown(&batches, &settings.to_string()), &value);
    Ok(Exit::Done)
}

fn shown(batches: &[Surveyed], database: &str) -> String {
    if batches.is_empty() {
        return format!("{database}: no batches yet");
    }
    let rows: Vec<_> = batches.iter().map(row).collect();
    let mut lines = table(&HEAD, &rows);
    for batch in batches {
        lines.extend(notes(batch));
    }
    lines.join("\n")
}

fn row(batch: &Surveyed) -> [String; HEAD.len()] {
    let name = printable(&batch.name);
    let name = match name.chars().count() > NAME {
        true => name.chars().take(NAME - 1).chain(['…']).collect(),
        false => name.into_owned(),
    };
    let count = |states: &[State]| -> u64 { states.iter().map(|state| batch.count(*state)).sum() };
    let done = count(&[State::Saved, State::Failed, State::Rejected, State::Abandoned]);
    let doubts = count(&[State::InDoubt]);
    let left = batch.pairs() - done - doubts;
    [
        name,
        batch.pairs().to_string(),
        done.to_string(),
        doubts.to_string(),
        left.to_string(),
        spent(batch),
        stands(batch, left),
    ]
}

/// `12.40 of 50.00`, or in seconds.
fn spent(batch: &Surveyed) -> String {
    let spent = batch.amount(batch.reserved).to_string();
    match batch.budget {
        Some(budget) => format!("{spent} of {}", batch.amount(budget)),
        None => spent,
    }
}

/// In a word or two; what there is more to say stands below the table.
fn stands(batch: &Surveyed, left: u64) -> String {
    let lives = batch.workers.iter().filter(|hand| hand.lives).count();
    match (batch.place, lives) {
        (Place::Gone, _) => "moved away".to_owned(),
        (Place::Arriving, _) => "arriving".to_owned(),
        (Place::Here, _) if batch.stopped.is_some() => "stopped".to_owned(),
        (Place::Here, 0) if left == 0 => "done".to_owned(),
        (Place::Here, 0) => "idle".to_owned(),
        (Place::Here, lives) => counted(lives as u64, "worker"),
    }
}

/// What the table has no room for.
fn notes(batch: &Surveyed) -> Vec<String> {
    let mut lines: Vec<_> = batch.stopped.iter().map(|why| printable(why).into_owned()).collect();
    let shown = batch.workers.iter().take(SHOWN);
    lines.extend(shown.map(worker));
    if batch.workers.len() > SHOWN {
        lines.push(format!(
            "… and {} more",
            counted((batch.workers.len() - SHOWN) as u64, "worker")
        ));
    }
    if lines.is_empty() {
        return lines;
    }
    let head = [String::new(), format!("{}:", printable(&batch.name))];
    head.into_iter().chain(lines.into_iter().map(|line| format!("  {line}"))).collect()
}

/// `process 71 on pod-3: heard of 4 s ago`
fn worker(hand: &Hand) -> String {
    let (who, ago) = (printable(&hand.who), lasting(hand.silent.as_secs()));
    match hand.lives {
        true => format!("{who}: heard of {ago} ago"),
        false => format!("{who}: silent for {ago}, and never signed off"),
    }
}

fn document(batch: &Surveyed) -> Value {
    let states: serde_json::Map<_, _> = State::ALL
        .map(|state| (state.name().to_owned(), batch.count(state).into()))
        .into_iter()
        .collect();
    json!({
        "batch": batch.name,
        "endpoint": batch.endpoint,
        "here": batch.place == Place::Here,
        "elsewhere": batch.elsewhere.as_ref().filter(|_| batch.place != Place::Here),
        "stopped": batch.stopped,
        "pairs": batch.pairs(),
        "states": states,
        "no_longer_listed": batch.unlisted,
        "spent": batch.amount(batch.reserved),
        "budget": batch.budget.map(|budget| batch.amount(budget)),
        "workers": batch.workers.iter().map(Hand::json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    fn batch(name: &str) -> Surveyed {
        Surveyed {
            name: name.to_owned(),
            endpoint: "https://api.foxapi.cc".to_owned(),
            place: Place::Here,
            elsewhere: None,
            stopped: None,
            reserved: 12_400_000,
            budget: Some(50_000_000),
            unit: "money".to_owned(),
            counts: vec![(State::Planned, 1790), (State::InDoubt, 3), (State::Saved, 18_204)],
            unlisted: 0,
            workers: Vec::new(),
        }
    }

    fn hand(who: &str, silent: u64, lives: bool) -> Hand {
        let (began, ended) = (Timestamp::UNIX_EPOCH, None);
        Hand {
            worker: 7,
            who: who.to_owned(),
            began,
            silent: Duration::from_secs(silent),
            lives,
            ended,
        }
    }

    #[test]
    fn batches_are_a_table_of_eighty_columns_and_what_has_no_room_in_it_stands_below() {
        let mut spring = batch("spring-2027");
        spring.workers = vec![
            hand("process 71 on pod-3", 4, true),
            hand("process 9 on pod-\u{1b}[2J4", 7300, false),
        ];
        let mut gone = batch("a name that is longer than anybody would want");
        (gone.place, gone.stopped) =
            (Place::Gone, Some("it went to /x/a.run on studio-3".to_owned()));
        let mut done = batch("done");
        done.counts = vec![(State::Saved, 1_000_000)];
        (done.budget, done.unit, done.reserved) = (None, "seconds".to_owned(), 8_000_000);
        let text = shown(&[spring, gone, done], "postgres://db/callsheet");
        insta::assert_snapshot!(text);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(shown(&[], "postgres://db/x"), "postgres://db/x: no batches yet");
    }
}

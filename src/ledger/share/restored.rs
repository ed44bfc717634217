//! A database that went back in time: what this run folder knows is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Row, params};
use serde_json::Value;

use super::{lost_to, who};
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{Here, Kept, SharedError, TakeUp, hand_in};
use crate::ledger::purse::charge_at;
use crate::ledger::share::rows::RECORD;
use crate::ledger::store::Store;
use crate::ledger::{LedgerError, View};
use crate::price::{Amount, Charge, Money, Rules};
use crate::state::{Event, State};

/// How many pairs are handed in at a time.
const PAGE: usize = 1000;
/// What a pair that was sent unmeasured is taken for.
const LONGEST: Duration = Duration::from_secs(60);

/// What a database that went back was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandedIn {
    /// The pairs that were sent or adopted since, of which the database knew nothing, with the tasks that
    /// they were given. Those without are in doubt.
    pub sent: BTreeMap<String, Option<String>>,
    /// How many others had come farther than it knew.
    pub farther: usize,
}

impl Store {
    /// Hands in to a database that went back what this folder knows, in one commit. Nobody may be sharing
    /// the ledger here.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached, or the batch there is another one.
    pub fn hand_in_all(
        &mut self,
        (settings, name): (&Settings, &str),
    ) -> Result<HandedIn, LedgerError> {
        let view = self.view()?;
        let Some(mark) = view.shared_as()?.and_then(|shared| shared.mark) else {
            return Ok(HandedIn::default());
        };
        let mut folder = |after: i64, unit: &str| {
            view.kept(after, unit).map_err(|error| SharedError::Local(error.to_string()))
        };
        let (worker, who) = (fastrand::i64(1..), who(&self.path));
        let handed = hand_in(settings, (name, mark), (worker, &who), &mut folder);
        let handed = handed.map_err(|error| lost_to(&error))?;
        let mut told = HandedIn::default();
        for one in handed.iter().filter(|one| one.way != TakeUp::Keep) {
            match one.is_news {
                true => drop(told.sent.insert(one.id.clone(), one.task.clone())),
                false => told.farther += 1,
            }
        }
        self.write(|write| {
            let mut overruled = handed.iter().filter(|one| one.is_overruled);
            overruled.try_for_each(|one| write.forget(one.pair))?;
            write.take_worker((worker, mark)).map(drop)
        })?;
        Ok(told)
    }
}

impl View {
    /// What is known of some pairs after this one that were ever sent, or found.
    fn kept(&self, after: i64, unit: &str) -> Result<Vec<Kept>, LedgerError> {
        let sql = format!(
            "SELECT s.pair, h.n, p.id, p.body, p.take, s.state, s.attempt, s.task_id,
                EXISTS (SELECT 1 FROM attempts a WHERE a.pair = s.pair AND a.attempt = s.attempt
                    AND a.event IN (?2, ?3)), {RECORD}, s.seconds, s.price
            FROM standings s JOIN pairs p USING (pair) LEFT JOIN shares h USING (pair)
            WHERE s.pair > ?1 AND (s.attempt > 0 OR s.task_id IS NOT NULL)
            ORDER BY s.pair LIMIT {PAGE}"
        );
        let made_nothing = [Event::NotMade.name(), Event::Refused.name()];
        let rules = Rules { budget: Some(of_unit(unit)), most: LONGEST, ..Rules::default() };
        let known = params![after, made_nothing[0], made_nothing[1]];
        self.ask(&sql, known, |row| kept(row, &rules))
    }
}

fn of_unit(unit: &str) -> Amount {
    match unit {
        "money" => Amount::Money(Money::from_millionths(0)),
        _ => Amount::Seconds(0),
    }
}

fn kept(row: &Row<'_>, rules: &Rules) -> rusqlite::Result<Kept> {
    let (state, attempt, record): (_, i32, String) = (state_at(row, 5)?, row.get(6)?, row.get(9)?);
    let task: Option<String> = row.get(7)?;
    let whole: Value = serde_json::from_str(&record).unwrap_or_default();
    let here = Here { state, attempt, task: task.clone(), made_nothing: row.get(8)? };
    let former = whole["former"].as_array().into_iter().flatten();
    let former = former.filter_map(|one| {
        Some((one["task_id"].as_str()?.to_owned(), i32::try_from(one["attempt"].as_i64()?).ok()?))
    });
    let mut costs = costs(&whole, rules);
    if state == State::Sending || !costs.iter().any(|(of, _)| *of == attempt) && !here.made_nothing
    {
        costs.push((attempt, cost(rules, charge_at(row, 10)?)));
    }
    Ok(Kept {
        pair: row.get(0)?,
        n: row.get(1)?,
        id: row.get(2)?,
        body: row.get(3)?,
        take: row.get(4)?,
        here,
        tasks: task.into_iter().map(|task| (task, attempt)).chain(former).collect(),
        costs,
        record,
    })
}

/// What the creates that are written down made, or may have made, and cost.
fn costs(record: &Value, rules: &Rules) -> Vec<(i32, i64)> {
    let attempts = record["attempts"].as_array().into_iter().flatten();
    let costs = attempts.filter_map(|one| {
        let event = one["event"].as_str()?;
        let price = one["price"].as_u64().map(Money::from_millionths);
        let charge = Charge { seconds: one["seconds"].as_u64(), price };
        let paid = [Event::Accepted.name(), Event::Lost.name()].contains(&event);
        let attempt = i32::try_from(one["attempt"].as_i64()?).ok()?;
        paid.then(|| (attempt, cost(rules, charge)))
    });
    costs.collect()
}

fn cost(rules: &Rules, charge: Charge) -> i64 {
    i64::try_from(rules.spent(charge)).unwrap_or(i64::MAX)
}

//! `redo`: another take of pairs, on purpose. It decides and writes that down, with who, when and why;
//! `run` sends them.

mod choice;

use std::collections::BTreeMap;

use serde_json::json;

use self::choice::{Choice, Wish};
use super::batch::{Batch, Site, shell_word};
use super::choose::Chosen;
use super::failure::Failure;
use super::status::Standing;
use super::{belongs, locals, patient};
use crate::catalog::Catalog;
use crate::cli::RedoArgs;
use crate::exit::Exit;
use crate::ledger::{Mark, Redo, Rows, View};
use crate::plan::Sum;
use crate::report;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// With so few, the hint names them.
const NAMED: usize = 5;

pub(super) fn redo(ui: &Ui, args: &RedoArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    site.check_disk()?;
    let asked = asked(args)?;
    let view = site.existing()?;
    let marks = marks(args, &site, &view)?;
    let chosen = match args.reviewed {
        true => Chosen::of("--reviewed", &marks.keys().cloned().collect::<Vec<_>>())?,
        false => Chosen::of("ID", &args.ids)?,
    };
    let mut batch = Batch::open(ui, &args.batch)?;
    belongs::check_manifest(ui, &batch.site, &view)?;
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    let choice = choose((&batch, &catalog), &view, &chosen)?;
    choice.tell(ui);
    let sum = choice.sum();
    must_be_affordable(&batch, &view, &choice)?;
    confirm(ui, args, &batch, &sum)?;
    let owner = view.endpoint()?;
    drop(view);
    let mut store = patient::open(ui, &site, &owner, args.patience.wait)?;
    let takes = store.redo(&each(&choice.ids(), &asked, &marks))?;
    site.shared.iter().try_for_each(|shared| shared.tell_redone(&mut store))?;
    store.close()?;
    conclude(ui, &batch, (&choice.ids(), &takes), &asked, &sum)
}

fn asked(args: &RedoArgs) -> Result<Redo, Failure> {
    if args.prompt.as_ref().is_some_and(|prompt| prompt.trim().is_empty()) {
        return Err(Failure::new(Exit::Usage, "--prompt is empty")
            .hint("leave it out to send what the manifest says"));
    }
    let named =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    // Where there is no name, the machine and the time tell enough.
    Ok(Redo { who: named.unwrap_or_default(), why: args.why.clone(), prompt: args.prompt.clone() })
}

/// What people marked to be made again, by its id; nothing where pairs are named instead.
fn marks(args: &RedoArgs, site: &Site, view: &View) -> Result<BTreeMap<String, Mark>, Failure> {
    if !args.reviewed {
        return Ok(BTreeMap::new());
    }
    let marks: BTreeMap<_, _> =
        view.marked_again()?.into_iter().map(|mark| (mark.id.clone(), mark)).collect();
    if marks.is_empty() {
        let text = "nothing is marked to be made again";
        let hint = format!("mark videos with r in the page of {}", site.command("review"));
        return Err(Failure::new(Exit::Usage, text).hint(hint));
    }
    Ok(marks)
}

/// What is asked of each pair.
fn each(ids: &[String], asked: &Redo, marks: &BTreeMap<String, Mark>) -> Vec<(String, Redo)> {
    let redo = |id: &String| match marks.get(id) {
        Some(mark) => Redo {
            prompt: mark.prompt.clone(),
            why: asked.why.clone().or_else(|| mark.why.clone()),
            ..asked.clone()
        },
        None => asked.clone(),
    };
    ids.iter().map(|id| (id.clone(), redo(id))).collect()
}

/// The pairs that are named, with where they stand and what they cost.
fn choose(
    (batch, catalog): (&Batch, &Catalog),
    view: &View,
    chosen: &Chosen,
) -> Result<Choice, Failure> {
    let left_out = chosen.left_out(&batch.manifest.pairs)?;
    let named = batch.manifest.pairs.iter().filter(|pair| !left_out.contains(&pair.id.folded()));
    let rules = batch.manifest.rules();
    let mut choice = Choice::default();
    for pair in named {
        let known = view.known(pair.id.as_str())?;
        let audio = locals::billable(batch, catalog, pair)
            .or_else(|| known.as_ref().and_then(|known| known.audio));
        let price = batch.manifest.price_of(pair);
        choice.add(
            Wish {
                id: pair.id.to_string(),
                state: known.as_ref().map(|known| known.state),
                audio,
                price,
                charge: rules.charge_at(audio, price),
            },
            chosen.choice.names(pair.id.as_str()),
        );
    }
    choice.settled()
}

/// What the budget does not allow is not even asked for.
fn must_be_affordable(batch: &Batch, view: &View, choice: &Choice) -> Result<(), Failure> {
    let rules = batch.manifest.rules();
    if !rules.limit() || batch.site.rehearsal {
        return Ok(());
    }
    let mut spent = if rules.budget.is_some() { view.spent(&rules)? } else { 0 };
    for wish in choice.taken() {
        rules.allow(spent, wish.charge).map_err(|refusal| {
            Failure::new(Exit::Budget, format!("{}: {refusal}; nothing was changed", wish.id))
                .hint("raise the limit in the manifest, or name fewer pairs")
        })?;
        spent = spent.saturating_add(rules.spent(wish.charge));
    }
    Ok(())
}

fn confirm(ui: &Ui, args: &RedoArgs, batch: &Batch, sum: &Sum) -> Result<(), Failure> {
    let what = choice::at_what_cost(sum, &batch.manifest.currency);
    // The fake costs nothing.
    if args.yes || batch.site.rehearsal {
        ui.note(&what);
        return Ok(());
    }
    match ui.ask(&format!("{what}. Go on? [y/N] ")) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(Exit::Usage, "nothing was changed")),
        None => Err(Failure::new(Exit::Usage, format!("{what}: nothing was changed"))
            .hint("give --yes if that is meant")),
    }
}

fn conclude(
    ui: &Ui,
    batch: &Batch,
    (ids, takes): (&[String], &[u32]),
    asked: &Redo,
    sum: &Sum,
) -> Result<Exit, Failure> {
    let site = &batch.site;
    let view = site.existing()?;
    report::write(&site.folder, &view, Rows::All)?;
    let standing = Standing::read(&view)?;
    let mut value = standing.json(site);
    let redone = ids.iter().zip(takes).map(|(id, take)| json!({"id": id, "take": take}));
    value["redone"] = redone.collect();
    value["cost"] = json!(sum.cost);
    let what = match (ids, takes) {
        ([id], [take]) => format!("take {take} of {id}"),
        _ => format!("another take of {}", counted(ids.len() as u64, "pair")),
    };
    let prompt = match &asked.prompt {
        Some(prompt) => format!(" with the prompt \"{}\"", printable(prompt)),
        None => String::new(),
    };
    ui.result(&format!("{what} to be created{prompt}; now {}", standing.line()), &value);
    ui.hint(&format!("nothing is sent before the next run: {}", run(site, ids)));
    Ok(Exit::Done)
}

/// The command that sends them, and where they are few, nothing else.
fn run(site: &Site, ids: &[String]) -> String {
    let run = site.command("run");
    if ids.len() > NAMED {
        return run;
    }
    format!("{run} --only {}", shell_word(std::path::Path::new(&ids.join(","))))
}

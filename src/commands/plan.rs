//! `plan`: what a run would do now, what that costs, and how long it takes.

mod document;
mod lean;
mod reckoning;
mod text;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::document::{Document, PairList};
use self::reckoning::Reckoning;
use super::balance::Balance;
use super::batch::{Batch, Pairs, shell_word};
use super::belongs;
use super::choose::Chosen;
use super::failure::Failure;
use super::keys::Resends;
use super::listed::Listed;
use super::nearby::{self, Nearby, Wanted};
use super::saved::{self, Basis};
use super::status::Standing;
use super::{links, locals, takes, told};
use crate::catalog::Catalog;
use crate::cli::PlanArgs;
use crate::exit::Exit;
use crate::fitness::Weight;
use crate::ledger::{Renamed, Rows, View};
use crate::manifest::DEFAULT_ENDPOINT;
use crate::manifest::Manifest;
use crate::pair::{ApiKey, Pair, Role, Source, folded};
use crate::plan::{Plan, Speed, Step, step};
use crate::preflight::{Medium, distinct};
use crate::price::Amount;
use crate::ui::Ui;

/// What is assumed of the server until creates were answered and tasks have ended.
const ANSWER: Duration = Duration::from_secs(2);
const TASK: Duration = Duration::from_secs(60);

/// What lies before a batch.
#[derive(Debug)]
pub(super) struct Outlook {
    pub(super) plan: Plan,
    /// Of each pair in manifest order, with the length of its recording where that is known.
    steps: Vec<(Step, Option<Duration>)>,
    /// Of each pair in manifest order, whether it is still to be sent, fit or not.
    unsent: Vec<bool>,
    /// How long it takes.
    pub(super) takes: Duration,
    /// Whether that follows from what the server did, and is not assumed.
    observed: bool,
    /// Spent, and what may be spent.
    budget: Option<(Amount, Amount)>,
    /// How many of the pairs to create may be paid for, if anything limits that.
    pub(super) affordable: Option<u64>,
    /// How many pairs have another id than before.
    renamed: usize,
    /// What was paid for elsewhere of what is to be created.
    nearby: Nearby,
}

pub(super) fn plan(ui: &Ui, args: &PlanArgs) -> Result<Exit, Failure> {
    let chosen = Chosen::read(&args.choose)?;
    let looked = match lean::look(ui, args, &chosen)? {
        Some(looked) => looked,
        None => held(ui, args, &chosen)?,
    };
    tell(ui, args, &looked)
}

/// The same for a program that this is a part of.
pub(super) fn foresee(ui: &Ui, args: &PlanArgs) -> Result<Outlook, Failure> {
    Ok(held(ui, args, &Chosen::read(&args.choose)?)?.seen.outlook)
}

/// A batch, and what a run would do with it.
struct Looked {
    batch: Batch,
    view: Option<View>,
    seen: Seen,
}

/// What a run would do and where the batch stands, with all that depends on.
struct Seen {
    outlook: Outlook,
    standing: Option<Standing>,
    /// Where the plan is to be saved.
    basis: Option<Basis>,
    pairs: PairList,
    resends: Resends,
}

fn tell(ui: &Ui, args: &PlanArgs, looked: &Looked) -> Result<Exit, Failure> {
    let Looked { batch, view, seen } = looked;
    let Seen { outlook, standing, basis, pairs, resends } = seen;
    let told = match batch.pairs {
        Pairs::Held => view.as_ref().map(|view| told::describe(view, batch)).transpose()?.flatten(),
        Pairs::Listed(_) | Pairs::ToList(_) => None,
    };
    let doubts = standing.as_ref().and_then(|standing| standing.describe_doubts(&batch.site));
    let mut text = outlook.describe(ui, batch);
    let balance = balance(batch, args, looked)?;
    text.extend(balance.map(|balance| format!("\n{}", balance.line())));
    text.extend(doubts.map(|text| format!("\n{text}")));
    text.extend(told.map(|text| format!("\n{text}")));
    let takes = standing.as_ref().and_then(|standing| takes::describe(&standing.takes));
    text.extend(takes.map(|text| format!("\n{text}")));
    let mut totals = outlook.totals(batch);
    totals.extend(resends.json().map(|resends| ("idempotency".to_owned(), resends)));
    let may_need_one = resends.may_need_one() && resends.is_empty();
    if may_need_one && outlook.plan.of(Step::Create).pairs > 0 {
        text.push_str(
            "\nif an answer is lost, one accepted create is sent again to see whether the service \
             honours keys",
        );
    }
    if let Some((path, basis)) = args.save.as_ref().zip(basis.as_ref()) {
        saved::save(path, &Document { totals: &totals, pairs }, basis)?;
        let run = batch.site.command("run");
        text.push_str(&format!("\nsaved: {run} --plan {}", shell_word(path)));
    }
    // It is no part of what was saved.
    let balance = balance.map_or(Value::Null, |balance| balance.json());
    totals.insert("balance".to_owned(), balance);
    let document = Document { totals: &totals, pairs };
    ui.long_result(&text, |to| Ok(serde_json::to_writer_pretty(to, &document)?));
    Ok(Exit::Done)
}

/// With all pairs in memory, to be compared with everything else.
fn held(ui: &Ui, args: &PlanArgs, chosen: &Chosen) -> Result<Looked, Failure> {
    let mut batch = Batch::open(ui, &args.batch)?;
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    let view = batch.site.view()?;
    view.iter().try_for_each(|view| belongs::check_manifest(ui, &batch.site, view))?;
    chosen.check(&batch)?;
    let look = |view: Option<&View>| look((ui, args, chosen), &batch, view, &catalog);
    let mut seen = look(view.as_ref());
    if view.as_ref().is_some_and(View::is_outdated) {
        seen = look(batch.site.view()?.as_ref());
    }
    let seen = seen?;
    links::refuse(&batch, &catalog, || Ok(seen.outlook.unsent(&batch)))?;
    Ok(Looked { batch, view, seen })
}

fn look(
    (ui, args, chosen): (&Ui, &PlanArgs, &Chosen),
    batch: &Batch,
    view: Option<&View>,
    catalog: &Catalog,
) -> Result<Seen, Failure> {
    let mut outlook = outlook_of(batch, view, catalog, chosen)?;
    // As a run does: what is beyond a limit is looked up, too.
    let left_out = chosen.left_out(&batch.manifest.pairs)?;
    let leaves_out = |id: &str| left_out.contains(&folded(id));
    let shared = batch.site.shared.as_ref();
    let wanted = Wanted { view, again: &HashSet::new(), leaves_out: &leaves_out, shared };
    outlook.nearby = nearby::look(batch, wanted, catalog)?;
    let saves = args.save.is_some();
    let basis = saves.then(|| Basis::of(batch, view, catalog)).transpose()?;
    let basis = basis.map(|basis| basis.choosing(chosen));
    let pairs = match ui.is_json() || saves {
        true => PairList::Held(outlook.pairs(batch).collect()),
        false => PairList::Unasked,
    };
    Seen::new(batch, view, (outlook, basis, pairs))
}

impl Seen {
    /// With where the batch stands, and what keys are good for.
    fn new(
        batch: &Batch,
        view: Option<&View>,
        (outlook, basis, pairs): (Outlook, Option<Basis>, PairList),
    ) -> Result<Self, Failure> {
        let keys = batch.manifest.idempotency.as_ref();
        let resends = match view {
            Some(view) => Resends::read(view, keys)?,
            None => Resends::of_nothing(keys),
        };
        let mut standing = view.map(Standing::read).transpose()?;
        standing.iter_mut().for_each(|standing| standing.resends = resends.clone());
        Ok(Self { outlook, standing, basis, pairs, resends })
    }
}

/// What the account has left, where its service tells.
fn balance(batch: &Batch, args: &PlanArgs, looked: &Looked) -> Result<Option<Balance>, Failure> {
    let Looked { view, seen, .. } = looked;
    let bills = seen.standing.as_ref().map(|standing| standing.bills).unwrap_or_default();
    let accounts = view.as_ref().map(View::accounts).transpose()?.flatten();
    let named = args.batch.endpoint.is_some() || batch.endpoint.origin() == DEFAULT_ENDPOINT;
    let is_trusted = |key: &ApiKey| named || accounts.as_ref().is_some_and(|known| known.know(key));
    Balance::ask(batch, (&args.key, &is_trusted), (seen.outlook.plan.of(Step::Create), &bills))
}

/// What a run of all pairs would do. Recordings are as long as they were when they were last looked at.
pub(super) fn outlook(
    batch: &Batch,
    view: Option<&View>,
    catalog: &Catalog,
) -> Result<Outlook, Failure> {
    outlook_of(batch, view, catalog, &Chosen::default())
}

fn outlook_of(
    batch: &Batch,
    view: Option<&View>,
    catalog: &Catalog,
    chosen: &Chosen,
) -> Result<Outlook, Failure> {
    let price = batch.manifest.spending.price;
    let unfit = UnfitFiles::of(batch, catalog);
    let mut reckoning = Reckoning::new(batch, view, chosen)?;
    let mut choosing = chosen.choice.begin();
    let mut steps = Vec::with_capacity(batch.manifest.pairs.len());
    let mut unsent = Vec::with_capacity(batch.manifest.pairs.len());
    let listed = Listed::read(view, &batch.manifest.pairs)?;
    for (pair, known) in batch.manifest.pairs.iter().zip(listed.known) {
        let audio = locals::billable(batch, catalog, pair)
            .or_else(|| known.as_ref().and_then(|known| known.audio));
        let wanted = choosing.takes(pair.id.as_str(), &pair.tags);
        let sent = step(pair, known.as_ref()) == Step::Create;
        let step = if sent {
            let sent = if wanted && unfit.contains(pair) { Step::Rejected } else { Step::Create };
            let step = reckoning.chosen(sent, wanted);
            reckoning.add(step, audio, batch.manifest.price_of(pair));
            step
        } else {
            reckoning.plan.add(pair, known.as_ref(), audio, price)
        };
        steps.push((step, audio));
        unsent.push(sent && wanted);
    }
    if let Some(view) = view {
        reckoning.plan.no_longer_listed = no_longer_listed(view, batch, &listed.renamed)?;
    }
    let outlook = reckoning.conclude(batch, view)?;
    Ok(Outlook { steps, unsent, renamed: listed.renamed.len(), ..outlook })
}

/// How fast a batch goes, as far as that was observed.
fn speed(manifest: &Manifest, answer: Option<Duration>, task: Option<Duration>) -> Speed {
    Speed {
        concurrency: manifest.concurrency.get(),
        rate: manifest.rate,
        in_flight: manifest.in_flight,
        answer: answer.unwrap_or(ANSWER),
        task: task.unwrap_or(TASK),
    }
}

/// How long a batch of which nothing was sent takes.
pub(super) fn takes(manifest: &Manifest, pairs: u64) -> Duration {
    speed(manifest, None, None).takes(pairs, 0)
}

/// The files that a run would find not to be fit.
struct UnfitFiles(HashSet<(Source, Role)>);

impl UnfitFiles {
    fn of(batch: &Batch, catalog: &Catalog) -> Self {
        let mut unfit = HashSet::new();
        if !batch.has_local_files() {
            return Self(unfit);
        }
        for Medium { source, role, .. } in distinct(&batch.manifest.pairs) {
            let Source::File(file) = &source else { continue };
            let remarks = locals::remarks(batch, catalog, (file, role));
            if remarks.iter().any(|remark| remark.weight == Weight::Error) {
                unfit.insert((source, role));
            }
        }
        Self(unfit)
    }

    fn contains(&self, pair: &Pair) -> bool {
        // Most batches have none, and no pair of them is worth a copy.
        let is_unfit = |role| self.0.contains(&(pair.request.source(role).clone(), role));
        !self.0.is_empty() && Role::BOTH.into_iter().any(is_unfit)
    }
}

fn no_longer_listed(view: &View, batch: &Batch, renamed: &[Renamed]) -> Result<u64, Failure> {
    let mut listed: HashSet<_> = batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect();
    listed.extend(renamed.iter().map(|one| folded(&one.from)));
    let mut count = 0;
    view.each_row::<Failure>(Rows::All, |row| {
        count += u64::from(row.attempts > 0 && !listed.contains(&folded(&row.id)));
        Ok(())
    })?;
    Ok(count)
}

impl Outlook {
    fn unsent_pairs<'b>(&self, batch: &'b Batch) -> impl Iterator<Item = &'b Pair> {
        let pairs = batch.manifest.pairs.iter().zip(&self.unsent);
        pairs.filter(|(_, unsent)| **unsent).map(|(pair, _)| pair)
    }

    /// The folded ids of pairs that are still to be sent.
    fn unsent(&self, batch: &Batch) -> HashSet<String> {
        self.unsent_pairs(batch).map(|pair| pair.id.folded()).collect()
    }

    /// Whether the pair at a place is still to be sent.
    pub(super) fn is_unsent(&self, place: usize) -> bool {
        self.unsent.get(place).is_some_and(|unsent| *unsent)
    }

    /// For programs: what would be done with each pair that is held.
    fn pairs(&self, batch: &Batch) -> impl Iterator<Item = Value> {
        let pairs = batch.manifest.pairs.iter().zip(&self.steps);
        pairs.map(|(pair, (step, audio))| document::pair(batch, pair, *step, *audio))
    }

    /// The same in total.
    fn totals(&self, batch: &Batch) -> Map<String, Value> {
        let tariff = batch.manifest.spending.price;
        let totals = json!({
            "manifest": batch.site.manifest.display().to_string(),
            "endpoint": batch.owner(),
            "run_folder": batch.site.folder.display().to_string(),
            "price_per_second": tariff.and_then(|tariff| tariff.linear()),
            "price": tariff,
            "currency": Some(batch.manifest.currency.trim_start()).filter(|name| !name.is_empty()),
            "plan": self.plan,
            "budget": self.budget.map(|(spent, budget)| json!({"spent": spent, "of": budget})),
            "affordable": self.affordable,
            "renamed": self.renamed,
            "nearby": self.nearby.json(),
            "takes_seconds": self.takes.as_secs_f64(),
        });
        let mut totals = match totals {
            Value::Object(totals) => totals,
            _ => Map::new(),
        };
        let bucket = batch.video_bucket().map(|bucket| json!(bucket.to_string()));
        totals.extend(bucket.map(|bucket| ("videos".to_owned(), bucket)));
        totals
    }
}

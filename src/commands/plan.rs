//! `plan`: what a run would do now, what that costs, and how long it takes.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::balance::Balance;
use super::batch::{Batch, shell_word};
use super::belongs;
use super::failure::Failure;
use super::keys::Resends;
use super::listed::Listed;
use super::nearby::{self, Nearby};
use super::saved::{self, Basis};
use super::status::Standing;
use super::told;
use super::{links, locals};
use crate::catalog::Catalog;
use crate::cli::PlanArgs;
use crate::exit::Exit;
use crate::fitness::{Weight, roughly};
use crate::ledger::{Renamed, Rows, View};
use crate::manifest::DEFAULT_ENDPOINT;
use crate::manifest::Manifest;
use crate::pair::{ApiKey, Pair, Role, Source, Tag, folded};
use crate::plan::{Plan, Speed, Step, Sum, step};
use crate::preflight::{Medium, distinct};
use crate::price::{Amount, Rules, billed};
use crate::ui::{Ui, counted};

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
    affordable: Option<u64>,
    /// How many pairs have another id than before.
    renamed: usize,
    /// What was paid for elsewhere of what is to be created.
    nearby: Nearby,
}

pub(super) fn plan(ui: &Ui, args: &PlanArgs) -> Result<Exit, Failure> {
    let mut batch = Batch::open(ui, &args.batch)?;
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    let view = batch.site.view()?;
    view.iter().try_for_each(|view| belongs::check_manifest(ui, &batch.site, view))?;
    let mut seen = look(&batch, view.as_ref(), &catalog);
    if view.as_ref().is_some_and(View::is_outdated) {
        seen = look(&batch, batch.site.view()?.as_ref(), &catalog);
    }
    let Seen { outlook, standing, basis, resends } = seen?;
    links::refuse(&batch, &catalog, || Ok(outlook.unsent(&batch)))?;
    let told = view.as_ref().map(|view| told::describe(view, &batch)).transpose()?.flatten();
    let doubts = standing.and_then(|standing| standing.describe_doubts(&batch.site));
    let mut text = outlook.describe(ui, &batch);
    let balance = balance(&batch, args, view.as_ref(), &outlook)?;
    text.extend(balance.map(|balance| format!("\n{}", balance.line())));
    text.extend(doubts.map(|text| format!("\n{text}")));
    text.extend(told.map(|text| format!("\n{text}")));
    let mut value = outlook.json(&batch);
    resends.json().into_iter().for_each(|resends| value["idempotency"] = resends);
    let may_need_one = resends.may_need_one() && resends.is_empty();
    if may_need_one && outlook.plan.of(Step::Create).pairs > 0 {
        text.push_str(
            "\nif an answer is lost, one accepted create is sent again to see whether the service \
             honours keys",
        );
    }
    if let Some(path) = &args.save {
        saved::save(path, &value, &basis)?;
        text.push_str(&format!(
            "\nsaved: {} --plan {}",
            batch.site.command("run"),
            shell_word(path)
        ));
    }
    // It is no part of what was saved.
    value["balance"] = balance.map_or(Value::Null, |balance| balance.json());
    ui.result(&text, &value);
    Ok(Exit::Done)
}

/// What a run would do and where the batch stands, with all that depends on.
struct Seen {
    outlook: Outlook,
    standing: Option<Standing>,
    basis: Basis,
    resends: Resends,
}

fn look(batch: &Batch, view: Option<&View>, catalog: &Catalog) -> Result<Seen, Failure> {
    let mut outlook = outlook(batch, view, catalog)?;
    outlook.nearby = nearby::look(batch, (view, &HashSet::new()), catalog)?;
    let keys = batch.manifest.idempotency.as_ref();
    let resends = match view {
        Some(view) => Resends::read(view, keys)?,
        None => Resends::of_nothing(keys),
    };
    let mut standing = view.map(Standing::read).transpose()?;
    standing.iter_mut().for_each(|standing| standing.resends = resends.clone());
    Ok(Seen { outlook, standing, basis: Basis::of(batch, view, catalog)?, resends })
}

/// What the account has left, where its service tells.
fn balance(
    batch: &Batch,
    args: &PlanArgs,
    view: Option<&View>,
    outlook: &Outlook,
) -> Result<Option<Balance>, Failure> {
    let bills = view.map(View::bills).transpose()?.unwrap_or_default();
    let accounts = view.map(View::accounts).transpose()?.flatten();
    let named = args.batch.endpoint.is_some() || batch.endpoint.origin() == DEFAULT_ENDPOINT;
    let is_trusted = |key: &ApiKey| named || accounts.as_ref().is_some_and(|known| known.know(key));
    Balance::ask(batch, (&args.key, &is_trusted), (outlook.plan.of(Step::Create), &bills))
}

/// What a run would do. Recordings are as long as they were when they were last looked at.
pub(super) fn outlook(
    batch: &Batch,
    view: Option<&View>,
    catalog: &Catalog,
) -> Result<Outlook, Failure> {
    let price = batch.manifest.spending.price;
    let unfit = Unfit::of(batch, catalog);
    let mut plan = Plan::default();
    let mut steps = Vec::with_capacity(batch.manifest.pairs.len());
    let mut unsent = Vec::with_capacity(batch.manifest.pairs.len());
    let listed = Listed::read(view, &batch.manifest.pairs)?;
    for (pair, known) in batch.manifest.pairs.iter().zip(listed.known) {
        let audio = locals::billable(batch, catalog, pair)
            .or_else(|| known.as_ref().and_then(|known| known.audio));
        let sent = step(pair, known.as_ref()) == Step::Create;
        let step = match sent && unfit.contains(pair) {
            true => plan.leave_out(audio, batch.manifest.price_of(pair)),
            false => plan.add(pair, known.as_ref(), audio, price),
        };
        steps.push((step, audio));
        unsent.push(sent);
    }
    if let Some(view) = view {
        plan.no_longer_listed = no_longer_listed(view, batch, &listed.renamed)?;
    }
    let (answer, task) = view.map(View::paces).transpose()?.unwrap_or_default();
    let manifest = &batch.manifest;
    let speed = speed(manifest, answer, task);
    let takes = speed.takes(plan.of(Step::Create).pairs, plan.of(Step::Wait).pairs);
    let rules = manifest.rules();
    let spent = view.map(|view| view.spent(&rules)).transpose()?.unwrap_or(0);
    let budget = rules.budget.map(|budget| (rules.amount(spent), budget));
    let affordable = rules.limit().then(|| affordable(batch, &rules, spent, &steps));
    let (observed, renamed) = (task.is_some(), listed.renamed.len());
    let nearby = Nearby::default();
    Ok(Outlook { plan, steps, unsent, takes, observed, budget, affordable, renamed, nearby })
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
struct Unfit(HashSet<(Source, Role)>);

impl Unfit {
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

/// How many of the pairs to create a run would pay for before the money ends.
fn affordable(
    batch: &Batch,
    rules: &Rules,
    mut spent: u64,
    steps: &[(Step, Option<Duration>)],
) -> u64 {
    let mut pairs = 0;
    let all = batch.manifest.pairs.iter().zip(steps);
    for (pair, (_, audio)) in all.filter(|(_, (step, _))| *step == Step::Create) {
        let charge = rules.charge_at(*audio, batch.manifest.price_of(pair));
        if rules.allow(spent, charge).is_ok() {
            spent = spent.saturating_add(rules.spent(charge));
            pairs += 1;
        }
    }
    pairs
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

    /// A table of at most 80 columns.
    fn describe(&self, ui: &Ui, batch: &Batch) -> String {
        let measured = Step::ALL.iter().any(|step| self.plan.of(*step).billed > 0);
        let currency = &batch.manifest.currency;
        let cost = batch.manifest.spending.price.map(|_| format!("cost{currency}"));
        let cost = cost.unwrap_or_default();
        let head = ["pairs", "", "audio", "billed", &cost].map(str::to_owned);
        let steps = Step::ALL
            .into_iter()
            .filter(|step| *step == Step::Create || self.plan.of(*step).pairs > 0);
        let rows = steps.map(|step| row(words(step), self.plan.of(step), measured));
        let rows: Vec<_> = measured.then_some(head).into_iter().chain(rows).collect();
        let mut lines = vec![batch.head(ui)];
        lines.extend(aligned(&rows));
        let create = self.plan.of(Step::Create);
        // A rehearsal measures nothing outside this machine.
        if create.unmeasured > 0 && !batch.site.rehearsal {
            let unknown = counted(create.unmeasured, "recording");
            let check = batch.site.command("check");
            lines.push(format!("of {unknown} the length is not known: {check} --probe"));
        }
        lines
            .extend(self.budget.map(|(spent, budget)| {
                format!("budget {}: {spent} spent", budget.shown(currency))
            }));
        let less = self.affordable.filter(|pairs| *pairs < create.pairs);
        lines.extend(
            less.map(|pairs| {
                format!("{pairs} of the {} to create may be paid for now", create.pairs)
            }),
        );
        if create.pairs > 0 || self.plan.of(Step::Wait).pairs > 0 {
            let about = roughly(self.takes);
            let how = if self.observed { "" } else { ", if the server is as fast as assumed" };
            lines.push(format!("takes about {about}{how}"));
        }
        lines.extend(self.hints());
        lines.extend(self.nearby.lines());
        lines.extend(self.nearby.offer(&batch.site));
        lines.join("\n")
    }

    fn hints(&self) -> impl Iterator<Item = String> {
        let of = |count: u64, what: &str| (count > 0).then(|| format!("{count:>8}  {what}"));
        let some = |step: Step, what: &str| (self.plan.of(step).pairs > 0).then(|| what.to_owned());
        let changed = "changed since they were sent: give a new id to have them made too";
        [
            of(self.plan.changed, changed),
            of(self.plan.no_longer_listed, "no longer in the manifest"),
            of(self.renamed as u64, "with another id than before: the same pairs"),
            some(
                Step::Rejected,
                "rejected pairs are sent once the manifest asks for something else",
            ),
            some(Step::Failed, "failed pairs are sent again, and paid again, with --retry-failed"),
        ]
        .into_iter()
        .flatten()
    }

    /// For programs: the totals, and what would be done with each pair.
    pub(super) fn json(&self, batch: &Batch) -> Value {
        let tariff = batch.manifest.spending.price;
        let pairs = batch.manifest.pairs.iter().zip(&self.steps).map(|(pair, (step, audio))| {
            let price = batch.manifest.price_of(pair);
            let seconds = |length| price.map_or_else(|| billed(length), |it| it.billed(length));
            json!({
                "id": pair.id.as_str(),
                "tags": pair.tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
                "expires": pair.expires.map(|at| at.to_string()),
                "step": step.name(),
                "seconds": audio.map(|audio| audio.as_secs_f64()),
                "billed_seconds": audio.map(seconds),
                "cost": price.zip(*audio).map(|(price, length)| price.cost(length)),
            })
        });
        json!({
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
            "pairs": pairs.collect::<Vec<_>>(),
        })
    }
}

fn words(step: Step) -> &'static str {
    match step {
        Step::Create => "to create",
        Step::Wait => "waiting",
        Step::Done => "done",
        Step::InDoubt => "in doubt",
        Step::Rejected => "rejected",
        Step::Failed => "failed",
        Step::Abandoned => "written off",
    }
}

/// What is in a row, from left to right.
type Cells = [String; 5];

fn row(what: &str, sum: &Sum, measured: bool) -> Cells {
    let (pairs, what) = (sum.pairs.to_string(), what.to_owned());
    if !measured {
        return [pairs, what, String::new(), String::new(), String::new()];
    }
    let known = sum.unmeasured < sum.pairs || sum.pairs == 0;
    let more = if known && sum.unmeasured > 0 { "+" } else { "" };
    let shown = |text: String| if known { text + more } else { "?".to_owned() };
    let length = shown(format!("{} s", exact(sum.length)));
    let billed = shown(format!("{} s", sum.billed));
    let cost = sum.cost.map_or_else(String::new, |cost| shown(cost.to_string()));
    [pairs, what, length, billed, cost]
}

/// In seconds: a millisecond more may be billed as a second more.
fn exact(length: Duration) -> String {
    let text = format!("{}.{:03}", length.as_secs(), length.subsec_millis());
    let zeros = text.len() - text.trim_end_matches('0').len();
    text[..text.len() - zeros.min(2)].to_owned()
}

/// Columns as wide as their widest cell, and usually all the same.
fn aligned(rows: &[Cells]) -> impl Iterator<Item = String> {
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let usual = [8, 10, 12, 10, 14];
    let widths: [usize; 5] = std::array::from_fn(|column| usual[column].max(widest(column) + 2));
    rows.iter().map(move |[pairs, what, length, billed, cost]| {
        let [a, b, c, d, e] = widths;
        format!("{pairs:>a$}  {what:<b$}{length:>c$}{billed:>d$}{cost:>e$}").trim_end().to_owned()
    })
}

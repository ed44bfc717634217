//! What was paid in other run folders: a copied or renamed manifest does not pay for it again.

mod database;
mod find;
mod folders;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use self::database::Others;
use self::find::Find;
use self::folders::Neighbour;
use super::batch::{Batch, Pairs, Site, shell_word};
use super::failure::Failure;
use super::listed::Listed;
use super::locals;
use super::sharing::Shared;
use crate::catalog::Catalog;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::ledger::{Paid, Store, View, names_of_service};
use crate::pair::{Fingerprint, Pair, folded, unsigned};
use crate::plan::{Known, Step, step};
use crate::price::Money;
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// What the pairs to be created were found to be elsewhere.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    finds: Vec<Find>,
    /// Run folders that cannot be looked into, and why.
    closed: Vec<(PathBuf, String)>,
    /// The ids of the pairs that were found, folded.
    ids: HashSet<String>,
    /// How many pairs are to be created.
    wishes: usize,
    /// What their money is called.
    currency: String,
    /// Whether a run began in one of the folders while it was read.
    is_outdated: bool,
}

/// A pair that is to be created.
struct Wish<'a> {
    pair: &'a Pair,
    audio: Option<Duration>,
    fingerprint: Fingerprint,
    unsigned: Fingerprint,
}

/// What a run folder is searched for.
struct Search<'a> {
    /// What was found nowhere yet.
    wishes: Vec<Wish<'a>>,
    /// The ids of the manifest's pairs, folded.
    listed: HashSet<String>,
    ambiguous: HashSet<(Fingerprint, u32)>,
    price: Option<Money>,
    ids: HashSet<String>,
}

/// Which pairs are to be created.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Where those that are planned stand.
    pub(super) view: Option<&'a View>,
    /// The folded ids of others that are created again.
    pub(super) again: &'a HashSet<String>,
    /// Whether a pair is left out, by its id.
    pub(super) leaves_out: &'a dyn Fn(&str) -> bool,
    /// The ledger that is shared, if one is: its database may have other batches.
    pub(super) shared: Option<&'a Shared>,
}

/// Looks into the run folders beside the manifest and the batch's own, for the pairs that a run would
/// create.
pub(super) fn look(
    batch: &Batch,
    wanted: Wanted<'_>,
    catalog: &Catalog,
) -> Result<Nearby, Failure> {
    let first = look_once(batch, wanted, catalog)?;
    // A run that began while its ledger was read has shown half of what it does.
    if first.is_outdated { look_once(batch, wanted, catalog) } else { Ok(first) }
}

/// Whether there are run folders nearby, or other batches in the database, that may have paid for some of a
/// batch, or that cannot be looked into.
pub(super) fn may_have_paid(batch: &Batch, shared: Option<&Shared>) -> Result<bool, Failure> {
    if !batch.site.rehearsal && database::are_there_any(shared)? {
        return Ok(true);
    }
    let mut closed = Vec::new();
    let neighbours = folders::neighbours(&batch.site, &mut closed)?;
    let none = neighbours.is_empty() && closed.is_empty();
    Ok(!none && !batch.site.rehearsal)
}

/// Whether there are run folders of the batch's service nearby, or such as nobody can look into, or other
/// batches in the database: then its pairs are compared with what was paid for there.
pub(super) fn are_there_any(batch: &Batch, view: Option<&View>) -> Result<bool, Failure> {
    if batch.site.rehearsal {
        return Ok(false);
    }
    let mut closed = Vec::new();
    let mut neighbours = folders::neighbours(&batch.site, &mut closed)?;
    keep_service(&mut neighbours, &batch.owner(), view)?;
    let beside = database::are_there_any(batch.site.shared.as_ref())?;
    Ok(beside || !(neighbours.is_empty() && closed.is_empty()))
}

fn look_once(batch: &Batch, wanted: Wanted<'_>, catalog: &Catalog) -> Result<Nearby, Failure> {
    let mut nearby = Nearby::default();
    if batch.site.rehearsal {
        return Ok(nearby);
    }
    let mut neighbours = folders::neighbours(&batch.site, &mut nearby.closed)?;
    let names = keep_service(&mut neighbours, &batch.owner(), wanted.view)?;
    let shared = wanted.shared.filter(|_| !batch.site.rehearsal);
    // Whoever holds no pairs has looked before what is listed nowhere any more.
    let beside = match batch.pairs {
        Pairs::Held => database::are_there_any(shared)?,
        Pairs::Listed(_) | Pairs::ToList(_) => database::has_other_batches(shared)?,
    };
    if neighbours.is_empty() && nearby.closed.is_empty() && !beside {
        return Ok(nearby);
    }
    if batch.pairs != Pairs::Held {
        return Err(batch.changed());
    }
    let mut search = Search::of(batch, wishes(batch, wanted, catalog)?);
    nearby.wishes = search.wishes.len();
    nearby.currency.clone_from(&batch.manifest.currency);
    if search.wishes.is_empty() {
        return Ok(nearby);
    }
    let shared = shared.filter(|_| beside);
    let mut others = Others::read(shared, &names, &search.wishes)?;
    for (round, search_for) in [Search::same, Search::similar].into_iter().enumerate() {
        for neighbour in &mut neighbours {
            let read = |view: &_, own, find: &mut _| search_for(&mut search, (view, own), find);
            nearby.is_outdated |= neighbour.read(&mut nearby.closed, read)?;
        }
        others.take(&mut search, round == 0);
    }
    let finds = neighbours.into_iter().map(|neighbour| neighbour.find).chain(others.finds());
    nearby.finds = finds.filter(|find| find.sum.pairs > 0).collect();
    nearby.ids = search.ids;
    Ok(nearby)
}

/// The pairs that a run would create, as far as that is known before.
fn wishes<'a>(
    batch: &'a Batch,
    Wanted { view, again, leaves_out, .. }: Wanted<'_>,
    catalog: &Catalog,
) -> Result<Vec<Wish<'a>>, Failure> {
    let pairs = &batch.manifest.pairs;
    let listed = Listed::read(view, pairs)?;
    // What others who share the ledger have, or had.
    let elsewhere = view.map(View::held_elsewhere).transpose()?.unwrap_or_default();
    let to_create = pairs.iter().zip(&listed.known).filter(|(pair, known)| {
        // Another take of a pair is paid for on purpose.
        let first = known.as_ref().is_none_or(|known| known.take == 1);
        let sent = step(pair, known.as_ref()) == Step::Create;
        let id = pair.id.folded();
        let wanted = sent && !elsewhere.contains(&id) || again.contains(&id);
        first && wanted && !leaves_out(pair.id.as_str())
    });
    let wish = |(pair, known): (&'a Pair, &Option<Known>)| {
        let body = pair.request.to_json().to_string();
        let audio = locals::billable(batch, catalog, pair);
        Wish {
            pair,
            audio: audio.or_else(|| known.as_ref().and_then(|known| known.audio)),
            fingerprint: Fingerprint::of(&body),
            unsigned: unsigned(&body),
        }
    };
    Ok(to_create.map(wish).collect())
}

/// Leaves those whose tasks live at the batch's service, by whatever name; gives its names.
fn keep_service(
    neighbours: &mut Vec<Neighbour>,
    owner: &str,
    view: Option<&View>,
) -> Result<Vec<String>, Failure> {
    let mut moves = view.map(View::moves).transpose()?.unwrap_or_default();
    moves.extend(neighbours.iter().flat_map(|neighbour| neighbour.moves.iter().cloned()));
    let names = names_of_service(owner, &moves);
    neighbours.retain(|neighbour| names.contains(&neighbour.endpoint));
    Ok(names.into_iter().collect())
}

/// What several different requests of a manifest are without their signatures: for them, what looks
/// like a signature names the file.
fn ambiguous(pairs: &[Pair]) -> HashSet<(Fingerprint, u32)> {
    let mut seen: HashMap<_, Fingerprint> = HashMap::new();
    let mut ambiguous = HashSet::new();
    for pair in pairs {
        let body = pair.request.to_json().to_string();
        let (bare, whole) = ((unsigned(&body), pair.take), Fingerprint::of(&body));
        if seen.insert(bare, whole).is_some_and(|before| before != whole) {
            ambiguous.insert(bare);
        }
    }
    ambiguous
}

impl<'a> Search<'a> {
    fn of(batch: &Batch, wishes: Vec<Wish<'a>>) -> Self {
        Self {
            wishes,
            listed: batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect(),
            ambiguous: ambiguous(&batch.manifest.pairs),
            price: batch.manifest.spending.price.and_then(|tariff| tariff.linear()),
            ids: HashSet::new(),
        }
    }

    /// In the batch's own folder only pairs count that are no longer listed.
    fn counts(&self, own: bool, paid: &Paid) -> bool {
        !own || !self.listed.contains(&folded(&paid.id))
    }

    fn found(&mut self, wish: &Wish<'_>, paid: &Paid, find: &mut Find) {
        find.add(wish.audio, paid, self.price);
        self.ids.insert(wish.pair.id.folded());
    }

    /// Takes out what was paid in a folder, request for request.
    fn same(&mut self, (view, own): (&View, bool), find: &mut Find) -> Result<(), Failure> {
        for wish in std::mem::take(&mut self.wishes) {
            let paid = view.paid(&wish.fingerprint, wish.pair.take)?;
            match paid.iter().find(|paid| self.counts(own, paid)) {
                Some(paid) => self.found(&wish, paid, find),
                None => self.wishes.push(wish),
            }
        }
        Ok(())
    }

    /// The same for requests that differ by no more than the signatures of their links.
    fn similar(&mut self, (view, own): (&View, bool), find: &mut Find) -> Result<(), Failure> {
        let mut left: HashMap<_, Vec<_>> = HashMap::new();
        for wish in std::mem::take(&mut self.wishes) {
            let key = (wish.unsigned, wish.pair.take);
            match self.ambiguous.contains(&key) {
                true => self.wishes.push(wish),
                false => left.entry(key).or_default().push(wish),
            }
        }
        view.each_paid_signed(|unsigned, number, paid| {
            if self.counts(own, &paid) {
                for wish in left.remove(&(unsigned, number)).into_iter().flatten() {
                    self.found(&wish, &paid, find);
                    find.probably += 1;
                }
            }
        })?;
        // Those that are not signed there, by the index.
        for wish in left.into_values().flatten() {
            let signed = wish.unsigned != wish.fingerprint;
            let paid = if signed { view.paid(&wish.unsigned, wish.pair.take)? } else { Vec::new() };
            match paid.iter().find(|paid| self.counts(own, paid)) {
                Some(paid) => {
                    self.found(&wish, paid, find);
                    find.probably += 1;
                }
                None => self.wishes.push(wish),
            }
        }
        Ok(())
    }
}

impl Nearby {
    /// What to say of it, a line each; nothing if nothing was found.
    pub(super) fn lines(&self) -> Vec<String> {
        let finds = self.finds.iter().map(|find| find.describe(self.wishes, &self.currency));
        let closed = self.closed.iter().filter(|_| self.wishes > 0).map(|(folder, why)| {
            let folder = folder.display().to_string();
            let (folder, why) = (printable(&folder), printable(why));
            format!("{folder}: what was paid for there cannot be looked up: {why}")
        });
        finds.chain(closed).collect()
    }

    /// Where to go on instead, if the manifest was renamed.
    pub(super) fn offer(&self, site: &Site) -> Option<String> {
        let find = self.finds.iter().find(|find| find.is_its_batch)?;
        let (manifest, folder) = (shell_word(&site.manifest), shell_word(&find.folder));
        Some(format!(
            "was the manifest renamed? To go on with that batch: callsheet run {manifest} --out {folder}"
        ))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        self.finds.iter().map(Find::json).collect()
    }

    /// Whether a person has to say what is right: pairs were found, or may be where nobody can look.
    fn asks(&self) -> bool {
        self.wishes > 0 && !(self.finds.is_empty() && self.closed.is_empty())
    }
}

/// Before the first create: what was paid elsewhere is paid again only if somebody says so. `again`
/// are the folded ids of pairs that are created again.
pub(super) fn settle(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    (store, again): (&mut Store, &HashSet<String>),
    catalog: &Catalog,
) -> Result<(), Failure> {
    let view = store.view()?;
    let counts = view.counts()?;
    let planned: u64 =
        counts.iter().filter(|(state, _)| *state == State::Planned).map(|(_, count)| count).sum();
    if planned <= view.held_elsewhere()?.len() as u64 && again.is_empty() {
        return Ok(());
    }
    let leaves_out = |id: &str| view.leaves_out(id);
    let shared = Shared::of_run(args, &batch.site.name());
    let shared = shared.as_ref();
    let wanted = Wanted { view: Some(&view), again, leaves_out: &leaves_out, shared };
    let nearby = look(batch, wanted, catalog)?;
    if !nearby.asks() {
        return Ok(());
    }
    nearby.lines().iter().for_each(|line| ui.warn(line));
    if args.pay_again {
        ui.note(match nearby.finds.is_empty() {
            true => "not looked up, as --pay-again says",
            false => "they are paid for again, as --pay-again says",
        });
        return Ok(());
    }
    if args.leave_out_paid && nearby.closed.is_empty() {
        let pairs = counted(nearby.ids.len() as u64, "pair");
        ui.note(&format!("{pairs} left out, and not sent"));
        store.leave_out(nearby.ids);
        return Ok(());
    }
    let (question, otherwise) = match nearby.finds.is_empty() {
        true => ("Create them without looking there? [y/N] ", "they may have been paid for there"),
        false => ("Pay for them again? [y/N] ", "they would be paid for again"),
    };
    match ui.ask(question) {
        Some(true) => Ok(()),
        Some(false) => Err(refused(batch, &nearby, "nothing was sent")),
        None => Err(refused(batch, &nearby, &format!("{otherwise}; nothing was sent"))),
    }
}

fn refused(batch: &Batch, nearby: &Nearby, text: &str) -> Failure {
    let mut ways: Vec<_> = nearby.offer(&batch.site).into_iter().collect();
    ways.push(match (nearby.closed.is_empty(), nearby.finds.is_empty()) {
        (true, _) => "go on without those pairs with --leave-out-paid, or pay for them again with \
            --pay-again"
            .to_owned(),
        (false, true) => "repair that folder or move it away, or create them all the same with \
            --pay-again"
            .to_owned(),
        (false, false) => "repair that folder or move it away, or pay for them again with \
            --pay-again"
            .to_owned(),
    });
    Failure::new(Exit::Usage, text.to_owned()).hint(ways.join("\nor "))
}

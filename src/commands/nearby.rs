//! What was paid in other run folders: a copied or renamed manifest does not pay for it again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::batch::{Batch, Site, from_here, shell_word};
use super::belongs::made_for;
use super::failure::Failure;
use super::listed::Listed;
use super::locals;
use crate::catalog::Catalog;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::files::folder_of;
use crate::ledger::{FILE, Paid, Store, View, names_of_service};
use crate::pair::{Fingerprint, Pair, unsigned};
use crate::plan::{Known, Step, Sum, step};
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
    /// The ids of the pairs that were found, in lower case.
    ids: HashSet<String>,
    /// How many pairs are to be created.
    wishes: usize,
}

/// What was found in one run folder.
#[derive(Debug)]
struct Find {
    folder: PathBuf,
    /// All of it.
    sum: Sum,
    /// Of these: only if links that are signed otherwise lead to the same.
    probably: u64,
    in_doubt: u64,
    /// Whether the manifest that it was made for is gone.
    orphan: bool,
}

/// A pair that is to be created.
struct Wish<'a> {
    pair: &'a Pair,
    audio: Option<Duration>,
    fingerprint: Fingerprint,
    unsigned: Fingerprint,
}

/// A run folder beside the batch.
struct Neighbour {
    view: View,
    endpoint: String,
    /// Whether it is the batch's own, in which only pairs count that are no longer listed.
    own: bool,
    find: Find,
}

/// Looks into the run folders beside the manifest and the batch's own, for the pairs that a run would
/// create.
pub(super) fn look(
    batch: &Batch,
    view: Option<&View>,
    catalog: &Catalog,
) -> Result<Nearby, Failure> {
    let mut nearby = Nearby::default();
    if batch.site.rehearsal {
        return Ok(nearby);
    }
    let mut neighbours = neighbours(&batch.site, &mut nearby)?;
    keep_service(&mut neighbours, &batch.owner(), view)?;
    if neighbours.is_empty() && nearby.closed.is_empty() {
        return Ok(nearby);
    }
    let mut wishes = wishes(batch, view, catalog)?;
    nearby.wishes = wishes.len();
    if wishes.is_empty() {
        return Ok(nearby);
    }
    let price = batch.manifest.spending.price.and_then(|tariff| tariff.linear());
    let listed: HashSet<_> = batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect();
    for neighbour in neighbours.iter_mut().filter(|neighbour| !neighbour.own) {
        neighbour.take_same(&mut wishes, price, &mut nearby.ids)?;
    }
    for neighbour in &mut neighbours {
        neighbour.take_similar(&mut wishes, (price, &listed), &mut nearby.ids)?;
    }
    let finds = neighbours.into_iter().map(|neighbour| neighbour.find);
    nearby.finds = finds.filter(|find| find.sum.pairs > 0).collect();
    Ok(nearby)
}

/// The pairs that a run would create, as far as that is known before.
fn wishes<'a>(
    batch: &'a Batch,
    view: Option<&View>,
    catalog: &Catalog,
) -> Result<Vec<Wish<'a>>, Failure> {
    let pairs = &batch.manifest.pairs;
    let listed = Listed::read(view, pairs)?;
    let to_create = pairs.iter().zip(&listed.known);
    let to_create = to_create.filter(|(pair, known)| step(pair, known.as_ref()) == Step::Create);
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

/// Every run folder in the folders in which the manifest and the batch's own lie.
fn neighbours(site: &Site, nearby: &mut Nearby) -> Result<Vec<Neighbour>, Failure> {
    let own = fs::canonicalize(&site.folder).ok();
    let places = [
        fs::canonicalize(folder_of(&site.manifest)).ok(),
        fs::canonicalize(&site.manifest).ok().map(|file| folder_of(&file).to_owned()),
        fs::canonicalize(folder_of(&site.folder)).ok(),
        own.as_deref().and_then(Path::parent).map(Path::to_owned),
    ];
    let places: HashSet<_> = places.into_iter().flatten().collect();
    let mut folders: Vec<_> = places.iter().flat_map(|place| run_folders(place)).collect();
    folders.extend(own.clone());
    folders.sort_unstable();
    folders.dedup();
    let mut neighbours = Vec::new();
    for folder in folders {
        let own = own.as_ref() == Some(&folder);
        match Neighbour::open(&folder, own) {
            Ok(Some(neighbour)) if !own || neighbour.view.unlisted()? > 0 => {
                neighbours.push(neighbour);
            }
            Ok(_) => {}
            // What is wrong with its own is said where it is opened.
            Err(_) if own => {}
            Err(failure) => nearby.closed.push((from_here(&folder), failure.message)),
        }
    }
    Ok(neighbours)
}

/// The folders in a place that have a ledger, by their real names. Rehearsals pay for nothing.
fn run_folders(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let rehearsal = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".mock.run");
    let entries = entries.filter(|entry| !rehearsal(&entry.file_name()));
    let with_ledger = entries.filter(|entry| entry.path().join(FILE).exists());
    with_ledger.filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect()
}

/// Leaves those whose tasks live at the batch's service, by whatever name.
fn keep_service(
    neighbours: &mut Vec<Neighbour>,
    owner: &str,
    view: Option<&View>,
) -> Result<(), Failure> {
    let mut moves = view.map(View::moves).transpose()?.unwrap_or_default();
    for neighbour in neighbours.iter() {
        moves.extend(neighbour.view.moves()?);
    }
    let names = names_of_service(owner, &moves);
    neighbours.retain(|neighbour| names.contains(&neighbour.endpoint));
    Ok(())
}

impl Neighbour {
    fn open(folder: &Path, own: bool) -> Result<Option<Self>, Failure> {
        let Some(view) = View::open(folder)? else { return Ok(None) };
        let endpoint = view.endpoint()?;
        let made_for = view.manifest()?.map(|path| made_for(folder, &path));
        let folder = from_here(folder);
        let orphan = !own && made_for.is_some_and(|manifest| !manifest.exists());
        let (sum, probably, in_doubt) = (Sum::default(), 0, 0);
        let find = Find { folder, sum, probably, in_doubt, orphan };
        Ok(Some(Self { view, endpoint, own, find }))
    }

    /// Takes out of `wishes` what was paid here, request for request.
    fn take_same(
        &mut self,
        wishes: &mut Vec<Wish<'_>>,
        price: Option<Money>,
        ids: &mut HashSet<String>,
    ) -> Result<(), Failure> {
        let mut left = Vec::with_capacity(wishes.len());
        for wish in wishes.drain(..) {
            match self.view.paid(&wish.fingerprint, wish.pair.take)? {
                Some(paid) => {
                    self.find.add(&wish, &paid, price);
                    ids.insert(wish.pair.id.folded());
                }
                None => left.push(wish),
            }
        }
        *wishes = left;
        Ok(())
    }

    /// The same for requests that differ by no more than the signatures of their links.
    fn take_similar(
        &mut self,
        wishes: &mut Vec<Wish<'_>>,
        (price, listed): (Option<Money>, &HashSet<String>),
        ids: &mut HashSet<String>,
    ) -> Result<(), Failure> {
        let mut left: HashMap<_, Vec<_>> = HashMap::new();
        for wish in wishes.drain(..) {
            left.entry((wish.unsigned, wish.pair.take)).or_default().push(wish);
        }
        let (own, find) = (self.own, &mut self.find);
        let mut take = |wish: &Wish<'_>, paid: &Paid| {
            find.add(wish, paid, price);
            find.probably += 1;
            ids.insert(wish.pair.id.folded());
        };
        let counts = |paid: &Paid| !own || !listed.contains(&paid.id.to_ascii_lowercase());
        self.view.each_paid_signed(|unsigned, number, paid| {
            if counts(&paid)
                && let Some(wishes) = left.remove(&(unsigned, number))
            {
                wishes.iter().for_each(|wish| take(wish, &paid));
            }
        })?;
        // Those that are not signed there, by the index.
        for wish in left.into_values().flatten() {
            let signed = wish.unsigned != wish.fingerprint;
            let paid = if signed { self.view.paid(&wish.unsigned, wish.pair.take)? } else { None };
            match paid.filter(&counts) {
                Some(paid) => take(&wish, &paid),
                None => wishes.push(wish),
            }
        }
        Ok(())
    }
}

impl Find {
    fn add(&mut self, wish: &Wish<'_>, paid: &Paid, price: Option<Money>) {
        self.sum.add(wish.audio, price);
        self.in_doubt += u64::from(matches!(paid.state, State::InDoubt | State::Sending));
    }

    /// `12 of the 30 pairs to create were paid for already in spring.run: 48 s, 7.68`
    fn describe(&self, wishes: usize) -> String {
        let Sum { pairs, billed, unmeasured, cost, .. } = self.sum;
        let were = if pairs == 1 { "was" } else { "were" };
        let mut text = format!(
            "{pairs} of the {} to create {were} paid for already in {}",
            counted(wishes as u64, "pair"),
            printable(&self.folder.display().to_string())
        );
        if unmeasured < pairs {
            text.push_str(&format!(": {billed} s"));
            text.extend(cost.map(|cost| format!(", {cost}")));
        }
        if unmeasured > 0 {
            text.push_str(&format!(" ({} not measured)", counted(unmeasured, "recording")));
        }
        if self.in_doubt > 0 {
            text.push_str(&format!("; {} in doubt there", self.in_doubt));
        }
        if self.probably > 0 {
            let probably = self.probably;
            text.push_str(&format!("; {probably} only probably: their links are signed otherwise"));
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "run_folder": self.folder.display().to_string(),
            "paid": self.sum,
            "in_doubt": self.in_doubt,
            "probably": self.probably,
            "manifest_is_gone": self.orphan,
        })
    }
}

impl Nearby {
    /// What to say of it, a line each; nothing if nothing was found.
    pub(super) fn lines(&self) -> Vec<String> {
        let finds = self.finds.iter().map(|find| find.describe(self.wishes));
        let closed = self.closed.iter().filter(|_| self.wishes > 0).map(|(folder, why)| {
            let folder = folder.display().to_string();
            let (folder, why) = (printable(&folder), printable(why));
            format!("{folder}: what was paid for there cannot be looked up: {why}")
        });
        finds.chain(closed).collect()
    }

    /// Where to go on instead, if the manifest was renamed.
    pub(super) fn offer(&self, site: &Site) -> Option<String> {
        let find = self.finds.iter().find(|find| find.orphan)?;
        let (manifest, folder) = (shell_word(&site.manifest), shell_word(&find.folder));
        Some(format!(
            "was the manifest renamed? To go on with that batch: callsheet run {manifest} --out {folder}"
        ))
    }

    pub(super) fn json(&self) -> Value {
        self.finds.iter().map(Find::json).collect()
    }
}

/// Before the first create: what was paid elsewhere is paid again only if somebody says so.
pub(super) fn settle(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    store: &mut Store,
    catalog: &Catalog,
) -> Result<(), Failure> {
    let view = store.view()?;
    let any = view.counts()?.iter().any(|(state, _)| *state == State::Planned);
    if !any {
        return Ok(());
    }
    let nearby = look(batch, Some(&view), catalog)?;
    drop(view);
    let lines = nearby.lines();
    if lines.is_empty() {
        return Ok(());
    }
    lines.iter().for_each(|line| ui.warn(line));
    if args.pay_again {
        ui.note("they are paid for again, as --pay-again says");
        return Ok(());
    }
    if args.leave_out_paid && nearby.closed.is_empty() {
        let pairs = counted(nearby.ids.len() as u64, "pair");
        ui.note(&format!("{pairs} left out, and planned still"));
        store.leave_out(nearby.ids);
        return Ok(());
    }
    match ui.ask("Pay for them again? [y/N] ") {
        Some(true) => Ok(()),
        Some(false) => Err(refused(batch, &nearby, "nothing was sent")),
        None => Err(refused(batch, &nearby, "it would be paid for again; nothing was sent")),
    }
}

fn refused(batch: &Batch, nearby: &Nearby, text: &str) -> Failure {
    let ways = "go on without those pairs with --leave-out-paid, or pay for them again with \
        --pay-again";
    let offer = nearby.offer(&batch.site).map(|offer| format!("{offer}\nor "));
    Failure::new(Exit::Usage, text.to_owned()).hint(offer.unwrap_or_default() + ways)
}

//! A plan of pairs that are not held: the ledger has listed them from the same files, or they are read
//! and compared one at a time.
//!
//! Only where each pair speaks for itself. Wherever something is wrong, or may be, wherever files of
//! this machine, run folders nearby or other names of pairs are to be compared with them, the pairs
//! are held, and what is wrong is said from them.

use std::collections::HashSet;
use std::time::Duration;

use super::document::{self, PairList, Spool};
use super::reckoning::Reckoning;
use super::{Looked, Outlook, Seen};
use crate::catalog::Catalog;
use crate::cli::PlanArgs;
use crate::commands::batch::{Batch, Pairs};
use crate::commands::belongs;
use crate::commands::choose::Chosen;
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::nearby;
use crate::commands::outside::Inside;
use crate::commands::saved::{Basis, MediaSeen};
use crate::commands::written::Written;
use crate::fitness::Weight;
use crate::ledger::{Comparison, Match, Stand, Stood, View};
use crate::manifest::{Manifest, Marks, Outline};
use crate::pair::{Choosing, Pair, Role, Source};
use crate::plan::{Step, step, step_of};
use crate::ui::Ui;

/// How many portraits are told apart: many pairs share one, and each is looked at once.
const TOLD_APART: usize = 10_000;

/// What a plan is made from.
struct Lean<'a> {
    ui: &'a Ui,
    args: &'a PlanArgs,
    chosen: &'a Chosen,
    written: Written<'a>,
    /// Without its pairs.
    batch: Batch,
    catalog: Catalog,
}

/// A plan that was made so.
struct Found {
    seen: Seen,
    pairs: Pairs,
    /// As it was read, if it was.
    manifest: Option<Manifest>,
}

/// What is known of the pairs so far.
struct Tally<'l> {
    batch: &'l Batch,
    /// Nothing where nobody has looked at any medium.
    catalog: Option<&'l Catalog>,
    links: Links<'l>,
    inside: Inside<'l>,
    chosen: &'l Chosen,
    choosing: Choosing<'l>,
    reckoning: Reckoning,
    list: Option<Spool>,
    media: Option<MediaSeen<'l>>,
    /// Portraits of which nothing is to be said.
    good: HashSet<String>,
    /// Whether no pair has to be compared with anything else.
    clean: bool,
}

/// The plan; nothing if the pairs have to be held.
pub(super) fn look(ui: &Ui, args: &PlanArgs, chosen: &Chosen) -> Result<Option<Looked>, Failure> {
    let written = Written::open(&args.batch.manifest.manifest)?;
    // What is wrong is said where pairs are held.
    let Some(head) = written.head(&args.batch.manifest) else { return Ok(None) };
    let Ok(batch) = Batch::of(&args.batch, written.given, head) else { return Ok(None) };
    let Ok(view) = batch.site.view() else { return Ok(None) };
    if view.is_none() && !written.may_be_long() {
        return Ok(None);
    }
    let Ok(sha256) = written.digest(&batch.manifest) else { return Ok(None) };
    let batch = Batch { sha256, ..batch };
    let catalog = Catalog::open(&batch.site.folder);
    Lean { ui, args, chosen, written, batch, catalog }.look(view)
}

impl<'a> Lean<'a> {
    fn look(self, mut view: Option<View>) -> Result<Option<Looked>, Failure> {
        let mut found = self.find(view.as_ref());
        if view.as_ref().is_some_and(View::is_outdated) {
            view = self.batch.site.view()?;
            found = self.find(view.as_ref());
        }
        let Some(Found { seen, pairs, manifest }) = found? else { return Ok(None) };
        if let Some(manifest) = &manifest {
            self.written.announce(self.ui, manifest);
        }
        view.iter()
            .try_for_each(|view| belongs::check_manifest(self.ui, &self.batch.site, view))?;
        let manifest = manifest.unwrap_or_else(|| self.batch.manifest.clone());
        let batch = Batch { pairs, manifest, ..self.batch };
        Ok(Some(Looked { batch, view, seen }))
    }

    fn find(&self, view: Option<&View>) -> Result<Option<Found>, Failure> {
        let told = view.map(View::told).transpose()?.is_some_and(|told| !told.is_empty());
        if told && !self.batch.site.rehearsal || nearby::are_there_any(&self.batch, view)? {
            return Ok(None);
        }
        match view {
            Some(view) if view.has_listed(&self.batch.digest())? => self.by_ledger(view),
            view if self.written.may_be_long() => self.by_files(view),
            _ => Ok(None),
        }
    }

    fn tally(&self, view: Option<&View>) -> Result<Tally<'_>, Failure> {
        let (batch, saves) = (&self.batch, self.args.save.is_some());
        let asks = saves || self.ui.is_json();
        Ok(Tally {
            batch,
            catalog: (!self.catalog.is_empty()).then_some(&self.catalog),
            links: Links::new(batch, &self.catalog, Duration::ZERO),
            inside: Inside::of(batch),
            chosen: self.chosen,
            choosing: self.chosen.choice.begin(),
            reckoning: Reckoning::new(batch, view, self.chosen)?,
            list: asks.then(Spool::new).transpose()?,
            media: saves.then(|| MediaSeen::new(&self.catalog)),
            good: HashSet::new(),
            clean: true,
        })
    }

    /// Of what the ledger has listed from these very files: each pair is there as it is asked for.
    fn by_ledger(&self, view: &View) -> Result<Option<Found>, Failure> {
        let mut tally = self.tally(Some(view))?;
        let pairs = if tally.list.is_some() || self.chosen.choice.is_by_tags() {
            self.each_with_its_stand(view, &mut tally)?
        } else {
            let mut pairs = 0;
            view.each_listed(|stood| {
                tally.stood(&stood);
                pairs += 1;
            })?;
            pairs
        };
        if !tally.is_clean() {
            return Ok(None);
        }
        tally.reckoning.plan.no_longer_listed = view.created_and_unlisted()?;
        let seen = tally.conclude(Some(view))?;
        tracing::info!("the ledger has this very list: its {pairs} pairs are not compared again");
        Ok(Some(Found { seen, pairs: Pairs::Listed(pairs), manifest: None }))
    }

    /// The ledger does not say all that is told of a pair.
    fn each_with_its_stand(&self, view: &View, tally: &mut Tally<'_>) -> Result<u64, Failure> {
        let mut stands = Stands { view, page: Vec::new().into_iter(), last: None };
        let (mut failed, mut pairs) = (None, 0);
        self.written.each(&self.args.batch.manifest, |pair, _| {
            pairs += 1;
            match stands.next() {
                Ok(Some(stand)) if stand.id == pair.id.as_str() => {
                    tally.pair(pair, step_of(stand.state), stand.audio);
                }
                // It has another name, or the files are others by now.
                Ok(_) => tally.clean = false,
                Err(error) => failed = Some(error),
            }
        })?;
        self.settled(failed)?;
        tally.clean &= stands.next()?.is_none();
        Ok(pairs)
    }

    /// Of what no ledger has listed, or another one of it.
    fn by_files(&self, view: Option<&View>) -> Result<Option<Found>, Failure> {
        let mut tally = self.tally(view)?;
        let (mut against, mut failed) = (view.map(Comparison::new), None);
        let judge = |pair: &Pair, marks: &Marks| {
            if tally.clean
                && failed.is_none()
                && let Err(error) = tally.compare(&mut against, pair, marks)
            {
                failed = Some(error);
            }
        };
        let Outline { manifest, pairs, .. } =
            self.written.judged(&self.args.batch.manifest, judge)?;
        if !tally.is_clean() {
            return Ok(None);
        }
        self.settled(failed)?;
        let gone = against.as_ref().map(Comparison::created_and_gone).transpose()?;
        tally.reckoning.plan.no_longer_listed = gone.unwrap_or(0);
        let seen = tally.conclude(view)?;
        tracing::info!("{pairs} pairs are read one at a time rather than held");
        Ok(Some(Found { seen, pairs: Pairs::ToList(pairs), manifest: Some(manifest) }))
    }

    /// What was read has to be what the digest is of, where anything rests on that.
    fn settled(&self, failed: Option<Failure>) -> Result<(), Failure> {
        failed.map_or(Ok(()), Err)?;
        let same = self.written.digest(&self.batch.manifest)? == self.batch.sha256;
        if same { Ok(()) } else { Err(self.batch.changed()) }
    }
}

impl Tally<'_> {
    /// Whether nothing was found that has to be compared with something else, or told of.
    fn is_clean(&self) -> bool {
        self.clean && self.choosing.idle().is_empty()
    }

    /// Counts a pair by what the ledger says of it.
    fn stood(&mut self, stood: &Stood<'_>) {
        let wanted = self.choosing.takes(stood.id, &[]);
        let step = self.reckoning.chosen(step_of(stood.state), wanted);
        let [image, audio] = stood.media;
        // What is beyond a limit may be sent next time.
        let judged = if wanted { step_of(stood.state) } else { step };
        self.judge(judged, image, Role::Image);
        self.judge(judged, audio, Role::Audio);
        let tariff = self.batch.manifest.spending.price;
        let price = tariff.map(|tariff| tariff.of_body(stood.body.as_bytes()));
        self.reckoning.add(step, self.recording(audio).or(stood.audio), price);
    }

    /// Counts a pair of which it is known what a run would do with it.
    fn pair(&mut self, pair: &Pair, step: Step, audio: Option<Duration>) {
        let wanted = self.choosing.takes(pair.id.as_str(), &pair.tags);
        let (would, step) = (step, self.reckoning.chosen(step, wanted));
        let judged = if wanted { would } else { step };
        for role in Role::BOTH {
            match pair.request.source(role) {
                Source::Url(url) => self.judge(judged, url.as_written(), role),
                Source::File(_) => self.clean = false,
            }
        }
        if !self.clean {
            return;
        }
        let audio = self.recording(pair.request.audio.as_written()).or(audio);
        self.reckoning.add(step, audio, self.batch.manifest.price_of(pair));
        if let Some(list) = &mut self.list {
            list.put(&document::pair(self.batch, pair, step, audio));
        }
        if let Some(media) = &mut self.media {
            media.add(pair);
        }
    }

    /// Counts a pair by what the manifest says of it, and a ledger that may have others.
    fn compare(
        &mut self,
        against: &mut Option<Comparison<'_>>,
        pair: &Pair,
        marks: &Marks,
    ) -> Result<(), Failure> {
        let dies = self.links.expiry(pair, marks);
        self.clean &= dies.is_none_or(|(weight, _)| weight != Weight::Error);
        let Some(against) = against else {
            self.pair(pair, Step::Create, None);
            return Ok(());
        };
        // Earlier releases had other names for it.
        self.clean &= is_plainly_named(pair);
        let (known, changed) = match against.add(pair)? {
            Match::Same(known) => (Some(known), false),
            Match::Changed(known) => (Some(known), true),
            Match::New => (None, false),
            Match::Renamed => {
                self.clean = false;
                return Ok(());
            }
        };
        let step = step(pair, known.as_ref());
        self.reckoning.plan.changed += u64::from(changed && step != Step::Create);
        self.pair(pair, step, known.and_then(|known| known.audio));
        Ok(())
    }

    /// No link leads into a house, and none that is to be sent is known not to work.
    fn judge(&mut self, step: Step, url: &str, role: Role) {
        if !self.clean || self.good.contains(url) && role == Role::Image {
            return;
        }
        self.clean = self.inside.remark_of(url).is_none();
        if step != Step::Create {
            return;
        }
        let remarks = self.links.remarks(url, role);
        self.clean &= remarks.iter().all(|remark| remark.weight != Weight::Error);
        if self.clean && role == Role::Image && self.good.len() < TOLD_APART {
            self.good.insert(url.to_owned());
        }
    }

    /// How long the recording may be billed for, if somebody has looked at it.
    fn recording(&self, url: &str) -> Option<Duration> {
        self.catalog?.recording(url)?.billable()
    }

    fn conclude(self, view: Option<&View>) -> Result<Seen, Failure> {
        let Self { batch, chosen, reckoning, list, media, .. } = self;
        let outlook: Outlook = reckoning.conclude(batch, view)?;
        let basis = media.map(|media| Basis::with(batch, view, media)).transpose()?;
        let basis = basis.map(|basis| basis.choosing(chosen));
        let list = list.map(Spool::conclude).transpose()?;
        let pairs = list.map_or(PairList::Unasked, PairList::Kept);
        Seen::new(batch, view, (outlook, basis, pairs))
    }
}

fn is_plainly_named(pair: &Pair) -> bool {
    let is_plain = |role| {
        let written = pair.request.source(role).as_written();
        let name = written.split(['?', '#']).next().unwrap_or_default();
        name.is_ascii() && !name.contains('%')
    };
    pair.id.as_str().is_ascii() && Role::BOTH.into_iter().all(is_plain)
}

/// What the ledger knows of listed pairs, in manifest order.
struct Stands<'v> {
    view: &'v View,
    page: std::vec::IntoIter<Stand>,
    last: Option<Stand>,
}

impl Stands<'_> {
    fn next(&mut self) -> Result<Option<Stand>, Failure> {
        if self.page.as_slice().is_empty() {
            self.page = self.view.listed_after(self.last.as_ref())?.into_iter();
        }
        let next = self.page.next();
        if self.page.as_slice().is_empty() {
            self.last.clone_from(&next);
        }
        Ok(next)
    }
}

//! Pairs that the ledger has under another spelling of their names.
//!
//! Releases whose ids were ASCII called the pair of `Müller.jpg` and `hello.mp3` `M-ller-hello`, and
//! what was paid for under that name must not be paid for again under a better one: such a pair
//! keeps the name that its ledger has. So does one whose id is spelled in another case than there,
//! which the ledger itself sees for the letters from a to z only.

use std::collections::{HashMap, HashSet};

use super::batch::Batch;
use super::failure::Failure;
use crate::exit::Exit;
use crate::ledger::{Rows, View};
use crate::pair::{Fingerprint, PairId, folded};

/// The names of pairs in a ledger, by their folded forms; only those that are asked for.
type Names = HashMap<String, String>;

/// Gives each pair the name that the ledger has it under.
pub(super) fn keep(batch: &mut Batch) -> Result<(), Failure> {
    let odd = batch.manifest.pairs.iter().any(|pair| !pair.id.as_str().is_ascii());
    if !odd && batch.manifest.formers.is_empty() {
        return Ok(());
    }
    let Some(view) = batch.site.view()? else { return Ok(()) };
    let names = names(batch, &view)?;
    let kept = kept(batch, &view, &names)?;
    for pair in &mut batch.manifest.pairs {
        // Only where the ledger would not see by itself that it is the same.
        let known = names.get(&pair.id.folded()).filter(|_| !pair.id.as_str().is_ascii());
        if let Some(id) = known.and_then(|known| PairId::parse(known).ok()) {
            pair.id = id;
        }
    }
    for (place, id) in kept {
        batch.manifest.pairs[place].id = id;
    }
    Ok(())
}

/// Of the names that the manifest has or had, those that the ledger has.
fn names(batch: &Batch, view: &View) -> Result<Names, Failure> {
    let now = batch.manifest.pairs.iter().map(|pair| pair.id.folded());
    let then = batch.manifest.formers.iter().map(|(_, former)| former.folded());
    let wanted: HashSet<String> = now.chain(then).collect();
    let mut names = Names::new();
    view.each_row::<Failure>(Rows::All, |row| {
        let name = folded(&row.id);
        if wanted.contains(&name) {
            names.insert(name, row.id);
        }
        Ok(())
    })?;
    Ok(names)
}

/// The places of pairs that the ledger has under the names that an earlier release gave them.
fn kept(batch: &Batch, view: &View, names: &Names) -> Result<Vec<(usize, PairId)>, Failure> {
    let listed: HashSet<_> = batch.manifest.pairs.iter().map(|pair| pair.id.folded()).collect();
    let mut claims: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, former) in &batch.manifest.formers {
        let (now, then) = (batch.manifest.pairs[*place].id.folded(), former.folded());
        if !names.contains_key(&now) && !listed.contains(&then) && names.contains_key(&then) {
            claims.entry(then).or_default().push(*place);
        }
    }
    let mut kept = Vec::new();
    for (then, places) in claims {
        let id = PairId::parse(&names[&then]).ok();
        kept.extend(heir(batch, view, &names[&then], &places)?.zip(id));
    }
    Ok(kept)
}

/// Which of the pairs that would have had a name is the one that has it.
fn heir(
    batch: &Batch,
    view: &View,
    name: &str,
    places: &[usize],
) -> Result<Option<usize>, Failure> {
    let Some(known) = view.known(name)? else { return Ok(None) };
    let asks_for = |place: usize| {
        let body = batch.manifest.pairs[place].request.to_json().to_string();
        Fingerprint::of(&body).as_bytes() == known.fingerprint
    };
    match (places, places.iter().copied().find(|place| asks_for(*place))) {
        (_, Some(same)) => Ok(Some(same)),
        // Links that are signed anew every day make other requests of the same pairs.
        ([only], None) => Ok(Some(*only)),
        (several, None) => {
            let ids = several.iter().map(|place| batch.manifest.pairs[*place].id.as_str());
            let ids = ids.collect::<Vec<_>>().join(" or ");
            let text = format!("{name} is in the ledger, and may be {ids}");
            let hint =
                format!("give the one that it is `id: {name}`, so that it is not paid twice");
            Err(Failure::new(Exit::Usage, text).hint(hint))
        }
    }
}

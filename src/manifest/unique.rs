//! No two pairs have one id, and none asks for what another one asks for: found out once all pairs
//! were seen, so that none of them has to be kept.

use std::collections::HashSet;
use std::io;

use sha2::{Digest, Sha256};

use crate::pair::{Pair, PairId, folded};
use crate::table::Files;

use super::excerpt;
use super::fields::Reading;
use super::problem::Finding;
use super::sorted::Sorter;
use super::tree::Span;

/// Requests come before ids.
const IDS: u128 = 1 << 127;

/// How many pairs that ask for something again are remembered, so that it is said once.
const REMEMBERED: usize = 100_000;

/// Where an id comes from, which decides how to mend a collision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// `id: …`
    Given,
    /// From the names of the two files.
    FromFiles,
    /// From the names in `cross`.
    Crossed,
}

/// What was claimed so far.
pub(super) struct Unique<'f> {
    claims: Sorter<'f>,
    /// The first trouble with the disk.
    failed: Option<io::Error>,
}

/// A pair's word for an id or a request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    pair: Span,
    id: Span,
    take: u32,
    by: Naming,
    name: String,
}

impl<'f> Unique<'f> {
    pub(super) fn new(files: &'f dyn Files) -> Self {
        Self { claims: Sorter::new(files), failed: None }
    }

    /// Notes an id as used, also that of a pair with other mistakes.
    pub(super) fn claim_id(&mut self, id: &PairId, at: Span, by: Naming) {
        let claim = Claim { pair: at, id: at, take: 1, by, name: id.as_str().to_owned() };
        self.put(id_key(id), &claim);
    }

    /// Notes what a pair asks for, and its id.
    pub(super) fn claim(&mut self, pair: &Pair, (whole, id): (Span, Span), by: Naming) {
        let name = pair.id.as_str().to_owned();
        let claim = Claim { pair: whole, id, take: pair.take, by, name };
        let (take, body) = (pair.take.to_le_bytes(), pair.request.body());
        self.put(digest([&take, body.as_bytes()]) & !IDS, &claim);
        self.put(id_key(&pair.id), &claim);
    }

    fn put(&mut self, key: u128, claim: &Claim) {
        if self.failed.is_none() {
            self.failed = self.claims.put(key, &claim.bytes()).err();
        }
    }

    /// Notes all that was claimed twice.
    pub(super) fn conclude(self, reading: &mut Reading<'_>) {
        let failed = match self.failed {
            Some(error) => Err(error),
            None => compare(self.claims, reading),
        };
        if let Err(error) = failed {
            let message = format!("whether ids are unique cannot be found out: {error}");
            let finding = Finding::new(Span::START, message, "so many pairs need a file for it");
            reading.problems.note(finding.help("make room where temporary files go (TMPDIR)"));
        }
    }
}

fn compare(claims: Sorter<'_>, reading: &mut Reading<'_>) -> io::Result<()> {
    let mut claims = claims.sorted()?;
    let mut first: Option<(u128, Vec<u8>)> = None;
    // Equal files give equal ids: one mistake, said once.
    let mut said = HashSet::new();
    while let Some((key, bytes)) = claims.next()? {
        let Some((_, other)) = first.as_ref().filter(|(other, _)| *other == key) else {
            first = Some((key, bytes));
            continue;
        };
        let claims = Claim::of(&bytes).zip(Claim::of(other));
        let (claim, first) = claims.ok_or(io::ErrorKind::InvalidData)?;
        if key < IDS {
            reading.problems.note(same_request(&claim, &first));
            if claim.by == Naming::FromFiles && said.len() < REMEMBERED {
                said.insert(claim.pair);
            }
        } else if !said.contains(&claim.pair) {
            reading.problems.note(same_id(&claim, &first));
        }
    }
    Ok(())
}

fn id_key(id: &PairId) -> u128 {
    digest([&[], id.folded().as_bytes()]) | IDS
}

fn digest(parts: [&[u8]; 2]) -> u128 {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()[..16].iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

fn same_id(claim: &Claim, first: &Claim) -> Finding {
    let message = format!("two pairs have the id {}", excerpt::quoted(&claim.name));
    let (label, help) = match claim.by {
        Naming::Given => {
            ("taken; upper and lower case make no difference", "give one of the two another `id:`")
        }
        Naming::FromFiles => {
            ("this id comes from the names of the files", "give one of the two another `id:`")
        }
        Naming::Crossed => {
            ("this id comes from the names in `cross`", "rename one of them in `cross`")
        }
    };
    Finding::new(claim.id, message, label).related(first.id, "the first one").help(help)
}

fn same_request(claim: &Claim, first: &Claim) -> Finding {
    let message = match folded(&claim.name) == folded(&first.name) {
        true => format!("`{}` is asked for twice", claim.name),
        false => format!("`{}` asks for the same video as `{}`", claim.name, first.name),
    };
    Finding::new(claim.pair, message, "the same request again, to be paid again")
        .related(first.pair, "first asked for here")
        .help(format!("remove it, or, if you want it twice, add `take: {}`", claim.take + 1))
}

impl Claim {
    /// How many bytes stand before the name.
    const NUMBERS: usize = 40;

    /// As it goes to the disk.
    fn bytes(&self) -> Vec<u8> {
        let by = match self.by {
            Naming::Given => 0,
            Naming::FromFiles => 1,
            Naming::Crossed => 2,
        };
        let spans = [self.pair, self.id].map(|it| [it.table, it.row, it.start, it.end]);
        let numbers = spans.iter().flatten().chain([&self.take, &by]);
        let mut bytes = Vec::with_capacity(Self::NUMBERS + self.name.len());
        numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (numbers, name) = bytes.split_at_checked(Self::NUMBERS)?;
        let mut numbers = numbers
            .chunks_exact(4)
            .map(|four| four.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        let mut span = || {
            let mut next = || numbers.next();
            Some(Span { table: next()?, row: next()?, start: next()?, end: next()? })
        };
        let (pair, id) = (span()?, span()?);
        let take = numbers.next()?;
        let by = match numbers.next()? {
            0 => Naming::Given,
            1 => Naming::FromFiles,
            2 => Naming::Crossed,
            _ => return None,
        };
        Some(Self { pair, id, take, by, name: String::from_utf8(name.to_vec()).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_back_from_the_disk_as_they_were() {
        let span = |row| Span { table: 1, row, start: 2, end: u32::MAX };
        for by in [Naming::Given, Naming::FromFiles, Naming::Crossed] {
            let claim =
                Claim { pair: span(7), id: span(8), take: 3, by, name: "王-é".to_owned() };
            assert_eq!(Claim::of(&claim.bytes()), Some(claim));
        }
        assert_eq!(Claim::of(&[0; 39]), None);
    }
}

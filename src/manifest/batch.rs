//! The pairs so far, no two of them with one id or asking for the same thing.

use std::collections::HashMap;

use crate::pair::{Fingerprint, Pair, PairId};

use super::excerpt;
use super::fields::Reading;
use super::media::former_id;
use super::problem::{Finding, Marks};
use super::tree::Span;

/// The pairs in the order written, and what was seen of them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) pairs: Vec<Pair>,
    /// Where their media stand.
    pub(super) marks: Vec<Marks>,
    /// The places of pairs that earlier releases named differently, and how.
    pub(super) formers: Vec<(usize, PairId)>,
    /// By the id without case: where it was given.
    ids: HashMap<String, Span>,
    /// By what is asked for, and the take: which pair, and where it stands.
    requests: HashMap<(Fingerprint, u32), (usize, Span)>,
}

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

/// Where a pair stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    pub(super) pair: Span,
    pub(super) id: Span,
    pub(super) media: Marks,
}

impl Batch {
    /// Adds a pair whose id was claimed, unless it asks for what another one asks for.
    pub(super) fn add(&mut self, reading: &mut Reading<'_>, pair: Pair, spans: Spans, by: Naming) {
        let body = pair.request.to_json().to_string();
        let key = (Fingerprint::of(&body), pair.take);
        if let Some((first, span)) = self.requests.get(&key) {
            reading.problems.note(same_request(&pair, spans.pair, &self.pairs[*first], *span));
            // Equal files give equal ids: one mistake, said once.
            if by == Naming::FromFiles {
                return;
            }
        } else {
            self.requests.insert(key, (self.pairs.len(), spans.pair));
        }
        self.claim(reading, &pair.id, spans.id, by);
        if by == Naming::FromFiles {
            let former = former_id(&pair.request.image, &pair.request.audio, pair.take);
            self.formers.extend(former.map(|former| (self.pairs.len(), former)));
        }
        self.pairs.push(pair);
        self.marks.push(spans.media);
    }

    /// Notes an id as used, also that of a pair with other mistakes.
    pub(super) fn claim(&mut self, reading: &mut Reading<'_>, id: &PairId, span: Span, by: Naming) {
        if let Some(first) = self.ids.get(&id.folded()) {
            let message = format!("two pairs have the id {}", excerpt::quoted(id.as_str()));
            let label = match by {
                Naming::Given => "taken; upper and lower case make no difference",
                Naming::FromFiles => "this id comes from the names of the files",
                Naming::Crossed => "this id comes from the names in `cross`",
            };
            let help = match by {
                Naming::Given | Naming::FromFiles => "give one of the two another `id:`",
                Naming::Crossed => "rename one of them in `cross`",
            };
            let finding = Finding::new(span, message, label).related(*first, "the first one");
            reading.problems.note(finding.help(help));
        } else {
            self.ids.insert(id.folded(), span);
        }
    }
}

fn same_request(pair: &Pair, span: Span, first: &Pair, first_span: Span) -> Finding {
    let message = match pair.id == first.id {
        true => format!("`{}` is asked for twice", pair.id),
        false => format!("`{}` asks for the same video as `{}`", pair.id, first.id),
    };
    Finding::new(span, message, "the same request again, to be paid again")
        .related(first_span, "first asked for here")
        .help(format!("remove it, or, if you want it twice, add `take: {}`", pair.take + 1))
}

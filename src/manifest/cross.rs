//! `cross`: every image with every audio.

use std::collections::HashMap;

use crate::pair::{PairId, Source};

use super::batch::{Batch, Naming, Spans};
use super::excerpt;
use super::fields::{Field, Fields, Reading};
use super::media::{AUDIO, IMAGE, Medium};
use super::pairs::{Common, Placed};
use super::problem::{Finding, Mark};
use super::tree::{Kind, Span};

/// The most pairs that `cross` may make.
pub(super) const MOST_CROSSED: usize = 1_000_000;

/// A name of `cross` and its URL.
struct Named<'t> {
    name: &'t str,
    key: Span,
    source: Source,
    mark: Mark,
}

impl<'t> Reading<'t> {
    /// Every image with every audio, in the order written.
    pub(super) fn cross(&mut self, field: &Field<'t>, common: &Common, batch: &mut Batch<'_>) {
        let Some(mut fields) = Fields::open_field(self, field, "`cross`") else { return };
        let images = self.named(field, fields.take("images"), "images", &IMAGE);
        let audios = self.named(field, fields.take("audios"), "audios", &AUDIO);
        fields.finish(self);
        if images.len().saturating_mul(audios.len()) > MOST_CROSSED {
            let message = format!("`cross` makes {} times {} pairs", images.len(), audios.len());
            let label = format!("expected at most {MOST_CROSSED} pairs");
            let finding = Finding::new(field.key, message, label);
            self.problems.note(finding.help("split it into several manifests"));
            return;
        }
        for image in &images {
            for audio in &audios {
                self.crossed(image, audio, common, batch);
            }
        }
    }

    fn crossed(&mut self, image: &Named, audio: &Named, common: &Common, batch: &mut Batch<'_>) {
        let text = format!("{}-{}", image.name, audio.name);
        match PairId::parse(&text) {
            Ok(id) => {
                let media = [image, audio]
                    .map(|named| Placed { source: named.source.clone(), mark: named.mark });
                let options = common.defaults.options.clone();
                let (pair, media) = options.pair((id, 1), &common.model, media);
                let spans = Spans { pair: image.key, id: image.key, media };
                batch.add(pair, spans, Naming::Crossed);
            }
            Err(error) => {
                let message = format!("the id {}: {error}", excerpt::quoted(&text));
                let finding = Finding::new(image.key, message, "this name and one of `audios`");
                self.problems.note(finding.help("use shorter names"));
            }
        }
    }

    /// `images` or `audios`: names that become ids, and URLs.
    fn named(
        &mut self,
        cross: &Field<'t>,
        field: Option<Field<'t>>,
        name: &'static str,
        medium: &Medium,
    ) -> Vec<Named<'t>> {
        let Some(field) = field else {
            let message = format!("`cross` has no `{name}`");
            let finding = Finding::new(cross.key, message, format!("expected `{name}:` in it"));
            self.problems.note(finding.help(format!("add `{name}: {{name: URL, …}}`")));
            return Vec::new();
        };
        let Kind::Map(entries) = &field.node.kind else {
            self.wrong(&field, "a map", "write a name and a URL in each line: `anna: https://…`");
            return Vec::new();
        };
        if entries.is_empty() {
            let help = "add a name and a URL: `anna: https://…`";
            self.refuse(&field, "there is nothing in it", "names and URLs", help);
        }
        let fields = self.entries(entries);
        let named: Vec<_> =
            fields.iter().filter_map(|entry| self.one_named(entry, medium)).collect();
        self.refuse_twins(&named);
        named
    }

    fn one_named(&mut self, entry: &Field<'t>, medium: &Medium) -> Option<Named<'t>> {
        let source = self.source(entry, medium);
        if let Err(error) = PairId::parse(entry.name) {
            let message = format!("the name {}: {error}", excerpt::quoted(entry.name));
            let finding = Finding::new(entry.key, message, "becomes part of an id");
            self.problems.note(finding.help("write something like anna or en"));
            return None;
        }
        let mark = Mark(entry.span());
        Some(Named { name: entry.name, key: entry.key, source: source?, mark })
    }

    fn refuse_twins(&mut self, named: &[Named<'t>]) {
        let mut seen = HashMap::with_capacity(named.len());
        for one in named {
            if let Some(first) = seen.insert(one.source.as_written(), one) {
                let names = (excerpt::quoted(first.name), excerpt::quoted(one.name));
                let message = format!("{} and {} have the same URL", names.0, names.1);
                let finding = Finding::new(one.key, message, "would be made and paid twice");
                let finding = finding.related(first.key, "the same URL here");
                self.problems.note(finding.help("remove one of the two"));
            }
        }
    }
}

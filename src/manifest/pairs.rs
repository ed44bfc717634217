//! `defaults` and `pairs`: what is to be made.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::pair::{Pair, PairId, Request, Source, Tag};

use super::batch::{Batch, Naming, Spans};
use super::fields::{Field, Fields, Reading};
use super::labels::Expiry;
use super::media::{AUDIO, IMAGE, Medium, default_id};
use super::problem::{Finding, Mark, Marks};
use super::tree::{Kind, Node, Span};
use super::typed;

/// The most takes of one request.
pub(super) const MOST_TAKES: u32 = 9999;

/// What a pair takes where it says nothing itself.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    image: Given<Placed>,
    audio: Given<Placed>,
    pub(super) options: Options,
}

/// A medium and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) source: Source,
    pub(super) mark: Mark,
}

/// What the manifest says about a key.
#[derive(Debug, Clone, Default)]
enum Given<T> {
    /// Nothing.
    #[default]
    Absent,
    /// `key: null`, or a value that was refused: the default is not asked.
    Nothing,
    /// This.
    Value(T),
}

impl<T: Clone> Given<T> {
    fn or(self, default: &Self) -> Self {
        if matches!(self, Self::Absent) { default.clone() } else { self }
    }

    fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Nothing => None,
        }
    }
}

/// The keys of a pair that have a default, besides its media.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    tags: Given<Vec<Tag>>,
    expires: Given<Expiry>,
    prompt: Given<Arc<str>>,
    turbo_mode: Given<bool>,
    advanced: Given<Map<String, Value>>,
    extra: Given<Map<String, Value>>,
}

impl Options {
    /// A map of a pair replaces that of the defaults; the two are not mixed.
    fn or(self, defaults: &Self) -> Self {
        Self {
            tags: self.tags.or(&defaults.tags),
            expires: self.expires.or(&defaults.expires),
            prompt: self.prompt.or(&defaults.prompt),
            turbo_mode: self.turbo_mode.or(&defaults.turbo_mode),
            advanced: self.advanced.or(&defaults.advanced),
            extra: self.extra.or(&defaults.extra),
        }
    }

    /// The pair that asks for this, and where its parts stand.
    pub(super) fn pair(
        self,
        (id, take): (PairId, u32),
        model: &Arc<str>,
        [image, audio]: [Placed; 2],
    ) -> (Pair, Marks) {
        let expires = self.expires.value();
        let (image_mark, audio_mark) = (image.mark, audio.mark);
        let request = Request {
            model: Arc::clone(model),
            image: image.source,
            audio: audio.source,
            prompt: self.prompt.value(),
            turbo_mode: self.turbo_mode.value(),
            advanced: self.advanced.value(),
            extra: self.extra.value().unwrap_or_default(),
        };
        let marks = Marks {
            image: image_mark,
            audio: audio_mark,
            expires: expires.map(|expires| expires.mark),
        };
        let tags = self.tags.value().unwrap_or_default();
        (Pair { id, take, tags, expires: expires.map(|expires| expires.at), request }, marks)
    }
}

impl Defaults {
    /// Whether pairs need not name a medium of their own.
    pub(super) fn has(&self, medium: &Medium) -> bool {
        let given = if medium.spellings == IMAGE.spellings { &self.image } else { &self.audio };
        !matches!(given, Given::Absent)
    }
}

/// What all pairs of a manifest have in common.
pub(super) struct Common {
    pub(super) model: Arc<str>,
    pub(super) defaults: Defaults,
}

impl<'t> Reading<'t> {
    pub(super) fn defaults(&mut self, field: &Field<'t>) -> Defaults {
        let Some(mut fields) = Fields::open_field(self, field, "`defaults`") else {
            return Defaults::default();
        };
        let image = self.medium(&mut fields, &IMAGE);
        let audio = self.medium(&mut fields, &AUDIO);
        let options = self.options(&mut fields);
        fields.finish(self);
        Defaults { image, audio, options }
    }

    pub(super) fn pairs(&mut self, field: &Field<'t>, common: &Common, batch: &mut Batch<'_>) {
        match &field.node.kind {
            Kind::List(_) if self.items.is_some() => self.items(common, batch),
            Kind::List(items) if items.is_empty() => {
                let help = "add one: `- image: URL`, and `audio: URL` below it";
                self.refuse(field, "there is no pair in it", "at least one pair", help);
            }
            Kind::List(items) => {
                items.iter().for_each(|item| self.pair(item, common, batch));
            }
            _ => self.wrong(field, "a list", "start every pair with `- ` in a line below"),
        }
    }

    /// Those that are still to be read: each is dropped after its pair was made.
    fn items(&mut self, common: &Common, batch: &mut Batch<'_>) {
        let text = self.text;
        while let Some(item) = self.items.as_mut().and_then(|items| items.next()) {
            self.inside((text, None), |inner| inner.pair(&item, common, batch));
        }
    }

    pub(super) fn pair(&mut self, node: &'t Node<'t>, common: &Common, batch: &mut Batch<'_>) {
        let Some(mut fields) = Fields::open(self, node, "a pair") else { return };
        let id_field = fields.take("id");
        let id = id_field.as_ref().map(|field| self.id(field));
        let image = self.medium(&mut fields, &IMAGE).or(&common.defaults.image);
        let audio = self.medium(&mut fields, &AUDIO).or(&common.defaults.audio);
        let take = self.take(&mut fields);
        let options = self.options(&mut fields).or(&common.defaults.options);
        fields.finish(self);
        self.miss(node, &image, &IMAGE);
        self.miss(node, &audio, &AUDIO);
        let pair = node.head();
        let id_span = id_field.map_or(pair, |field| field.span());
        let (Some(image), Some(audio), Some(take)) = (image.value(), audio.value(), take) else {
            if let Some(Some(id)) = id {
                batch.claim(&id, id_span, Naming::Given);
            }
            return;
        };
        let by = if id.is_some() { Naming::Given } else { Naming::FromFiles };
        let id = id.unwrap_or_else(|| self.id_of_files(pair, &image.source, &audio.source, take));
        if let Some(id) = id {
            let (made, media) = options.pair((id, take), &common.model, [image, audio]);
            batch.add(made, Spans { pair, id: id_span, media }, by);
        }
    }

    fn id(&mut self, field: &Field<'t>) -> Option<PairId> {
        self.warn_of_cut(field);
        let text = match &field.node.kind {
            Kind::Text(text) => text,
            // 12 and 0x1F are ids as good as 007, which YAML calls text.
            Kind::Whole(_) => self.raw(field.node),
            _ => self.text(field)?,
        };
        match PairId::parse(text) {
            Ok(id) => Some(id),
            Err(error) => {
                let help = "write something like welcome-en, or remove the key";
                self.refuse(field, error, "a short name", help);
                None
            }
        }
    }

    fn id_of_files(
        &mut self,
        pair: Span,
        image: &Source,
        audio: &Source,
        take: u32,
    ) -> Option<PairId> {
        let id = default_id(image, audio, take);
        if id.is_none() {
            let message = "the names of the files of this pair make no usable id";
            let finding = Finding::new(pair, message, "expected an `id:`");
            self.problems.note(finding.help("give the pair an `id:`, such as welcome-en"));
        }
        id
    }

    /// Nothing when it was refused.
    fn take(&mut self, fields: &mut Fields<'t>) -> Option<u32> {
        match fields.take("take") {
            Some(field) => self.whole(&field, 1..=MOST_TAKES),
            None => Some(1),
        }
    }

    fn medium(&mut self, fields: &mut Fields<'t>, medium: &Medium) -> Given<Placed> {
        match fields.take_either(self, medium.spellings) {
            Some(field) => self.placed(&field, medium).map_or(Given::Nothing, Given::Value),
            None => Given::Absent,
        }
    }

    fn placed(&mut self, field: &Field<'t>, medium: &Medium) -> Option<Placed> {
        let mark = Mark(field.span());
        self.source(field, medium).map(|source| Placed { source, mark })
    }

    fn miss(&mut self, node: &Node<'t>, given: &Given<Placed>, medium: &Medium) {
        if matches!(given, Given::Absent) {
            let name = medium.spellings[0];
            let (message, label, help) = match self.within {
                None => (
                    format!("this pair has no `{name}`"),
                    format!("expected `{name}:` here"),
                    format!("add `{name}:` with a public https:// URL or a file"),
                ),
                Some(_) => (
                    format!("this row has no `{name}`"),
                    format!("expected a cell in the column `{name}`"),
                    "write a public https:// URL or a file into it".to_owned(),
                ),
            };
            self.problems.note(Finding::new(node.head(), message, label).help(help));
        }
    }

    fn options(&mut self, fields: &mut Fields<'t>) -> Options {
        Options {
            tags: self.option(fields, "tags", Self::tags),
            expires: self.option(fields, "expires", Self::expires),
            prompt: self.option(fields, "prompt", Self::prompt),
            turbo_mode: self.option(fields, "turbo_mode", Self::boolean),
            advanced: self.option(fields, "advanced", Self::json_map),
            extra: self.option(fields, "extra", Self::extra),
        }
    }

    fn option<T>(
        &mut self,
        fields: &mut Fields<'t>,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Field<'t>) -> Option<T>,
    ) -> Given<T> {
        match fields.take(name) {
            None => Given::Absent,
            Some(field) if matches!(field.node.kind, Kind::Null) => {
                self.refuse_lost(&field);
                Given::Nothing
            }
            Some(field) => read(self, &field).map_or(Given::Nothing, Given::Value),
        }
    }

    /// Nothing, where somebody has typed something.
    fn refuse_lost(&mut self, field: &Field<'t>) {
        let Some(lost) = typed::lost(self.text, field.key.range().end) else { return };
        let message = format!("`{}` is empty: this is not read as text", field.name);
        let finding = Finding::new(lost, message, "an anchor or a comment to YAML");
        self.problems.note(finding.help("put it in quotes"));
    }

    /// Also an empty one: it is what the manifest says.
    fn prompt(&mut self, field: &Field<'t>) -> Option<Arc<str>> {
        match &field.node.kind {
            Kind::Text(text) => {
                self.warn_of_cut(field);
                self.warn_of_prompt(field, text);
                Some(self.texts.prompt(text))
            }
            _ => self.text(field).map(Arc::from),
        }
    }

    fn extra(&mut self, field: &Field<'t>) -> Option<Map<String, Value>> {
        if let Kind::Map(entries) = &field.node.kind {
            for (key, _) in entries {
                if let Kind::Text(name) = &key.kind
                    && Request::OWN_FIELDS.contains(&&**name)
                {
                    let message = format!("`{name}` is not a further field of the request");
                    let finding = Finding::new(key.span, message, "has a key of its own");
                    let own = if name == "model" { "the manifest" } else { "the pair" };
                    let help = format!("write `{name}:` as a key of {own}, outside `extra`");
                    self.problems.note(finding.help(help));
                }
            }
        }
        self.json_map(field)
    }
}

//! What a manifest says besides its pairs, without reading them.

use super::batch::{Batch, Keep};
use super::{Form, Manifest, Origin, events, settings, syntax};

/// What a manifest says besides its pairs. Its tables are named, and not opened.
///
/// Nothing where that is not plain to see, or something is wrong: [`super::read`] says what.
#[must_use]
pub fn head(origin: &Origin<'_>, form: Form<'_>) -> Option<Manifest> {
    let head = match form {
        Form::Table(name) => settings::bare(origin, name, Keep::Nothing),
        Form::Yaml(bytes) => {
            let text = syntax::text(origin.path, bytes).ok()?;
            let opened = events::open(text).ok()?;
            let batch = Batch::new(Keep::Nothing, origin.files);
            settings::whole(origin, (text, &opened.tree), batch)
        }
    };
    head.ok().map(|(manifest, _)| manifest)
}

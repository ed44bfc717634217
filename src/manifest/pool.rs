//! `shared_budget`: under which name several batches of one database spend the same money.

use serde_json::{Value, json};

use super::fields::{Field, Reading};

const LONGEST: usize = 64;
const HELP: &str =
    "a name that all manifests give that spend this `budget` together, such as client-a";

/// The part of the JSON Schema that is about it.
pub(super) fn schema() -> Value {
    let value = json!({
        "description": "Under this name several batches of one database (`--ledger`) spend the same \
                        `budget`, which is never passed by all together.",
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST,
    });
    json!({"shared_budget": value})
}

impl<'t> Reading<'t> {
    pub(super) fn shared_budget(&mut self, field: &Field<'t>, has_budget: bool) -> Option<String> {
        let name = self.text(field)?.trim();
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.chars().count() > LONGEST || !name.chars().all(fits) {
            self.wrong(field, "a name of at most 64 letters, digits and -_.", HELP);
            return None;
        }
        if !has_budget {
            let help = "give the sum as `budget`, alike in all manifests that spend it";
            self.refuse(field, "there is no `budget` to share", "a `budget` beside it", help);
            return None;
        }
        Some(name.to_owned())
    }
}

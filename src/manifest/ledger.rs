//! `ledger` and `batch`: the database of a ledger that many machines share, and the batch's name in it.
//!
//! A manifest is passed on, so no password may stand in it.

use super::fields::{Field, Reading};

/// Of a batch's name, in characters.
const LONGEST_NAME: usize = 128;
const DATABASE: &str = "a PostgreSQL URL, such as postgres://callsheet@db/callsheet";

/// Why a text is not taken for a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    NoDatabase,
    Password,
}

/// Whether it looks like a database without a password; what it leads to is found out by whoever goes there.
fn judge(text: &str) -> Result<(), Trouble> {
    let url = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let (pairs, separators): (&str, &[char]) = match url {
        None if !text.contains('=') => return Err(Trouble::NoDatabase),
        None => (text, &[' ', '\t', '\n', '\r']),
        Some(rest) => {
            // A password may hold what ends it.
            let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
            if user.contains(':') {
                return Err(Trouble::Password);
            }
            (rest.split_once('?').map_or("", |(_, query)| query), &['&'])
        }
    };
    let is_password = |pair: &str| {
        let key = pair.split('=').next().unwrap_or_default();
        key.trim().eq_ignore_ascii_case("password")
    };
    // `password = x` is three words.
    let names_one = pairs.split(separators).any(is_password);
    if names_one { Err(Trouble::Password) } else { Ok(()) }
}

impl<'t> Reading<'t> {
    /// A database, or a note of what is wrong with it.
    pub(super) fn ledger(&mut self, field: &Field<'t>) -> Option<String> {
        let text = self.text(field)?.trim();
        match judge(text) {
            Ok(()) => return Some(text.to_owned()),
            Err(Trouble::NoDatabase) => {
                let help = "a ledger that many machines share is in a database; a run folder is named by \
                            --out";
                self.refuse(field, "this is no database", DATABASE, help);
            }
            Err(Trouble::Password) => {
                let help = "a manifest is passed on: give the password by PGPASSWORD, ~/.pgpass or a \
                            service (PGSERVICE), or the whole URL by CALLSHEET_LEDGER";
                self.refuse(field, "there is a password in it", DATABASE, help);
            }
        }
        None
    }

    /// What the batch is called in that database.
    pub(super) fn batch_name(&mut self, field: &Field<'t>) -> Option<String> {
        let text = self.text(field)?.trim();
        if text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control) {
            return Some(text.to_owned());
        }
        let expected = "a name of at most 128 characters";
        self.refuse(field, "this is no name", expected, "such as spring-2027");
        None
    }
}

/// For the JSON Schema.
pub(super) fn schema() -> serde_json::Value {
    serde_json::json!({
        "ledger": {
            "description": "The database of a ledger that many machines share, without a password: that \
                            comes from PGPASSWORD, ~/.pgpass or PGSERVICE. --ledger and CALLSHEET_LEDGER \
                            go before it.",
            "type": "string",
            "pattern": "^ *(postgres(ql)?://|[a-z_]+ *=)",
            "maxLength": 8192,
        },
        "batch": {
            "description": "What the batch is called in a shared ledger; the manifest's name by default.",
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_NAME,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_libpq_takes_one() {
        for (text, judged) in [
            ("postgres://callsheet@db/callsheet", Ok(())),
            ("postgresql://db:5432/callsheet?sslmode=require", Ok(())),
            ("postgres:///callsheet?host=/run/postgresql", Ok(())),
            ("host=db dbname=callsheet passfile=/home/anna/.pgpass", Ok(())),
            ("service=studio", Ok(())),
            ("postgres://callsheet:secret@db/callsheet", Err(Trouble::Password)),
            ("postgres://callsheet:se/cret@db/callsheet", Err(Trouble::Password)),
            ("postgres://callsheet:se@cret@db/callsheet", Err(Trouble::Password)),
            ("postgres://callsheet:@db/callsheet", Err(Trouble::Password)),
            ("postgres://db/callsheet?user=a&password=secret", Err(Trouble::Password)),
            ("host=db password=secret", Err(Trouble::Password)),
            ("host=db password = secret", Err(Trouble::Password)),
            ("spring.run", Err(Trouble::NoDatabase)),
            ("mysql://db/callsheet", Err(Trouble::NoDatabase)),
        ] {
            assert_eq!(judge(text), judged, "{text}");
        }
    }
}

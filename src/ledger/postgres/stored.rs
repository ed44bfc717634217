//! The statement that every pair passes through, kept in the database as a function: there its plans are
//! made once a connection, and each of its steps sees the rows as they are by then. As one long statement,
//! which it was, it had to be set up whole once more whenever it had waited for a row.
//!
//! A pooler's connections have it like any other, since no client's session knows of it. It is called after
//! its text: another release has another one beside it, and neither can be given the other's.

use std::fmt::Write as _;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::batch::LOCK;
use super::error::SharedError;
use super::session::Session;

/// What tells and claims.
const TURN: &str = include_str!("turn.sql");
/// What it is given, in its order: the worker, its number, its batch; what it tells of pairs, of each these;
/// which it claims, and the epoch that it knows; whether it heard the service answer a create, how many
/// doubts it heard after that, and what came of its create alone (1 an answer, 2 a doubt); its terms, the
/// last in seconds from one create to the next; and the halts that it knows.
const GIVEN: &str = "self int8, nth int8, which int4, told_pairs int4[], told_attempts int4[], \
    told_holders int8[], told_states int2[], told_tasks text[], told_give_back bool[], \
    told_records text[], wish_pairs int4[], wish_attempts int4[], wish_costs int8[], knew int8, \
    heard bool, heard_doubts int4, heard_alone int4, most_in_flight int4, most_doubts int4, \
    apart float8, halts_known int4";
/// What it gives, in its order.
const GIVES: &str = "seq int8, live bool, stopped text, settled int4[], states int2[], claimed int4[], \
    starts float8[], held int4[], lack text, wait float8, rest float8, version int8, shut bool, \
    in_row int4, answered int8, alone int4, lone int8, under_way int4, unfinished int4, doubts int4, \
    halts int4, halt text, usual_doubts int8";
/// Of its plans: they are made once, maybe when the tables were small, and are to be right when they are not.
/// So rows are looked up, each by its key.
const PLANNED: &str = "SET plan_cache_mode = force_generic_plan SET enable_seqscan = off \
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off";

/// A function that is missing.
const MISSING: &str = "42883";

/// How it is called.
pub(super) fn call() -> &'static str {
    static CALL: OnceLock<String> = OnceLock::new();
    CALL.get_or_init(|| {
        let given: Vec<_> = (1..=GIVEN.split(',').count()).map(|n| format!("${n}")).collect();
        format!("SELECT * FROM {}({})", name(), given.join(", "))
    })
}

/// Makes the function where there is none. Whatever becomes of that, it may begin again.
pub(super) async fn prepare(session: &mut Session) -> Result<(), SharedError> {
    let there = format!("SELECT to_regproc('{}') IS NOT NULL", name());
    if session.ask(&there, &[]).await?.first().is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    session.run(&making()).await
}

/// Once the statement was refused: if the function was lacking, which an older database in the place of
/// the one there was has not, there is one now; or else gives the refusal back.
pub(super) async fn after(session: &mut Session, refused: SharedError) -> Result<(), SharedError> {
    match &refused {
        SharedError::Refused { code, .. } if code == MISSING => prepare(session).await,
        _ => Err(refused),
    }
}

fn name() -> String {
    let digest = Sha256::digest([GIVEN, GIVES, PLANNED, TURN].join("\n"));
    digest.iter().take(8).fold("callsheet.turn_".to_owned(), |mut name, byte| {
        // Into a string, which takes all.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// One makes it while others wait: together one transaction.
fn making() -> String {
    let name = name();
    format!(
        "SELECT pg_advisory_xact_lock({LOCK});
        CREATE OR REPLACE FUNCTION {name} ({GIVEN}) RETURNS TABLE ({GIVES})
            LANGUAGE plpgsql {PLANNED} AS $turn$
        {TURN} $turn$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_called_after_its_text_with_all_that_it_is_given() {
        let call = call();
        assert!(call.starts_with("SELECT * FROM callsheet.turn_"), "{call}");
        assert!(call.ends_with("$20, $21)"), "{call}");
        assert!(making().contains(&name()));
        let given = GIVEN.split(", ").map(|one| one.trim().split(' ').next().unwrap());
        for name in given {
            assert!(TURN.contains(name), "{name} is asked for in vain");
        }
    }
}

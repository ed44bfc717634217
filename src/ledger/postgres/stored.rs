//! The statement that every pair passes through, kept in the database as a function: there its plan is made
//! once a connection. To take it apart and plan it anew each time costs as much as to carry it out.
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
pub(super) const TURN: &str = include_str!("turn.sql");
/// The types of what it is given, in its order.
const GIVEN: &str = "int8, int8, int4, int4[], int4[], int8[], int2[], text[], bool[], text[], int4[], \
    int4[], int8[], int8, bool, int4, int4, int4, int4, float8, int4";
/// What it gives, in its order.
const GIVES: &str = "seq int8, live bool, stopped text, settled int4[], states int2[], claimed int4[], \
    starts float8[], held int4[], lack text, wait float8, rest float8, version int8, shut bool, \
    in_row int4, answered int8, alone int4, lone int8, under_way int4, unfinished int4, doubts int4, \
    halts int4, halt text, usual_doubts int8";
/// Of the plan: it is made once, maybe when the tables were small, and is to be right when they are not.
const PLANNED: &str =
    "SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off";

/// A function that is missing.
const MISSING: &str = "42883";
/// A role that may not make one.
const FORBIDDEN: &str = "42501";

/// How the statement is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the name of the function.
    Called,
    /// As text: the role may make no function, and nobody else did.
    Sent,
}

impl Way {
    pub(super) fn sql(self) -> &'static str {
        static CALL: OnceLock<String> = OnceLock::new();
        match self {
            Self::Sent => TURN,
            Self::Called => CALL.get_or_init(|| {
                let given: Vec<_> =
                    (1..=GIVEN.split(',').count()).map(|n| format!("${n}")).collect();
                format!("SELECT * FROM {}({})", name(), given.join(", "))
            }),
        }
    }
}

/// Makes the function where there is none, and says how to go on. Whatever becomes of that, it may begin
/// again.
pub(super) async fn prepare(session: &mut Session) -> Result<Way, SharedError> {
    let there = format!("SELECT to_regproc('{}') IS NOT NULL", name());
    if session.ask(&there, &[]).await?.first().is_some_and(|row| row.get(0)) {
        return Ok(Way::Called);
    }
    match session.run(&making()).await {
        Ok(()) => Ok(Way::Called),
        Err(SharedError::Refused { code, .. }) if code == FORBIDDEN => Ok(Way::Sent),
        Err(error) => Err(error),
    }
}

/// Once the statement was refused: if the function was lacking, which an older database in the place of
/// the one there was has not, there is one now; or else gives the refusal back.
pub(super) async fn after(session: &mut Session, refused: SharedError) -> Result<Way, SharedError> {
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

/// One makes it while others wait: together one transaction. Names in it are columns', whatever the function gives is called.
fn making() -> String {
    let name = name();
    format!(
        "SELECT pg_advisory_xact_lock({LOCK});
        CREATE OR REPLACE FUNCTION {name} ({GIVEN}) RETURNS TABLE ({GIVES})
            LANGUAGE plpgsql {PLANNED} AS $turn$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY
            {TURN}; END $turn$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_called_after_its_text_with_all_that_it_is_given() {
        let call = Way::Called.sql();
        assert!(call.starts_with("SELECT * FROM callsheet.turn_"), "{call}");
        assert!(call.ends_with("$20, $21)"), "{call}");
        assert!(making().contains(&name()));
        let most = (1..100).filter(|n| TURN.contains(&format!("${n}"))).max();
        assert_eq!(most, Some(21), "as many as the statement asks for");
    }
}

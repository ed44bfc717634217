//! The service of a batch goes by another name: said once for all who share it, while nobody is at work.

use tokio::runtime::Builder;
use tokio_postgres::types::Type;

use super::batch::{KNOWN, alone, must_be_here, must_not_be_worked_on, prepare, unsure};
use super::error::SharedError;
use super::session::{Session, Value};
use super::settings::Settings;

/// The batch belongs to another endpoint from now on; `seen` of its tasks are known there. A worker that
/// was about to begin finds another list, and so begins anew.
///
/// # Errors
/// When somebody is at work on it, when it belongs to neither of the two, or when the database is not to be
/// reached or does not have it: then nothing was changed, or all of it.
pub fn relocate(
    settings: &Settings,
    name: &str,
    (from, to): (&str, &str),
    seen: usize,
) -> Result<(), SharedError> {
    block_on(async {
        let mut session = Session::open(settings).await?;
        prepare(&mut session).await?;
        let transaction = alone(&mut session).await?;
        let known = format!("{KNOWN} FOR NO KEY UPDATE");
        let known = transaction.query_typed_opt(&known, &[(&name, Type::TEXT)]).await;
        let known = known.map_err(unsure)?.ok_or_else(|| SharedError::NoBatch(name.to_owned()))?;
        must_be_here(name, &known)?;
        if let Some(why) = known.get("stopped") {
            return Err(SharedError::Stopped(why));
        }
        let batch: i32 = known.get("batch");
        let now: &str = known.get("endpoint");
        if now != to {
            if now != from {
                let what = "another endpoint by now";
                return Err(SharedError::OtherBatch { name: name.to_owned(), what });
            }
            must_not_be_worked_on(&transaction, (name, batch)).await?;
            let sql = "WITH moved AS (
                    INSERT INTO callsheet.move (batch, from_endpoint, to_endpoint, seen)
                    VALUES ($1, $2, $3, $4)
                ) UPDATE callsheet.batch SET endpoint = $3, listed = '' WHERE batch = $1";
            let seen = i32::try_from(seen).unwrap_or(i32::MAX);
            let values: &[Value<'_>] = &[
                (&batch, Type::INT4),
                (&from, Type::TEXT),
                (&to, Type::TEXT),
                (&seen, Type::INT4),
            ];
            transaction.execute_typed(sql, values).await.map_err(unsure)?;
        }
        transaction.commit().await.map_err(unsure)?;
        // An aborted transaction's COMMIT says OK, too.
        let known = session.ask(KNOWN, &[(&name, Type::TEXT)]).await?;
        match known.first().is_some_and(|row| row.get::<_, &str>("endpoint") == to) {
            true => Ok(()),
            false => Err(SharedError::Unsure("it was not written".to_owned())),
        }
    })
}

/// Where the batch of that mark belongs by now, if it once belonged to `from` and was moved; nothing where
/// the database knows of no such move.
///
/// # Errors
/// When the database is not to be reached.
pub fn moved(
    settings: &Settings,
    (name, mark): (&str, i64),
    from: &str,
) -> Result<Option<String>, SharedError> {
    block_on(async {
        let mut session = Session::open_to_read(settings).await?;
        let there = session.ask("SELECT to_regclass('callsheet.move') IS NOT NULL", &[]).await?;
        if !there.first().is_some_and(|row| row.get(0)) {
            return Ok(None);
        }
        let sql = "SELECT endpoint FROM callsheet.batch b WHERE name = $1 AND mark = $2
            AND EXISTS (SELECT 1 FROM callsheet.move m WHERE m.batch = b.batch AND from_endpoint = $3)";
        let values: &[Value<'_>] = &[(&name, Type::TEXT), (&mark, Type::INT8), (&from, Type::TEXT)];
        Ok(session.ask(sql, values).await?.first().map(|row| row.get(0)))
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, SharedError>>) -> Result<T, SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(work)
}

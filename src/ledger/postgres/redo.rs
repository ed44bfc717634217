//! Other takes of pairs, by a person's word: the one thing that plans again what was finished.

use tokio::runtime::Builder;
use tokio_postgres::types::Type;

use super::error::SharedError;
use super::outcome::{Outcome, Told};
use super::session::{Session, Value};
use super::settings::Settings;

/// Plans these pairs again, whoever had them, if they stand as whoever asks knows them: saved, failed or
/// written off after that create. Gives those that are planned now.
///
/// # Errors
/// When the database is not to be reached, or the batch is stopped.
pub fn redo(
    settings: &Settings,
    name: &str,
    outcomes: &[Outcome],
) -> Result<Vec<i32>, SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    let told = Told::of(outcomes);
    let sql = "WITH durable AS MATERIALIZED (
            SELECT set_config('synchronous_commit', 'on', true) AS commits
        ), open AS MATERIALIZED (
            SELECT batch FROM callsheet.batch
            WHERE name = $1 AND stopped IS NULL AND (SELECT commits FROM durable) <> 'off'
        ), told AS MATERIALIZED (
            SELECT * FROM unnest($2::int4[], $3::int4[], $4::text[]) AS told (n, attempt, record)
        ), was AS MATERIALIZED (
            SELECT s.batch, s.n FROM callsheet.standing s JOIN told t ON s.n = t.n
            WHERE s.batch = (SELECT batch FROM open) AND s.n = ANY ($2) AND s.attempt = t.attempt
                AND s.state IN (4, 5, 8)
            ORDER BY s.n FOR UPDATE OF s
        ), redone AS (
            UPDATE callsheet.standing s SET state = 0, turn = NULL
            WHERE s.batch = (SELECT batch FROM open) AND s.n = ANY (ARRAY(SELECT n FROM was))
            RETURNING s.batch, s.n, s.attempt
        ), kept AS (
            INSERT INTO callsheet.record (batch, n, attempt, record)
            SELECT r.batch, r.n, r.attempt, t.record FROM redone r JOIN told t USING (n)
            ON CONFLICT (batch, n) DO UPDATE SET attempt = excluded.attempt, record = excluded.record
        )
        SELECT n FROM redone ORDER BY n";
    runtime.block_on(async {
        let mut session = Session::open(settings).await?;
        let values: &[Value<'_>] = &[
            (&name, Type::TEXT),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.records, Type::TEXT_ARRAY),
        ];
        Ok(session.ask(sql, values).await?.iter().map(|row| row.get(0)).collect())
    })
}

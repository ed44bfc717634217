//! The verbs of the tables, as PostgreSQL's statements.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::error::SharedError;
use super::outcome::{Outcome, Told, Wish, state_of};
use super::pull::{self, Page, Pulled};
use super::restored::WENT_BACK;
use super::session::{Session, Value};
use super::settings::Settings;
use super::stored;
use super::tables::{
    Answer, Asks, Beat, Company, Done, Entered, Entry, Found, Lacking, Me, Place, Purse, Quiet,
    Tables,
};
use crate::ledger::guard::Clocks;
use crate::pace::{Heard, Short, Terms};

const ENTER: &str = include_str!("enter.sql");
const RECOVER: &str = include_str!("recover.sql");
const BACK: &str = include_str!("back.sql");
const BEAT: &str = include_str!("beat.sql");
const EXPIRE: &str = include_str!("expire.sql");
const ADOPT: &str = include_str!("adopt.sql");
const NEXT: &str = include_str!("next.sql");
const LEFT: &str = include_str!("left.sql");
const LOOK: &str = include_str!("look.sql");
const LONE: &str = include_str!("lone.sql");
const ASIDE: &str = include_str!("aside.sql");
const IDLE: &str = include_str!("idle.sql");

impl Place for Settings {
    type Tables = Session;

    async fn open(&self) -> Answer<Session> {
        Session::open(self).await
    }

    fn clocks(&self) -> Clocks {
        Clocks::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl Tables for Session {
    async fn enter(&mut self, entry: Entry<'_>) -> Answer<Option<Entered>> {
        let Entry { me, who, lease, digest, concurrency } = entry;
        let concurrency = i32::from(concurrency);
        #[expect(clippy::cast_precision_loss, reason = "a lease has few milliseconds")]
        let millis = lease.as_millis() as f64;
        let values: &[Value<'_>] = &[
            (&me.worker, Type::INT8),
            (&me.batch, Type::INT4),
            (&millis, Type::FLOAT8),
            (&who, Type::TEXT),
            (&digest, Type::BYTEA),
            (&concurrency, Type::INT4),
        ];
        let rows = self.ask(ENTER, values).await?;
        let entered = |row: &Row| Entered {
            epoch: row.get("epoch"),
            stopped: row.get("stopped"),
            mark: row.get("mark"),
            halts: row.get("halts"),
        };
        Ok(rows.first().map(entered))
    }

    async fn turn(&mut self, me: Me, asks: Asks<'_>) -> Answer<Option<Done>> {
        let (told, wishes) = (Told::of(asks.outcomes), asks.wishes);
        let pairs: Vec<_> = wishes.iter().map(|wish| wish.n).collect();
        let attempts: Vec<_> = wishes.iter().map(|wish| wish.attempt).collect();
        let costs: Vec<_> = wishes.iter().map(|Wish { cost, .. }| *cost).collect();
        let Heard { answered, doubts, alone, .. } = asks.heard;
        let (heard, alone) =
            (int(doubts), alone.map_or(0, |answered| if answered { 1 } else { 2 }));
        let Terms { in_flight, max_doubts, apart, .. } = asks.terms;
        let (in_flight, max_doubts) = (in_flight.map(int), max_doubts.map(int));
        let apart = apart.map(|apart| apart.as_secs_f64());
        let values: &[Value<'_>] = &[
            (&me.worker, Type::INT8),
            (&asks.seq, Type::INT8),
            (&me.batch, Type::INT4),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.holders, Type::INT8_ARRAY),
            (&told.states, Type::INT2_ARRAY),
            (&told.tasks, Type::TEXT_ARRAY),
            (&told.give_back, Type::BOOL_ARRAY),
            (&told.records, Type::TEXT_ARRAY),
            (&pairs, Type::INT4_ARRAY),
            (&attempts, Type::INT4_ARRAY),
            (&costs, Type::INT8_ARRAY),
            (&asks.epoch, Type::INT8),
            (&answered, Type::BOOL),
            (&heard, Type::INT4),
            (&alone, Type::INT4),
            (&in_flight, Type::INT4),
            (&max_doubts, Type::INT4),
            (&apart, Type::FLOAT8),
            (&asks.halts, Type::INT4),
        ];
        let rows = match self.ask(stored::call(), values).await {
            Err(refused) => {
                stored::after(self, refused).await?;
                self.ask(stored::call(), values).await?
            }
            Ok(rows) => rows,
        };
        Ok(rows.first().map(done))
    }

    async fn recover(&mut self, me: Me, sent: i64, leap: i64) -> Answer<Option<Found>> {
        let values: &[Value<'_>] = &[
            (&me.worker, Type::INT8),
            (&me.batch, Type::INT4),
            (&sent, Type::INT8),
            (&leap, Type::INT8),
        ];
        let rows = self.ask(RECOVER, values).await?;
        Ok(rows.first().map(|row| Found { seq: row.get("found"), moved: row.get("seq") }))
    }

    async fn give_back(&mut self, me: Me, seq: i64) -> Answer<()> {
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&me.batch, Type::INT4), (&seq, Type::INT8)];
        self.ask(BACK, values).await.map(drop)
    }

    async fn beat(&mut self, me: Me) -> Answer<Option<Beat>> {
        let values: &[Value<'_>] = &[(&me.worker, Type::INT8), (&me.batch, Type::INT4)];
        let rows = self.ask(BEAT, values).await?;
        Ok(rows.first().map(|row| Beat {
            seq: row.get("seq"),
            beats: row.get("beats"),
            live: row.get("live"),
            stopped: row.get("stopped"),
        }))
    }

    async fn next(&mut self, batch: i32, most: usize) -> Answer<Vec<i32>> {
        let sql = NEXT.replace(":most", &most.to_string());
        Ok(numbers(&self.ask(&sql, &[(&batch, Type::INT4)]).await?))
    }

    async fn left(&mut self, batch: i32, from: i32, most: usize) -> Answer<Vec<i32>> {
        let sql = LEFT.replace(":most", &most.to_string());
        let values: &[Value<'_>] = &[(&batch, Type::INT4), (&from, Type::INT4)];
        Ok(numbers(&self.ask(&sql, values).await?))
    }

    async fn span(&mut self, batch: i32) -> Answer<(i32, i32)> {
        // As in `next.sql`, for the planner. Each of the two looks from its end; where the first finds none,
        // it has seen all.
        let sql = "WITH first AS MATERIALIZED (
                SELECT n FROM callsheet.standing WHERE batch = $1 AND state + 0 < 1 ORDER BY n LIMIT 1
            ) SELECT coalesce((SELECT n FROM first), 0), CASE WHEN EXISTS (SELECT 1 FROM first) THEN
                (SELECT n + 1 FROM callsheet.standing
                    WHERE batch = $1 AND state + 0 < 1 ORDER BY n DESC LIMIT 1) ELSE 0 END";
        let rows = self.ask(sql, &[(&batch, Type::INT4)]).await?;
        Ok(rows.first().map_or((0, 0), |row| (row.get(0), row.get(1))))
    }

    async fn expire(&mut self, batch: i32) -> Answer<Vec<i32>> {
        Ok(numbers(&self.ask(EXPIRE, &[(&batch, Type::INT4)]).await?))
    }

    async fn adopt(&mut self, me: Me, most: usize, dice: f64) -> Answer<Vec<i32>> {
        let sql = ADOPT.replace(":most", &most.to_string());
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&me.batch, Type::INT4), (&dice, Type::FLOAT8)];
        Ok(numbers(&self.ask(&sql, values).await?))
    }

    async fn pull(&mut self, batch: i32, page: Page<'_>) -> Answer<Vec<Pulled>> {
        pull::pull(self, batch, page).await
    }

    async fn keep_tasks(&mut self, batch: i32, outcomes: &[Outcome]) -> Answer<()> {
        let told = Told::of(outcomes);
        let sql = "WITH task AS (
                INSERT INTO callsheet.task (batch, task, n, attempt)
                SELECT $1, task, n, attempt
                FROM unnest($2::int4[], $3::int4[], $4::text[]) AS told (n, attempt, task)
                WHERE task IS NOT NULL ORDER BY task ON CONFLICT DO NOTHING
            ) SELECT set_config('synchronous_commit', 'on', true)";
        let values: &[Value<'_>] = &[
            (&batch, Type::INT4),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.tasks, Type::TEXT_ARRAY),
        ];
        self.ask(sql, values).await.map(drop)
    }

    async fn sign_off_for(&mut self, worker: i64) -> Answer<bool> {
        // What it had claimed and said nothing of is a person's to decide on. Where nobody has anything
        // under way, the pairs are not looked through.
        let sql = "WITH unsaid AS (
                UPDATE callsheet.standing SET state = 7
                WHERE batch = (SELECT batch FROM callsheet.worker WHERE worker = $1)
                    AND worker = $1 AND state = 1
                    AND EXISTS (SELECT 1 FROM callsheet.worker w JOIN callsheet.purse p USING (batch)
                        WHERE w.worker = $1 AND p.under_way > 0)
            ) UPDATE callsheet.worker
            SET over = true, ended = coalesce(ended, clock_timestamp()), seq = seq + 1
            WHERE worker = $1 RETURNING set_config('synchronous_commit', 'on', true)";
        Ok(!self.ask(sql, &[(&worker, Type::INT8)]).await?.is_empty())
    }

    async fn leave(&mut self, me: Me, seq: i64) -> Answer<bool> {
        let sql = "UPDATE callsheet.worker SET over = true, ended = clock_timestamp(), seq = seq + 1
            WHERE worker = $1 AND seq = $2
                AND ((SELECT p.under_way FROM callsheet.purse p WHERE p.batch = $3) = 0 OR NOT EXISTS
                    (SELECT 1 FROM callsheet.standing s
                    WHERE s.batch = $3 AND s.state = 1 AND s.worker = $1))
            RETURNING set_config('synchronous_commit', 'on', true)";
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&seq, Type::INT8), (&me.batch, Type::INT4)];
        Ok(self.ask(sql, values).await?.len() == 1)
    }

    async fn look(&mut self, batch: i32) -> Answer<(Purse, Option<String>)> {
        let rows = self.ask(LOOK, &[(&batch, Type::INT4)]).await?;
        let row = rows.first().ok_or(SharedError::Broken("a batch is missing"))?;
        Ok((purse(row), row.get("stopped")))
    }

    async fn take_lone(&mut self, me: Me, halts: i32) -> Answer<()> {
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&me.batch, Type::INT4), (&halts, Type::INT4)];
        self.ask(LONE, values).await.map(drop)
    }

    async fn leave_lone(&mut self, me: Me) -> Answer<()> {
        let sql = "UPDATE callsheet.purse SET lone = NULL, version = version + 1
            WHERE batch = $2 AND lone = $1 RETURNING set_config('synchronous_commit', 'on', true)";
        let values: &[Value<'_>] = &[(&me.worker, Type::INT8), (&me.batch, Type::INT4)];
        self.ask(sql, values).await.map(drop)
    }

    async fn doubts(&mut self, batch: i32, most: usize) -> Answer<Vec<i32>> {
        let sql = "SELECT n FROM callsheet.doubt WHERE batch = $1 ORDER BY at DESC LIMIT $2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let values: &[Value<'_>] = &[(&batch, Type::INT4), (&most, Type::INT8)];
        Ok(numbers(&self.ask(sql, values).await?))
    }

    async fn halt(&mut self, batch: i32, why: &str) -> Answer<()> {
        let sql = "UPDATE callsheet.purse
            SET halts = halts + 1, halt = $2, alone = 0, lone = NULL, version = version + 1
            WHERE batch = $1 RETURNING set_config('synchronous_commit', 'on', true)";
        self.ask(sql, &[(&batch, Type::INT4), (&why, Type::TEXT)]).await.map(drop)
    }

    async fn set_aside(&mut self, me: Me, n: i32) -> Answer<()> {
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&me.batch, Type::INT4), (&n, Type::INT4)];
        self.ask(ASIDE, values).await.map(drop)
    }

    async fn idle(&mut self, me: Me, idle: bool) -> Answer<Company> {
        let values: &[Value<'_>] =
            &[(&me.worker, Type::INT8), (&me.batch, Type::INT4), (&idle, Type::BOOL)];
        let rows = self.ask(IDLE, values).await?;
        let row = rows.first().ok_or(SharedError::Broken("nobody was counted"))?;
        let count = |name| u32::try_from(row.get::<_, i32>(name)).unwrap_or_default();
        Ok(Company { alive: count("alive"), busy: count("busy") })
    }

    async fn quiet(&mut self, me: Me) -> Answer<Option<Quiet>> {
        let sql = "SELECT w.seq, (SELECT count(*) FROM callsheet.worker o
                WHERE o.batch = $2 AND o.worker <> $1) AS others
            FROM callsheet.worker w WHERE w.worker = $1 AND NOT EXISTS
                (SELECT 1 FROM callsheet.worker o
                WHERE o.batch = $2 AND o.worker <> $1 AND o.ended IS NULL)";
        let rows = self.ask(sql, &[(&me.worker, Type::INT8), (&me.batch, Type::INT4)]).await?;
        Ok(rows.first().map(|row| Quiet { others: row.get("others"), seq: row.get("seq") }))
    }

    async fn stop(&mut self, batch: i32, epoch: i64) -> Answer<()> {
        let sql = "WITH purse AS (
                UPDATE callsheet.purse SET epoch = $2, seen = $2 WHERE batch = $1
                RETURNING set_config('synchronous_commit', 'on', true)
            ) UPDATE callsheet.batch SET stopped = $3
            WHERE batch = $1 AND EXISTS (SELECT 1 FROM purse)";
        let values: &[Value<'_>] =
            &[(&batch, Type::INT4), (&epoch, Type::INT8), (&WENT_BACK, Type::TEXT)];
        self.ask(sql, values).await.map(drop)
    }
}

fn done(row: &Row) -> Done {
    let (settled, states): (Vec<i32>, Vec<i16>) = (row.get("settled"), row.get("states"));
    Done {
        seq: row.get("seq"),
        live: row.get("live"),
        stopped: row.get("stopped"),
        settled: settled.into_iter().zip(states.into_iter().map(state_of)).collect(),
        claimed: row.get("claimed"),
        starts: row.get::<_, Vec<f64>>("starts").into_iter().map(seconds).collect(),
        held: row.get("held"),
        lack: lack(row),
        purse: purse(row),
    }
}

fn lack(row: &Row) -> Option<Lacking> {
    let (lack, purse) = (row.get::<_, Option<&str>>("lack")?, purse(row));
    Some(match lack {
        "budget" => Lacking::Budget(row.get::<_, Vec<i32>>("held").first().copied()?),
        "in_flight" => Lacking::Short(Short::InFlight(purse.unfinished)),
        "restart" => Lacking::Short(Short::Restarted(seconds(row.get("rest")))),
        "rate" => Lacking::Short(Short::Rate(seconds(row.get("wait")))),
        "doubts" => Lacking::Short(Short::Doubts(purse.doubts.saturating_add(purse.under_way))),
        _ => Lacking::Short(Short::Gate),
    })
}

fn purse(row: &Row) -> Purse {
    let count = |name| u32::try_from(row.get::<_, i32>(name)).unwrap_or_default();
    Purse {
        version: row.get("version"),
        shut: row.get("shut"),
        lone: row.get("lone"),
        row: count("in_row"),
        alone: count("alone"),
        answered: row.get("answered"),
        under_way: count("under_way"),
        unfinished: count("unfinished"),
        doubts: count("doubts"),
        usual_doubts: u32::try_from(row.get::<_, i64>("usual_doubts")).unwrap_or(u32::MAX),
        halts: row.get("halts"),
        halt: row.get("halt"),
    }
}

fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Whatever a server says.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

fn numbers(rows: &[Row]) -> Vec<i32> {
    rows.iter().map(|row| row.get(0)).collect()
}

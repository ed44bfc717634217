-- $1 worker, $2 its number, $3 batch · $4-$10 what it tells of pairs · $11-$13 which it claims, $14 the
-- epoch it knows · $15 whether it heard the service answer a create, $16 how many doubts it heard after
-- that, $17 what came of its create alone (1 an answer, 2 a doubt) · $18 in_flight, $19 max_doubts, $20
-- seconds from one create to the next, $21 the halts it knows. No row: the number is another one.
WITH durable AS MATERIALIZED (
    -- Here and not once for the connection, which a pooler may have others use. What is read before
    -- the commit counts for it.
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), own AS MATERIALIZED (
    SELECT worker, renewed + lease AS until, over FROM callsheet.worker
    WHERE worker = $1 AND seq = $2 AND batch = $3 AND (SELECT commits FROM durable) <> 'off'
    FOR UPDATE
), live AS MATERIALIZED (
    -- Read after its lock was got.
    SELECT worker FROM own WHERE clock_timestamp() < until AND NOT over
), told AS MATERIALIZED (
    SELECT * FROM unnest($4::int4[], $5::int4[], $6::int8[], $7::int2[], $8::text[], $9::bool[],
        $10::text[]) AS told (n, attempt, holder, state, task, gives_back, record)
    WHERE EXISTS (SELECT 1 FROM own)
), task AS (
    INSERT INTO callsheet.task (batch, task, n, attempt)
    SELECT $3, task, n, attempt FROM told WHERE task IS NOT NULL ORDER BY task
    ON CONFLICT DO NOTHING RETURNING n
), was AS MATERIALIZED (
    -- In one order, so that two who tell of the same pairs do not wait for each other.
    SELECT s.n, s.state FROM callsheet.standing s JOIN told t ON s.n = t.n
    WHERE s.batch = $3 AND s.n = ANY ($4)
        -- Who intended a later create and made none of it has made none of the one before either: of that
        -- nothing was told if both were written down at once.
        AND (s.attempt = t.attempt OR s.attempt < t.attempt AND s.state = 1
            AND s.worker = t.holder AND t.state = 0 AND t.gives_back)
        -- A doubt says nothing of what a person had planned again meanwhile.
        AND (s.worker = t.holder OR s.state = 0 AND t.state <> 7)
        -- Whoever decides on a doubt may not know of the answer that came meanwhile.
        AND NOT (s.state BETWEEN 2 AND 4
            AND (t.state IN (0, 1, 6, 7, 8) OR t.state = 2 AND t.holder <> $1))
    ORDER BY s.n FOR UPDATE OF s
), settled AS (
    UPDATE callsheet.standing s
    -- No turn: those before counted another worker's statements, and what is in doubt is no claim of ours.
    SET worker = $1, turn = NULL, state = CASE WHEN t.state BETWEEN 2 AND 5 AND t.task IS NOT NULL
            AND NOT t.n = ANY (ARRAY(SELECT n FROM task))
            AND NOT EXISTS (SELECT 1 FROM callsheet.task k
                WHERE k.batch = $3 AND k.task = t.task AND k.n = t.n)
        THEN 7 ELSE t.state END
    FROM told t JOIN was w ON w.n = t.n
    WHERE s.batch = $3 AND s.n = ANY ($4) AND s.n = t.n
        AND (s.attempt = t.attempt OR s.attempt < t.attempt AND s.state = 1
            AND s.worker = t.holder AND t.state = 0 AND t.gives_back)
        AND (s.worker = t.holder OR s.state = 0 AND t.state <> 7)
        AND NOT (s.state BETWEEN 2 AND 4
            AND (t.state IN (0, 1, 6, 7, 8) OR t.state = 2 AND t.holder <> $1))
    RETURNING s.n, s.attempt, s.state, s.cost, t.record, w.state AS was,
        -- A take that was refused gives way to the one before.
        w.state IN (1, 7) AND s.state IN (0, 4, 6) AND t.gives_back AS gives_back
), kept AS (
    INSERT INTO callsheet.record (batch, n, attempt, record)
    SELECT $3, n, attempt, record FROM settled
    ON CONFLICT (batch, n) DO UPDATE SET attempt = excluded.attempt, record = excluded.record
), picked AS MATERIALIZED (
    -- Who asks for another create of a pair that it has claimed has not sent the one before.
    SELECT s.n, w.attempt, w.cost, CASE WHEN s.state = 1 THEN s.cost ELSE 0 END AS held,
        (s.state = 1)::int AS again
    FROM callsheet.standing s
        JOIN unnest($11::int4[], $12::int4[], $13::int8[]) AS w (n, attempt, cost) ON w.n = s.n
    WHERE s.batch = $3 AND s.n = ANY ($11) AND s.attempt < w.attempt
        AND (s.state + 0 < 1 OR s.state = 1 AND s.worker = $1)
        -- Counted first, so that all is settled before anything is claimed: the other way round, two
        -- workers wait for each other.
        AND (SELECT true FROM live JOIN callsheet.batch b ON b.batch = $3
            WHERE b.stopped IS NULL AND (SELECT count(*) FROM settled) >= 0)
    ORDER BY s.n
    FOR UPDATE OF s SKIP LOCKED
), purse AS MATERIALIZED (
    -- Last: all rows that are written from here on are locked already.
    SELECT * FROM callsheet.purse_of(CASE WHEN EXISTS (SELECT 1 FROM own)
        AND (SELECT count(*) FROM settled) >= 0 AND (SELECT count(*) FROM picked) >= 0 THEN $3 END)
), pool AS MATERIALIZED (
    SELECT callsheet.left_in(pool) AS left FROM purse
), tally AS MATERIALIZED (
    -- Of what is told here, which the trigger counts only at the end.
    SELECT -count(*) FILTER (WHERE was = 1 AND state <> 1) AS under_way,
        count(*) FILTER (WHERE was NOT IN (1, 2) AND state IN (1, 2))
            - count(*) FILTER (WHERE was IN (1, 2) AND state NOT IN (1, 2))
            -- Those that were aside took no place.
            + (SELECT count(*) FROM callsheet.aside WHERE batch = $3
                AND n = ANY (ARRAY(SELECT n FROM settled WHERE was = 2 AND state <> 2))) AS unfinished,
        count(*) FILTER (WHERE was <> 7 AND state = 7) AS doubts,
        coalesce(sum(cost) FILTER (WHERE gives_back), 0)::int8 AS refunds
    FROM settled
), here AS MATERIALIZED (
    -- Read after its lock was got.
    SELECT p.*, clock_timestamp() AS now,
        p.under_way + t.under_way AS sending, p.unfinished + t.unfinished AS tasks,
        p.doubts + t.doubts AS in_doubt, t.refunds,
        coalesce((SELECT sum(w.concurrency) FROM callsheet.worker w WHERE w.batch = $3 AND NOT w.over
            AND clock_timestamp() < w.renewed + w.lease), 0) AS places,
        coalesce(p.lone = $1 AND $17 = 1, false) AS reopens,
        -- Another server may be an older one. Who had written there since notices that at the next
        -- heartbeat; who had not has to give them that time.
        p.server <> pg_postmaster_start_time() AS is_restarted,
        CASE WHEN p.server = pg_postmaster_start_time() THEN p.quiet
            ELSE clock_timestamp() + coalesce((SELECT max(w.lease) FROM callsheet.worker w
                WHERE w.batch = $3 AND NOT w.over AND w.worker <> $1), interval '0') * 2 / 3
            END AS quiet_until,
        -- Of creates that began before it was closed, nothing counts.
        CASE WHEN p.shut IS NULL THEN CASE WHEN $15 THEN 0 ELSE p.in_row END + $16
            WHEN $15 THEN 0 ELSE p.in_row END AS row_now
    FROM purse p, tally t, pool
), gate AS MATERIALIZED (
    SELECT row_now AS in_row, answered + ($15 AND (in_row > 0 OR shut IS NOT NULL))::int AS answered,
        CASE WHEN reopens THEN NULL
            WHEN shut IS NULL AND $16 > 0 AND row_now >= least(3, greatest(places, 1)) THEN now
            ELSE shut END AS shut,
        CASE WHEN reopens THEN NULL ELSE lone END AS lone,
        CASE WHEN reopens THEN 0 WHEN lone = $1 AND $17 = 2 THEN alone + 1 ELSE alone END AS alone
    FROM here
), room AS MATERIALIZED (
    SELECT least(
            CASE WHEN h.halts > $21 OR h.quiet_until > h.now THEN 0
                WHEN g.shut IS NULL THEN 1000
                WHEN g.lone = $1 AND h.sending - (SELECT sum(again) FROM picked) <= 0 THEN 1
                ELSE 0 END,
            coalesce($19, h.places + 20 + greatest(h.accepted, 0) / 50) - h.in_doubt - h.sending,
            coalesce($18 - h.tasks, 1000),
            -- As far ahead as claims may be late, and no further: who has one may die before it.
            coalesce(floor(extract(epoch FROM h.now + interval '1 second' - greatest(h.opens, h.now))
                / $20) + 1, 1000)
        ) AS free,
        least(h.budget - h.reserved, pool.left) + h.refunds AS money
    FROM here h, gate g, pool
), admitted AS MATERIALIZED (
    SELECT n, attempt, cost, held, place, total <= coalesce(money, total) AS is_paid, place <= free AS has_room
    FROM (
        SELECT *, row_number() OVER (ORDER BY n) AS place, sum(cost - held) OVER (ORDER BY n) AS total
        FROM picked
    ) AS p, room
), claimed AS (
    UPDATE callsheet.standing s
    SET state = 1, worker = $1, attempt = a.attempt, turn = $2, cost = a.cost
    FROM admitted a
    WHERE s.batch = $3 AND s.n = ANY (ARRAY(SELECT n FROM admitted WHERE is_paid AND has_room))
        AND s.n = a.n AND (s.state + 0 < 1 OR s.state = 1 AND s.worker = $1) AND s.attempt < a.attempt
    RETURNING s.n, s.cost - a.held AS more
), me AS (
    UPDATE callsheet.worker SET seq = seq + 1,
        renewed = CASE WHEN EXISTS (SELECT 1 FROM live) THEN clock_timestamp() ELSE renewed END
    WHERE worker = (SELECT worker FROM own) RETURNING seq
), got AS MATERIALIZED (
    SELECT count(*)::int4 AS claims, coalesce(sum(more), 0)::int8 AS more FROM claimed
), paid AS MATERIALIZED (
    SELECT CASE WHEN claims > 0 OR $15 OR $16 > 0 OR $17 > 0 OR refunds > 0 OR h.is_restarted
        THEN callsheet.pay($3, got.more - refunds, CASE WHEN claims > 0 THEN $14 END,
            claims * CASE WHEN $20 > 0 THEN $20 END, h.now, h.quiet_until,
            g.in_row, g.answered, g.shut, g.lone, g.alone)
        ELSE h.version END AS version
    FROM here h, gate g, got
)
SELECT me.seq, EXISTS (SELECT 1 FROM live) AS live,
    (SELECT stopped FROM callsheet.batch WHERE batch = $3) AS stopped,
    ARRAY(SELECT n FROM settled ORDER BY n) AS settled,
    ARRAY(SELECT state FROM settled ORDER BY n) AS states,
    ARRAY(SELECT n FROM claimed ORDER BY n) AS claimed,
    -- In how many seconds each may start.
    ARRAY(SELECT extract(epoch FROM greatest(h.opens, h.now) - h.now)::float8
            + (row_number() OVER (ORDER BY n) - 1) * coalesce($20, 0)
        FROM claimed, here h ORDER BY n) AS starts,
    ARRAY(SELECT n FROM admitted WHERE NOT (is_paid AND has_room) ORDER BY n) AS held,
    -- Why the first of them has to wait, and in how many seconds there is another start.
    (SELECT CASE WHEN a.has_room THEN 'budget'
            WHEN h.halts > $21 THEN 'gate'
            WHEN h.quiet_until > h.now THEN 'restart'
            WHEN h.in_doubt + h.sending + got.claims
                >= coalesce($19, h.places + 20 + greatest(h.accepted, 0) / 50) THEN 'doubts'
            WHEN g.shut IS NOT NULL THEN 'gate'
            WHEN h.tasks + got.claims >= $18 THEN 'in_flight'
            ELSE 'rate' END
        FROM admitted a WHERE NOT (a.is_paid AND a.has_room) ORDER BY a.n LIMIT 1) AS lack,
    greatest(0, extract(epoch FROM greatest(h.opens, h.now) - h.now)::float8
        + got.claims * coalesce($20, 0) - 1) AS wait,
    CASE WHEN h.quiet_until > h.now THEN extract(epoch FROM h.quiet_until - h.now) ELSE 0 END::float8
        AS rest,
    paid.version, g.shut IS NOT NULL AS shut, g.in_row, g.answered, g.alone,
    (SELECT w.worker FROM callsheet.worker w WHERE w.worker = g.lone AND NOT w.over
        AND clock_timestamp() < w.renewed + w.lease) AS lone,
    (h.sending + got.claims)::int4 AS under_way, (h.tasks + got.claims)::int4 AS unfinished, h.in_doubt::int4 AS doubts,
    h.halts, h.halt, (h.places + 20 + greatest(h.accepted, 0) / 50)::int8 AS usual_doubts
FROM me, here h, gate g, got, paid

-- $1 worker, $2 its number, $3 batch · $4-$9 what became of creates · $10 after which place to claim, $11 the
-- epoch it knows. No row: the number is another one.
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
    SELECT * FROM unnest($4::int4[], $5::int4[], $6::int2[], $7::text[], $8::text[], $9::text[])
        AS told (n, attempt, state, task, code, message)
    WHERE EXISTS (SELECT 1 FROM own)
), task AS (
    INSERT INTO callsheet.task (batch, task, n, attempt)
    SELECT $3, task, n, attempt FROM told WHERE task IS NOT NULL ORDER BY task
    ON CONFLICT DO NOTHING RETURNING n
), settled AS (
    UPDATE callsheet.standing s
    SET state = CASE WHEN t.state = 2 AND NOT t.n = ANY (ARRAY(SELECT n FROM task)) THEN 7
        ELSE t.state END
    FROM told t
    WHERE s.batch = $3 AND s.n = ANY ($4) AND s.n = t.n AND s.attempt = t.attempt
        AND s.worker = $1 AND s.state IN (1, 7)
    RETURNING s.n, s.attempt, s.state, s.cost
), kept AS (
    INSERT INTO callsheet.attempt (batch, n, attempt, state, code, message, task)
    SELECT $3, s.n, s.attempt, s.state, CASE WHEN t.state = 2 THEN 'same_task' ELSE t.code END,
        t.message, t.task
    FROM settled s JOIN told t ON t.n = s.n WHERE s.state <> 2
    ON CONFLICT (batch, n, attempt) DO UPDATE
    SET state = excluded.state, code = excluded.code, message = excluded.message,
        task = coalesce(excluded.task, callsheet.attempt.task)
), known AS (
    UPDATE callsheet.attempt a SET state = 2 FROM settled s
    WHERE a.batch = $3 AND a.n = ANY ($4) AND a.n = s.n AND a.attempt = s.attempt AND s.state = 2
), picked AS MATERIALIZED (
    -- Written so that no statistics, which may be old, say how many are planned: misled, the planner
    -- sorts all of them for each claim. So the limit is a number in the text, too.
    SELECT n FROM callsheet.standing WHERE batch = $3 AND state + 0 < 1 AND n > $10
        -- Counted first, so that all is settled before anything is claimed: the other way round, two
        -- workers wait for each other.
        AND (SELECT true FROM live JOIN callsheet.batch b ON b.batch = $3
            WHERE b.stopped IS NULL AND (SELECT count(*) FROM settled) >= 0)
    ORDER BY n LIMIT :most
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE callsheet.standing SET state = 1, worker = $1, attempt = attempt + 1, turn = $2
    WHERE batch = $3 AND n = ANY (ARRAY(SELECT n FROM picked)) AND state + 0 < 1
    RETURNING n, attempt, cost
), me AS (
    UPDATE callsheet.worker SET seq = seq + 1,
        renewed = CASE WHEN EXISTS (SELECT 1 FROM live) THEN clock_timestamp() ELSE renewed END
    WHERE worker = (SELECT worker FROM own) RETURNING seq
), money AS (
    UPDATE callsheet.purse
    SET reserved = reserved + (SELECT coalesce(sum(cost), 0)::int8 FROM claimed)
            - (SELECT coalesce(sum(cost), 0)::int8 FROM settled WHERE state IN (0, 6)),
        seen = CASE WHEN EXISTS (SELECT 1 FROM claimed) THEN $11 ELSE seen END
    WHERE batch = $3 AND (EXISTS (SELECT 1 FROM claimed)
        OR EXISTS (SELECT 1 FROM settled WHERE state IN (0, 6) AND cost > 0))
)
SELECT me.seq, EXISTS (SELECT 1 FROM live) AS live,
    (SELECT stopped FROM callsheet.batch WHERE batch = $3) AS stopped,
    ARRAY(SELECT n FROM settled ORDER BY n) AS settled,
    ARRAY(SELECT state FROM settled ORDER BY n) AS states,
    c.n, c.attempt, p.id, p.body
FROM me LEFT JOIN claimed c ON true
    LEFT JOIN LATERAL (
        SELECT id, body FROM callsheet.pair WHERE batch = $3 AND pair.n = c.n OFFSET 0
    ) p ON true

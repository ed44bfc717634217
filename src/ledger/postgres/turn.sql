-- $1 worker, $2 its number, $3 batch · $4-$10 what it tells of pairs · $11-$13 which it claims, $14 the
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
    WHERE s.batch = $3 AND s.n = ANY ($4) AND s.attempt = t.attempt
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
    WHERE s.batch = $3 AND s.n = ANY ($4) AND s.n = t.n AND s.attempt = t.attempt
        AND (s.worker = t.holder OR s.state = 0 AND t.state <> 7)
        AND NOT (s.state BETWEEN 2 AND 4
            AND (t.state IN (0, 1, 6, 7, 8) OR t.state = 2 AND t.holder <> $1))
    RETURNING s.n, s.attempt, s.state, s.cost, t.record,
        w.state IN (1, 7) AND s.state IN (0, 6) AND t.gives_back AS gives_back
), kept AS (
    INSERT INTO callsheet.record (batch, n, attempt, record)
    SELECT $3, n, attempt, record FROM settled
    ON CONFLICT (batch, n) DO UPDATE SET attempt = excluded.attempt, record = excluded.record
), picked AS MATERIALIZED (
    -- Who asks for another create of a pair that it has claimed has not sent the one before.
    SELECT n, CASE WHEN state = 1 THEN cost ELSE 0 END AS held FROM callsheet.standing
    WHERE batch = $3 AND n = ANY ($11) AND (state + 0 < 1 OR state = 1 AND worker = $1)
        -- Counted first, so that all is settled before anything is claimed: the other way round, two
        -- workers wait for each other.
        AND (SELECT true FROM live JOIN callsheet.batch b ON b.batch = $3
            WHERE b.stopped IS NULL AND (SELECT count(*) FROM settled) >= 0)
    ORDER BY n
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE callsheet.standing s
    SET state = 1, worker = $1, attempt = w.attempt, turn = $2, cost = w.cost
    FROM unnest($11::int4[], $12::int4[], $13::int8[]) AS w (n, attempt, cost)
    WHERE s.batch = $3 AND s.n = ANY (ARRAY(SELECT n FROM picked)) AND s.n = w.n
        AND (s.state + 0 < 1 OR s.state = 1 AND s.worker = $1) AND s.attempt < w.attempt
    RETURNING s.n, s.cost
), me AS (
    UPDATE callsheet.worker SET seq = seq + 1,
        renewed = CASE WHEN EXISTS (SELECT 1 FROM live) THEN clock_timestamp() ELSE renewed END
    WHERE worker = (SELECT worker FROM own) RETURNING seq
), money AS (
    UPDATE callsheet.purse
    SET reserved = reserved + (SELECT coalesce(sum(cost), 0)::int8 FROM claimed)
            - (SELECT coalesce(sum(held), 0)::int8 FROM picked JOIN claimed USING (n))
            - (SELECT coalesce(sum(cost), 0)::int8 FROM settled WHERE gives_back),
        seen = CASE WHEN EXISTS (SELECT 1 FROM claimed) THEN $14 ELSE seen END
    WHERE batch = $3 AND (EXISTS (SELECT 1 FROM claimed)
        OR EXISTS (SELECT 1 FROM settled WHERE gives_back AND cost > 0))
)
SELECT me.seq, EXISTS (SELECT 1 FROM live) AS live,
    (SELECT stopped FROM callsheet.batch WHERE batch = $3) AS stopped,
    ARRAY(SELECT n FROM settled ORDER BY n) AS settled,
    ARRAY(SELECT state FROM settled ORDER BY n) AS states,
    ARRAY(SELECT n FROM claimed ORDER BY n) AS claimed
FROM me

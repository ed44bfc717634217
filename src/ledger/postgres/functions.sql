-- Replaced as they are by each format of the tables: that takes no lock that anybody at work holds.

-- Whoever moves a pair, and for whatever reason: the purse counts it, in the same transaction. Fires when
-- the statement has locked all else, so that the purse is last.
CREATE OR REPLACE FUNCTION callsheet.count_standing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    undone bigint;
    back integer;
BEGIN
    -- By who moves it, together with what else that changes there.
    IF current_setting('callsheet.counted', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    FOR moved IN
        SELECT batch, sum(under_way)::int AS under_way, sum(unfinished)::int AS unfinished,
            sum(accepted) AS accepted, bool_or(doubt) AS doubt, bool_or(task) AS had_task
        FROM (
            SELECT batch, (state = 1)::int AS under_way, (state IN (1, 2))::int AS unfinished,
                (state BETWEEN 2 AND 5)::int AS accepted, state = 7 AS doubt, false AS task FROM now_standing
            UNION ALL
            SELECT batch, -(state = 1)::int, -(state IN (1, 2))::int,
                -(state BETWEEN 2 AND 5)::int, state = 7, state = 2 FROM was_standing
        ) AS each
        GROUP BY batch ORDER BY batch
    LOOP
        undone := 0;
        IF moved.doubt THEN
            WITH gone AS (
                DELETE FROM callsheet.doubt d USING now_standing s
                WHERE d.batch = moved.batch AND s.batch = d.batch AND s.n = d.n AND s.state <> 7
                RETURNING d.run
            ), come AS (
                INSERT INTO callsheet.doubt (batch, n, run)
                SELECT s.batch, s.n, p.run FROM now_standing s JOIN callsheet.purse p USING (batch)
                WHERE s.batch = moved.batch AND s.state = 7 ORDER BY s.n
                ON CONFLICT DO NOTHING RETURNING 1
            )
            SELECT (SELECT count(*) FROM gone JOIN callsheet.purse p
                    ON p.batch = moved.batch AND p.run = gone.run)
                - (SELECT count(*) FROM come) INTO undone;
        END IF;
        back := 0;
        IF moved.had_task THEN
            WITH gone AS (
                DELETE FROM callsheet.aside a USING now_standing s
                WHERE a.batch = moved.batch AND s.batch = a.batch AND s.n = a.n AND s.state <> 2
                RETURNING 1
            ) SELECT count(*) INTO back FROM gone;
        END IF;
        IF moved.under_way <> 0 OR moved.unfinished <> 0 OR back <> 0 OR moved.accepted <> 0 OR undone <> 0 THEN
            UPDATE callsheet.purse SET under_way = under_way + moved.under_way,
                unfinished = unfinished + moved.unfinished + back, accepted = accepted + moved.accepted,
                doubts = doubts - undone
            WHERE batch = moved.batch;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION callsheet.count_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE callsheet.purse p SET under_way = p.under_way + fresh.under_way,
        unfinished = p.unfinished + fresh.unfinished
    FROM (
        SELECT batch, count(*) FILTER (WHERE state = 1) AS under_way, count(*) AS unfinished
        FROM now_standing WHERE state IN (1, 2) GROUP BY batch
    ) AS fresh WHERE p.batch = fresh.batch;
    -- Of an earlier run: what is copied here is no doubt of those at work.
    INSERT INTO callsheet.doubt (batch, n, run)
    SELECT batch, n, -1 FROM now_standing WHERE state = 7 ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
-- What a batch reserves, its pool does.
CREATE OR REPLACE FUNCTION callsheet.count_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE callsheet.pool SET reserved = reserved + NEW.reserved - OLD.reserved WHERE name = NEW.pool;
    RETURN NULL;
END $$;
INSERT INTO callsheet.format (version) VALUES (2)
    ON CONFLICT (only_row) DO UPDATE SET version = excluded.version;

-- What a worker's statement calls. Each statement of a function sees rows as they are by then; the long
-- one, after it had to wait for the purse, would be set up whole once more to look at one row again: that
-- was a third of its time with sixteen workers. They came with format 2. To make or replace them takes no
-- lock that anybody at work holds.

-- The purse, under its lock.
CREATE OR REPLACE FUNCTION callsheet.purse_of(which integer) RETURNS SETOF callsheet.purse
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM callsheet.purse WHERE batch = which FOR UPDATE;
END $$;
-- What is left in a pool, under its lock.
CREATE OR REPLACE FUNCTION callsheet.left_in(which text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF which IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT budget - reserved FROM callsheet.pool WHERE name = which FOR UPDATE);
END $$;
-- What a worker's statement comes to; gives the purse's version. `knew`: the epoch that whoever claims
-- knows; `ahead`: how many seconds its claims take by the rate.
CREATE OR REPLACE FUNCTION callsheet.pay(which integer, more bigint, knew bigint, ahead float8,
    at timestamptz, rests timestamptz, doubts_in_row integer, answers bigint, closed timestamptz,
    alone_now bigint, tried integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    now_at bigint;
BEGIN
    UPDATE callsheet.purse
    SET reserved = reserved + more, seen = coalesce(knew, seen),
        opens = CASE WHEN ahead > 0 THEN greatest(opens, at) + ahead * interval '1 second' ELSE opens END,
        server = pg_postmaster_start_time(), quiet = rests, in_row = doubts_in_row, answered = answers,
        shut = closed, lone = alone_now, alone = tried, version = version + 1
    WHERE batch = which RETURNING version INTO now_at;
    RETURN now_at;
END $$;
INSERT INTO callsheet.format (version) VALUES (2)
    ON CONFLICT (only_row) DO UPDATE SET version = excluded.version;

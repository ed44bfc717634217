-- $1 worker, $2 batch, $3 whether it has nothing to do itself. How many others create here and are heard of,
-- and how many of those have something to do.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), me AS (
    UPDATE callsheet.worker SET idle = $3
    WHERE worker = $1 AND batch = $2 AND idle <> $3 AND (SELECT commits FROM durable) <> 'off'
)
SELECT count(*)::int4 AS alive, (count(*) FILTER (WHERE NOT idle))::int4 AS busy
FROM callsheet.worker WHERE batch = $2 AND worker <> $1 AND NOT over AND concurrency > 0
    AND clock_timestamp() < renewed + lease

-- $1 worker, $2 batch, $3 a random number below 1. Tasks whose worker is gone, for this one to wait for and to
-- fetch: whoever is idle is so no more, in the same transaction. All pairs are looked through, so of many
-- workers not each does it each time: together they do it as often as sixteen.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), crowd AS MATERIALIZED (
    SELECT count(*) AS live FROM callsheet.worker
    WHERE batch = $2 AND NOT over AND clock_timestamp() < renewed + lease
), gone AS MATERIALIZED (
    SELECT worker FROM callsheet.worker WHERE batch = $2 AND worker <> $1
        AND (over OR renewed + lease < clock_timestamp())
        AND (SELECT commits FROM durable) <> 'off'
        AND (SELECT $3 * live < 16 FROM crowd)
), picked AS MATERIALIZED (
    SELECT n FROM callsheet.standing
    WHERE batch = $2 AND state IN (2, 3) AND worker = ANY (ARRAY(SELECT worker FROM gone))
        AND EXISTS (SELECT 1 FROM gone)
    ORDER BY n LIMIT :most
    FOR UPDATE SKIP LOCKED
), me AS (
    UPDATE callsheet.worker SET idle = false WHERE worker = $1 AND idle AND EXISTS (SELECT 1 FROM picked)
)
UPDATE callsheet.standing SET worker = $1, turn = NULL
WHERE batch = $2 AND n = ANY (ARRAY(SELECT n FROM picked)) AND state IN (2, 3)
    AND worker = ANY (ARRAY(SELECT worker FROM gone))
RETURNING n

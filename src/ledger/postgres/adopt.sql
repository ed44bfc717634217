-- $1 worker, $2 batch. Tasks whose worker is gone, for this one to wait for and to fetch: whoever is idle is
-- so no more, in the same transaction.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), gone AS MATERIALIZED (
    SELECT worker FROM callsheet.worker WHERE batch = $2 AND worker <> $1
        AND (over OR renewed + lease < clock_timestamp())
        AND (SELECT commits FROM durable) <> 'off'
), picked AS MATERIALIZED (
    SELECT n FROM callsheet.standing
    WHERE batch = $2 AND state IN (2, 3) AND worker = ANY (ARRAY(SELECT worker FROM gone))
    ORDER BY n LIMIT :most
    FOR UPDATE SKIP LOCKED
), me AS (
    UPDATE callsheet.worker SET idle = false WHERE worker = $1 AND idle AND EXISTS (SELECT 1 FROM picked)
)
UPDATE callsheet.standing SET worker = $1, turn = NULL
WHERE batch = $2 AND n = ANY (ARRAY(SELECT n FROM picked)) AND state IN (2, 3)
    AND worker = ANY (ARRAY(SELECT worker FROM gone))
RETURNING n

-- $1 worker, $2 batch, $3 the halts it knows. The gate is closed for all, and this one may try a create
-- alone: once nothing is under way, and nobody else has that right.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), live AS MATERIALIZED (
    SELECT worker FROM callsheet.worker WHERE batch = $2 AND NOT over
        AND clock_timestamp() < renewed + lease AND (SELECT commits FROM durable) <> 'off'
)
UPDATE callsheet.purse SET lone = $1, shut = coalesce(shut, clock_timestamp()), version = version + 1
WHERE batch = $2 AND under_way = 0 AND halts <= $3 AND lone IS DISTINCT FROM $1
    AND $1 = ANY (ARRAY(SELECT worker FROM live))
    AND (lone IS NULL OR NOT lone = ANY (ARRAY(SELECT worker FROM live)))
RETURNING version

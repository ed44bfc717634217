-- $1 worker, $2 batch, $3 a pair of this worker's whose task the service has not known for a while.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), own AS MATERIALIZED (
    SELECT batch, n FROM callsheet.standing WHERE batch = $2 AND n = $3 AND worker = $1 AND state = 2
        AND (SELECT commits FROM durable) <> 'off'
    FOR UPDATE
), fresh AS (
    INSERT INTO callsheet.aside (batch, n) SELECT batch, n FROM own ON CONFLICT DO NOTHING RETURNING 1
)
UPDATE callsheet.purse SET unfinished = unfinished - 1 WHERE batch = $2 AND EXISTS (SELECT 1 FROM fresh)

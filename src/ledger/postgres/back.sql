-- $1 worker, $2 batch, $3 the number of its statement whose claims nobody was given.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), back AS (
    -- In doubt where others took the worker for dead meanwhile.
    UPDATE callsheet.standing SET state = 0
    WHERE batch = $2 AND worker = $1 AND turn = $3 AND state IN (1, 7)
        AND (SELECT commits FROM durable) <> 'off'
    RETURNING n, cost
), money AS (
    UPDATE callsheet.purse
    SET reserved = reserved - (SELECT coalesce(sum(cost), 0)::int8 FROM back)
    WHERE batch = $2 AND EXISTS (SELECT 1 FROM back)
)
SELECT count(*)::int8 FROM back

-- $1 worker, $2 batch, $3 its number when the statement was sent, $4 how far to move it. Waits for a
-- server process that is still at work on it.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), own AS MATERIALIZED (
    SELECT worker, seq FROM callsheet.worker
    WHERE worker = $1 AND batch = $2 AND (SELECT commits FROM durable) <> 'off'
    FOR UPDATE
), me AS (
    UPDATE callsheet.worker SET seq = seq + $4
    WHERE worker = (SELECT worker FROM own WHERE seq >= $3) RETURNING seq
)
SELECT own.seq AS found, me.seq FROM own LEFT JOIN me ON true

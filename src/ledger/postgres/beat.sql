-- $1 worker, $2 batch. Writes, so that a database that went back shows it.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), own AS MATERIALIZED (
    SELECT worker, seq, beats, renewed + lease AS until, over FROM callsheet.worker
    WHERE worker = $1 AND batch = $2 AND (SELECT commits FROM durable) <> 'off'
    FOR UPDATE
), live AS MATERIALIZED (
    -- Read after its lock was got.
    SELECT worker FROM own WHERE clock_timestamp() < until AND NOT over
), me AS (
    UPDATE callsheet.worker SET beats = beats + 1,
        renewed = CASE WHEN EXISTS (SELECT 1 FROM live) THEN clock_timestamp() ELSE renewed END
    WHERE worker = (SELECT worker FROM own) RETURNING beats
)
SELECT own.seq, me.beats, EXISTS (SELECT 1 FROM live) AS live, stopped
FROM own JOIN me ON true JOIN callsheet.batch b ON b.batch = $2

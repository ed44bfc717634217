-- $1 batch. Pairs that workers whose lease has ended had under way: they may have been sent.
WITH durable AS MATERIALIZED (
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS commits
), seen AS MATERIALIZED (
    SELECT worker, renewed + lease AS until FROM callsheet.worker
    WHERE batch = $1 AND NOT over AND renewed + lease < clock_timestamp()
        AND (SELECT commits FROM durable) <> 'off'
    FOR UPDATE SKIP LOCKED
), dead AS MATERIALIZED (
    SELECT worker FROM seen WHERE until < clock_timestamp()
), lost AS (
    UPDATE callsheet.standing SET state = 7
    WHERE batch = $1 AND state = 1 AND worker = ANY (ARRAY(SELECT worker FROM dead))
        -- Where nobody is, the pairs are not looked through.
        AND EXISTS (SELECT 1 FROM dead)
    RETURNING n
), over AS (
    UPDATE callsheet.worker SET over = true WHERE worker = ANY (ARRAY(SELECT worker FROM dead))
)
SELECT n FROM lost ORDER BY n

-- $1 worker, $2 batch, $3 its lease in milliseconds, $4 who it is, $5 what it lists, $6 its concurrency.
-- Who begins when nobody is at work counts anew.
WITH fresh AS (
    UPDATE callsheet.purse SET run = run + 1, doubts = 0, accepted = 0, alone = 0, lone = NULL,
        version = version + 1
    WHERE batch = $2 AND $6 > 0 AND NOT EXISTS (SELECT 1 FROM callsheet.worker WHERE batch = $2
        AND NOT over AND concurrency > 0 AND clock_timestamp() < renewed + lease)
), me AS (
    INSERT INTO callsheet.worker (worker, batch, who, renewed, lease, concurrency)
    SELECT $1, $2, $4, clock_timestamp(), $3 * interval '1 millisecond', $6
    FROM callsheet.batch WHERE batch = $2 AND listed = coalesce($5, listed)
    RETURNING set_config('synchronous_commit', 'on', true)
)
SELECT epoch, stopped, mark, halts FROM callsheet.batch JOIN callsheet.purse USING (batch), me
WHERE batch = $2

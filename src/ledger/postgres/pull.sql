-- $1 batch, $2 after which pair, $3 which ones (none: all), $4 with what they ask for.
SELECT s.n, p.id, p.take, CASE WHEN $4 THEN p.body END AS body, s.state, s.attempt, s.worker, r.record,
    r.attempt AS written, p.listing = b.listing AS listed,
    -- Ids that came when the pair had gone on, or was settled otherwise.
    ARRAY(SELECT k.task FROM callsheet.task k WHERE k.batch = s.batch AND k.n = s.n
        AND (k.attempt < s.attempt OR s.state NOT BETWEEN 2 AND 5
            OR strpos(r.record, '"' || k.task || '"') = 0) ORDER BY k.task) AS late,
    ARRAY(SELECT k.attempt FROM callsheet.task k WHERE k.batch = s.batch AND k.n = s.n
        AND (k.attempt < s.attempt OR s.state NOT BETWEEN 2 AND 5
            OR strpos(r.record, '"' || k.task || '"') = 0) ORDER BY k.task) AS late_of,
    NOT EXISTS (SELECT 1 FROM callsheet.worker w WHERE w.worker = s.worker AND w.ended IS NULL)
        AS signed_off,
    EXISTS (SELECT 1 FROM callsheet.worker w WHERE w.worker = s.worker AND NOT w.over
        AND clock_timestamp() < w.renewed + w.lease) AS held
FROM callsheet.standing s JOIN callsheet.pair p ON p.batch = s.batch AND p.n = s.n
    JOIN callsheet.batch b ON b.batch = s.batch
    LEFT JOIN callsheet.record r ON r.batch = s.batch AND r.n = s.n
WHERE s.batch = $1 AND s.n > $2 AND ($3::int4[] IS NULL OR s.n = ANY ($3))
ORDER BY s.n LIMIT :most

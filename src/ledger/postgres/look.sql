-- $1 batch. What all know together; changes nothing.
SELECT p.version, p.shut IS NOT NULL AS shut, p.in_row, p.answered, p.alone,
    -- Given up with its lease.
    (SELECT w.worker FROM callsheet.worker w WHERE w.worker = p.lone AND NOT w.over
        AND clock_timestamp() < w.renewed + w.lease) AS lone,
    p.under_way, p.unfinished, p.doubts, p.halts, p.halt, b.stopped,
    (SELECT coalesce(sum(w.concurrency), 0) FROM callsheet.worker w WHERE w.batch = $1 AND NOT w.over
        AND clock_timestamp() < w.renewed + w.lease) + 20 + greatest(p.accepted, 0) / 50 AS usual_doubts
FROM callsheet.purse p JOIN callsheet.batch b USING (batch) WHERE p.batch = $1

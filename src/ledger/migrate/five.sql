-- Format 4 → 5.

-- What `tasks.csv` is by now, nobody knows until it is written again.
ALTER TABLE batch ADD COLUMN sheet TEXT;

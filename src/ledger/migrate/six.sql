-- Format 5 → 6.

-- What is listed is listed once more, for its tags.
ALTER TABLE batch ADD COLUMN labels INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pairs ADD COLUMN tags TEXT;
UPDATE batch SET listed = NULL;

CREATE TABLE reviews (
    n        INTEGER PRIMARY KEY,
    pair     INTEGER NOT NULL REFERENCES pairs,
    attempt  INTEGER NOT NULL,
    task_id  TEXT,
    at       INTEGER NOT NULL,
    who      TEXT    NOT NULL,
    decision TEXT,
    prompt   TEXT,
    note     TEXT
);
CREATE INDEX reviews_by_pair ON reviews (pair, n);

-- Format 5 → 6.

ALTER TABLE standings ADD COLUMN take INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN take INTEGER;
CREATE TABLE takes (
    pair               INTEGER NOT NULL REFERENCES pairs,
    take               INTEGER NOT NULL,
    asked              INTEGER,
    who                TEXT,
    why                TEXT,
    prompt             TEXT,
    state              TEXT,
    since              INTEGER,
    attempt            INTEGER,
    task_id            TEXT,
    created_at         INTEGER,
    sent               TEXT,
    seconds            INTEGER,
    price              INTEGER,
    video_url          TEXT,
    linked_at          INTEGER,
    video_path         TEXT,
    video_bytes        INTEGER,
    video_sha256       TEXT,
    video_millis       INTEGER,
    error_code         TEXT,
    error              TEXT,
    usage              TEXT,
    credits            TEXT,
    credits_millionths INTEGER,
    body               TEXT,
    fingerprint        BLOB,
    image_url          TEXT,
    audio_url          TEXT,
    audio_millis       INTEGER,
    PRIMARY KEY (pair, take)
) WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN exit INTEGER;
ALTER TABLE runs ADD COLUMN found_dead INTEGER NOT NULL DEFAULT 0;
CREATE TABLE pauses (
    run    TEXT    NOT NULL,
    began  INTEGER NOT NULL,
    ended  INTEGER,
    code   TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    PRIMARY KEY (run, began)
) WITHOUT ROWID;

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

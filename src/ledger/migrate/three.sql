-- Format 2 → 3.

-- Its events were in `events.jsonl` alone, and the last ones here. They are taken over, and then this
-- is dropped.
CREATE TABLE unlogged AS SELECT unlogged AS lines FROM batch;
ALTER TABLE batch DROP COLUMN unlogged;

ALTER TABLE batch ADD COLUMN run TEXT;
ALTER TABLE batch ADD COLUMN manifest TEXT;
ALTER TABLE batch ADD COLUMN account BLOB;
ALTER TABLE batch ADD COLUMN salt BLOB;
ALTER TABLE batch ADD COLUMN desk TEXT;
ALTER TABLE batch ADD COLUMN idempotency_header TEXT;
ALTER TABLE batch ADD COLUMN idempotency_window INTEGER;

CREATE TABLE runs (
    run     TEXT    PRIMARY KEY,
    began   INTEGER NOT NULL,
    ended   INTEGER,
    process TEXT    NOT NULL,
    host    TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE moves (
    at            INTEGER NOT NULL,
    from_endpoint TEXT    NOT NULL,
    to_endpoint   TEXT    NOT NULL,
    seen          INTEGER NOT NULL
);

ALTER TABLE pairs ADD COLUMN take INTEGER NOT NULL DEFAULT 1;
CREATE INDEX pairs_by_fingerprint ON pairs (fingerprint);

ALTER TABLE standings ADD COLUMN usage TEXT;
ALTER TABLE standings ADD COLUMN credits TEXT;
ALTER TABLE standings ADD COLUMN credits_millionths INTEGER;

ALTER TABLE former_tasks ADD COLUMN usage TEXT;
ALTER TABLE former_tasks ADD COLUMN credits TEXT;
ALTER TABLE former_tasks ADD COLUMN credits_millionths INTEGER;

-- No create of older releases had a key.
CREATE TABLE keys (
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    header     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    desk       TEXT    NOT NULL,
    intended   INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    again      INTEGER NOT NULL DEFAULT 0,
    last       INTEGER,
    ended      TEXT,
    PRIMARY KEY (pair, attempt)
) WITHOUT ROWID;
CREATE INDEX keys_by_desk ON keys (desk, header, intended);

CREATE TABLE trials (
    n          INTEGER PRIMARY KEY,
    begun      INTEGER NOT NULL,
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    header     TEXT    NOT NULL,
    desk       TEXT    NOT NULL,
    asked      TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    task_id    TEXT    NOT NULL,
    other      TEXT,
    evidence   BLOB,
    seconds    INTEGER,
    price      INTEGER
);

CREATE TABLE events (
    n          INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    pair       INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    task_id    TEXT,
    code       TEXT    NOT NULL,
    message    TEXT    NOT NULL
);

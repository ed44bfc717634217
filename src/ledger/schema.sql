-- The ledger of a batch, format 6. Times are milliseconds since 1970 (UTC).

CREATE TABLE batch (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    endpoint   TEXT    NOT NULL,           -- whose tasks these are; another one is refused
    listing    INTEGER NOT NULL DEFAULT 0, -- what rows have that the manifest lists
    events     INTEGER NOT NULL DEFAULT 0, -- the number of the last event
    in_use     INTEGER NOT NULL DEFAULT 0, -- 1 while a run holds the ledger, and after a crash
    twins      INTEGER NOT NULL DEFAULT 0, -- 1: an older release gave one task to several pairs
    run        TEXT,                       -- that holds the ledger; nobody else may commit
    manifest   TEXT,                       -- the file that it was made for
    account    BLOB,                       -- salted digest of the key's account
    salt       BLOB,
    desk       TEXT,                       -- who is asked now: the endpoint, and as whom
    idempotency_header TEXT,               -- that creates carry a key in; none: they have no key
    idempotency_window INTEGER,            -- how long the service remembers a key
    listed     TEXT,                       -- the digest of what was listed, where that says it all
    all_listed INTEGER NOT NULL DEFAULT 0, -- 1: the manifest lists every row
    sheet      TEXT,                       -- what tasks.csv is, and counts, if no row changed since
    labels     INTEGER NOT NULL DEFAULT 0  -- counts the times that tags of known pairs changed
);

-- The processes that held the ledger to write, by their random ids.
CREATE TABLE runs (
    run     TEXT    PRIMARY KEY,
    began   INTEGER NOT NULL,
    ended   INTEGER,                       -- in good order, or when it was found to be dead
    process TEXT    NOT NULL,
    host    TEXT    NOT NULL,
    exit    INTEGER,                       -- the code that it gave back; of a run alone
    found_dead INTEGER NOT NULL DEFAULT 0  -- 1: it wrote no end down, and was gone
) WITHOUT ROWID;

-- When creating was held back, and why.
CREATE TABLE pauses (
    run    TEXT    NOT NULL,
    began  INTEGER NOT NULL,
    ended  INTEGER,                        -- nothing while it lasts, and where its run died
    code   TEXT    NOT NULL,               -- for programs
    reason TEXT    NOT NULL,
    PRIMARY KEY (run, began)
) WITHOUT ROWID;

-- The service under other names, in their order.
CREATE TABLE moves (
    at            INTEGER NOT NULL,
    from_endpoint TEXT    NOT NULL,
    to_endpoint   TEXT    NOT NULL,
    seen          INTEGER NOT NULL         -- how many of the batch's tasks were known there
);

-- What the manifest asks for. Apart from `standings`, so that the rows that change with every
-- create are small and lie close together: a commit writes whole pages.
CREATE TABLE pairs (
    pair         INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    place        INTEGER NOT NULL,         -- in the manifest, from 0
    listing      INTEGER NOT NULL,         -- the batch's; less where the manifest has it no more
    changed      INTEGER NOT NULL,         -- 1: the manifest now asks for something else
    body         TEXT    NOT NULL,         -- the JSON that was or will be sent
    fingerprint  BLOB    NOT NULL,         -- of body
    image_url    TEXT    NOT NULL,         -- in body
    audio_url    TEXT    NOT NULL,         -- in body
    audio_millis INTEGER,                  -- how long the recording is, once it was measured
    take         INTEGER NOT NULL DEFAULT 1, -- the manifest's number of a twin request
    tags         TEXT                      -- the manifest's, with commas between them; nothing: none
);
CREATE INDEX pairs_by_place ON pairs (place);
CREATE INDEX pairs_by_fingerprint ON pairs (fingerprint);

-- What the manifest asks for now of a pair that failed with something else: what is sent if it is
-- created again.
CREATE TABLE revisions (
    pair         INTEGER PRIMARY KEY REFERENCES pairs,
    body         TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    image_url    TEXT    NOT NULL,
    audio_url    TEXT    NOT NULL,
    audio_millis INTEGER
);

-- Where each pair stands.
CREATE TABLE standings (
    pair         INTEGER PRIMARY KEY REFERENCES pairs,
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,         -- creates intended so far
    since        INTEGER NOT NULL,         -- when state was reached
    task_id      TEXT,
    created_at   INTEGER,
    estimate     INTEGER,                  -- how long the server expects to take, in milliseconds
    sent         TEXT,                     -- the JSON of the last create, where it is not body
    seconds      INTEGER,                  -- what the last create is billed for, if known
    price        INTEGER,                  -- of a second, when it was sent, in millionths
    video_url    TEXT,                     -- the last link to the video
    linked_at    INTEGER,                  -- when that link was learned; it lives 24 hours
    video_path   TEXT,                     -- of the saved file, relative to the run folder
    video_bytes  INTEGER,
    video_sha256 TEXT,                     -- in lower-case hexadecimal
    video_millis INTEGER,                  -- how long the video plays
    error_code   TEXT    NOT NULL DEFAULT '',
    error        TEXT    NOT NULL DEFAULT '',
    usage              TEXT,               -- JSON, what the task costs as the server says
    credits            TEXT,               -- the same as a number, as it is written
    credits_millionths INTEGER,            -- to add up
    take         INTEGER NOT NULL DEFAULT 1 -- which take of the pair this is, by what people asked for
);
CREATE INDEX standings_by_task ON standings (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX standings_in_doubt ON standings (pair) WHERE state = 'in_doubt';

-- The takes of pairs of which a person asked for more than the first.
CREATE TABLE takes (
    pair               INTEGER NOT NULL REFERENCES pairs,
    take               INTEGER NOT NULL,   -- from 1
    asked              INTEGER,            -- when it was asked for; nobody asked for the first one
    who                TEXT,
    why                TEXT,
    prompt             TEXT,               -- what is sent in place of the manifest's
    state              TEXT,               -- what it came to, once another is in its place; and, as in
    since              INTEGER,            -- standings and pairs, all that was known of it then
    attempt            INTEGER,
    task_id            TEXT,
    created_at         INTEGER,
    sent               TEXT,
    seconds            INTEGER,
    price              INTEGER,
    video_url          TEXT,
    linked_at          INTEGER,
    video_path         TEXT,               -- where the file is now
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

-- Tasks that pairs had before they were created again, or were given another one.
CREATE TABLE former_tasks (
    task_id TEXT    NOT NULL,
    pair    INTEGER NOT NULL REFERENCES pairs,
    attempt INTEGER NOT NULL,              -- that had it
    usage   TEXT,                          -- as in standings
    credits TEXT,
    credits_millionths INTEGER,
    PRIMARY KEY (task_id, pair, attempt)
) WITHOUT ROWID;

-- Local files that were uploaded, once per content and store.
CREATE TABLE uploads (
    sha256 TEXT    NOT NULL,               -- of the file, in lower-case hexadecimal
    store  TEXT    NOT NULL,               -- where to
    url    TEXT    NOT NULL,               -- what the API fetches
    until  INTEGER NOT NULL,               -- when it is gone
    PRIMARY KEY (sha256, store)
) WITHOUT ROWID;

CREATE TABLE attempts (
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    intended   INTEGER NOT NULL,           -- while it is under way: since of a pair that is sending
    settled    INTEGER NOT NULL,
    event      TEXT    NOT NULL,           -- what settled it
    seconds    INTEGER,                    -- as in standings
    price      INTEGER,                    -- as in standings
    status     INTEGER,                    -- HTTP
    code       TEXT,
    message    TEXT,
    evidence   BLOB,                       -- the raw answer, bounded, without the key
    proposed   TEXT,                       -- a task that the answer seems to name
    verdict    TEXT,                       -- what a person made of a doubt
    judged     INTEGER,                    -- when
    PRIMARY KEY (pair, attempt)
) WITHOUT ROWID;
CREATE INDEX attempts_lost ON attempts (settled) WHERE event = 'lost';

-- The idempotency keys that creates were sent under; those that provably made nothing have none.
CREATE TABLE keys (
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    header     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    desk       TEXT    NOT NULL,           -- who was asked
    intended   INTEGER NOT NULL,           -- the window counts from here
    body       TEXT    NOT NULL,           -- the exact JSON
    again      INTEGER NOT NULL DEFAULT 0, -- how often it was sent again
    last       INTEGER,                    -- when it was
    ended      TEXT,                       -- why it never is any more
    PRIMARY KEY (pair, attempt)
) WITHOUT ROWID;
CREATE INDEX keys_by_desk ON keys (desk, header, intended);

-- Accepted creates that were sent once more, to see whether the service replays them.
CREATE TABLE trials (
    n          INTEGER PRIMARY KEY,
    begun      INTEGER NOT NULL,
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    header     TEXT    NOT NULL,
    desk       TEXT    NOT NULL,           -- who had accepted it
    asked      TEXT    NOT NULL,           -- who was asked this time
    outcome    TEXT    NOT NULL,           -- sending, nothing, unknown, same, another, refused
    task_id    TEXT    NOT NULL,           -- that it had made
    other      TEXT,                       -- that came back, if it was another one
    evidence   BLOB,                       -- the raw answer, if it was not the first one's
    seconds    INTEGER,                    -- as in standings
    price      INTEGER
);

-- What happened, in order: `events.jsonl` is written from it.
CREATE TABLE events (
    n          INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    pair       INTEGER NOT NULL,
    id         TEXT    NOT NULL,           -- the pair's, as it was called then
    event      TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    task_id    TEXT,
    code       TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    take       INTEGER                     -- where it is not the pair's first
);

-- What people think of the videos, in order: of each task of a pair the last one counts. Written beside
-- a run, by whoever looks at them.
CREATE TABLE reviews (
    n        INTEGER PRIMARY KEY,
    pair     INTEGER NOT NULL REFERENCES pairs,
    attempt  INTEGER NOT NULL,             -- creates of the pair by then
    task_id  TEXT,                         -- that made what was looked at
    at       INTEGER NOT NULL,
    who      TEXT    NOT NULL,
    decision TEXT,                         -- approved, again or declined; nothing: none (any more)
    prompt   TEXT,                         -- to be made again with
    note     TEXT                          -- why, or whatever else there is to say
);
CREATE INDEX reviews_by_pair ON reviews (pair, n);

-- Format 1 → 2.

ALTER TABLE batch ADD COLUMN twins INTEGER NOT NULL DEFAULT 0;

CREATE TABLE revisions (
    pair         INTEGER PRIMARY KEY REFERENCES pairs,
    body         TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    image_url    TEXT    NOT NULL,
    audio_url    TEXT    NOT NULL,
    audio_millis INTEGER
);

CREATE INDEX standings_by_task ON standings (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX standings_in_doubt ON standings (pair) WHERE state = 'in_doubt';
UPDATE batch SET twins = EXISTS (
    SELECT 1 FROM standings WHERE task_id IS NOT NULL GROUP BY task_id HAVING count(*) > 1
);

-- A retry wrote the task that had failed in front of the message.
CREATE TABLE former_tasks (
    task_id TEXT    NOT NULL,
    pair    INTEGER NOT NULL REFERENCES pairs,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (task_id, pair, attempt)
) WITHOUT ROWID;
INSERT INTO former_tasks (task_id, pair, attempt)
    SELECT substr(message, 1, instr(message, ': ') - 1), pair, attempt FROM attempts
    WHERE verdict = 'retried' AND instr(message, ': ') > 1;
UPDATE attempts SET message = substr(message, instr(message, ': ') + 2)
    WHERE verdict = 'retried' AND instr(message, ': ') > 1;

-- A doubt that a task from a file had settled did not say so.
UPDATE attempts SET verdict = 'adopted', judged = settled
    WHERE event = 'lost' AND verdict IS NULL AND NOT EXISTS (
        SELECT 1 FROM standings s
        WHERE s.pair = attempts.pair AND s.attempt = attempts.attempt AND s.state = 'in_doubt'
    );

-- Evidence is bytes.
ALTER TABLE attempts RENAME TO attempts_of_format_1;
CREATE TABLE attempts (
    pair       INTEGER NOT NULL REFERENCES pairs,
    attempt    INTEGER NOT NULL,
    intended   INTEGER NOT NULL,
    settled    INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    seconds    INTEGER,
    price      INTEGER,
    status     INTEGER,
    code       TEXT,
    message    TEXT,
    evidence   BLOB,
    proposed   TEXT,
    verdict    TEXT,
    judged     INTEGER,
    PRIMARY KEY (pair, attempt)
) WITHOUT ROWID;
INSERT INTO attempts (pair, attempt, intended, settled, event, seconds, price, status, code,
        message, evidence, verdict, judged)
    SELECT pair, attempt, intended, settled, event, seconds, price, status, code, message,
        CAST(evidence AS BLOB), verdict, judged FROM attempts_of_format_1;
DROP TABLE attempts_of_format_1;
CREATE INDEX attempts_lost ON attempts (settled) WHERE event = 'lost';

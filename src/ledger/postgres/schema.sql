-- One transaction, under a lock. What a worker touches with every pair is narrow, and has no index on
-- its state: that would be written twice with every create, and misread by the planner.
CREATE SCHEMA IF NOT EXISTS callsheet;
CREATE TABLE IF NOT EXISTS callsheet.format (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version integer NOT NULL
);
CREATE TABLE IF NOT EXISTS callsheet.batch (
    batch integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- Random: by this run folders know that they are parts of the same batch.
    mark bigint NOT NULL,
    endpoint text NOT NULL,
    -- Of the requests in their order.
    listed bytea NOT NULL,
    -- Counts the listings.
    listing integer NOT NULL DEFAULT 1,
    -- Why nobody may create.
    stopped text,
    -- Set as long as the ledger of this batch is elsewhere: it is not here yet, or went to a run folder.
    copying text CHECK (copying IN ('arriving', 'gone')),
    -- Random: by this the other side knows that it is the other side.
    copy bigint,
    -- From where, or where to, for people.
    place text,
    copied timestamptz
);
-- Locked last by whoever claims.
CREATE TABLE IF NOT EXISTS callsheet.purse (
    batch integer PRIMARY KEY REFERENCES callsheet.batch,
    budget bigint,
    -- What budget and costs count: money in millionths, or seconds.
    unit text NOT NULL,
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    -- Up to which pair somebody was asked to try them. A hint, no right: whoever gets it may die.
    handed integer NOT NULL DEFAULT 0,
    -- Another one once the database was found to have gone back.
    epoch bigint NOT NULL,
    -- The epoch that the last one to claim knew.
    seen bigint NOT NULL,
    CONSTRAINT within_budget CHECK (budget IS NULL OR reserved <= budget),
    CONSTRAINT same_epoch CHECK (seen = epoch)
) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS callsheet.worker (
    -- Random: a number that is given again would be somebody else.
    worker bigint PRIMARY KEY,
    batch integer NOT NULL REFERENCES callsheet.batch,
    -- Who it is, for people: process and host.
    who text NOT NULL DEFAULT '',
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    seq bigint NOT NULL DEFAULT 0,
    beats bigint NOT NULL DEFAULT 0,
    renewed timestamptz NOT NULL,
    lease interval NOT NULL,
    -- Claims nothing any more.
    over boolean NOT NULL DEFAULT false,
    -- When it said that nothing of it is under way any more. Nothing else proves that.
    ended timestamptz
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS callsheet.pair (
    batch integer NOT NULL REFERENCES callsheet.batch,
    n integer NOT NULL,
    id text NOT NULL,
    body text NOT NULL,
    -- The manifest's number of a twin request.
    take integer NOT NULL DEFAULT 1,
    -- The batch's; less where the manifest has it no more.
    listing integer NOT NULL DEFAULT 1,
    PRIMARY KEY (batch, n),
    UNIQUE (batch, id)
);
-- Which ones the manifest has no more.
CREATE INDEX IF NOT EXISTS pair_by_listing ON callsheet.pair (batch, listing);
-- States: 0 planned, 1 sending, 2 created, 3 completed, 4 saved, 5 failed, 6 rejected, 7 in doubt,
-- 8 abandoned.
CREATE TABLE IF NOT EXISTS callsheet.standing (
    batch integer NOT NULL,
    n integer NOT NULL,
    state smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 8),
    attempt integer NOT NULL DEFAULT 0,
    -- Whose it is: nobody else tells what becomes of it, unless this one is gone.
    worker bigint,
    -- The number of the worker's statement that claimed it, as long as nothing was told of it since.
    turn bigint,
    -- What its create is reckoned to cost, in the unit of the budget.
    cost bigint NOT NULL DEFAULT 0 CHECK (cost >= 0),
    PRIMARY KEY (batch, n)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
-- All else that is known of a pair, as its last holder wrote it: JSON.
CREATE TABLE IF NOT EXISTS callsheet.record (
    batch integer NOT NULL,
    n integer NOT NULL,
    attempt integer NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (batch, n)
) WITH (fillfactor = 70);
-- Every id that was ever given.
CREATE TABLE IF NOT EXISTS callsheet.task (
    batch integer NOT NULL,
    task text NOT NULL,
    n integer NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (batch, task)
);
CREATE INDEX IF NOT EXISTS task_of_pair ON callsheet.task (batch, n);
INSERT INTO callsheet.format (version) VALUES (1) ON CONFLICT DO NOTHING;

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
-- When the service of a batch went by another name, and how many of its tasks were known there.
CREATE TABLE IF NOT EXISTS callsheet.move (
    batch integer NOT NULL REFERENCES callsheet.batch,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_endpoint text NOT NULL,
    to_endpoint text NOT NULL,
    seen integer NOT NULL
);
-- What several batches may spend together.
CREATE TABLE IF NOT EXISTS callsheet.pool (
    name text PRIMARY KEY,
    budget bigint NOT NULL,
    unit text NOT NULL,
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    CONSTRAINT within_shared_budget CHECK (reserved <= budget)
) WITH (fillfactor = 10);
-- Locked last by whoever claims; after it only the pool, if there is one.
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
    -- Whose money it is, if other batches spend it too.
    pool text REFERENCES callsheet.pool,
    -- Creates under way, and those and the tasks that are unfinished; doubts of the workers who are at it
    -- now, and how many pairs have become tasks since they began. Counted by a trigger.
    under_way integer NOT NULL DEFAULT 0 CHECK (under_way >= 0),
    unfinished integer NOT NULL DEFAULT 0 CHECK (unfinished >= 0),
    doubts integer NOT NULL DEFAULT 0 CHECK (doubts >= 0),
    accepted bigint NOT NULL DEFAULT 0,
    -- Counts how often somebody began when nobody was at work.
    run integer NOT NULL DEFAULT 0,
    -- When the next create may start, by the rate.
    opens timestamptz NOT NULL DEFAULT '-infinity',
    -- Grows with each change of what follows.
    version bigint NOT NULL DEFAULT 0,
    -- Doubts in a row, and how often an answer has ended such a row.
    in_row integer NOT NULL DEFAULT 0,
    answered bigint NOT NULL DEFAULT 0,
    -- Since when the gate is closed for all, who may try one create alone meanwhile, and how many of those
    -- ended in doubt, one after another.
    shut timestamptz,
    lone bigint,
    alone integer NOT NULL DEFAULT 0,
    -- When the server was started that was there last: another one may know less.
    server timestamptz NOT NULL DEFAULT pg_postmaster_start_time(),
    -- Until when nobody claims after that.
    quiet timestamptz NOT NULL DEFAULT '-infinity',
    -- How often a worker had all who were at it stop, and why the last time: JSON.
    halts integer NOT NULL DEFAULT 0,
    halt text,
    CONSTRAINT within_budget CHECK (budget IS NULL OR reserved <= budget),
    CONSTRAINT same_epoch CHECK (seen = epoch)
) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS callsheet.worker (
    -- Random: a number that is given again would be somebody else.
    worker bigint PRIMARY KEY,
    batch integer NOT NULL REFERENCES callsheet.batch,
    -- Who it is, for people: process, host and folder.
    who text NOT NULL DEFAULT '',
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    seq bigint NOT NULL DEFAULT 0,
    beats bigint NOT NULL DEFAULT 0,
    -- How many creates it has under way at most; none where a person decides.
    concurrency integer NOT NULL DEFAULT 0,
    -- Has done what was its to do, and waits for the others.
    idle boolean NOT NULL DEFAULT false,
    renewed timestamptz NOT NULL,
    lease interval NOT NULL,
    -- Claims nothing any more.
    over boolean NOT NULL DEFAULT false,
    -- When it said that nothing of it is under way any more. Nothing else proves that.
    ended timestamptz,
    -- When its folder handed in what it knew, after the database went back in time.
    handed timestamptz
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS worker_of_batch ON callsheet.worker (batch) WHERE NOT over;
CREATE TABLE IF NOT EXISTS callsheet.pair (
    batch integer NOT NULL REFERENCES callsheet.batch,
    n integer NOT NULL,
    id text NOT NULL,
    body text NOT NULL,
    -- The manifest's number of a twin request.
    take integer NOT NULL DEFAULT 1,
    -- Of the request without the signatures of its links: by it other batches find what was paid for.
    bare bytea NOT NULL,
    -- The batch's; less where the manifest has it no more.
    listing integer NOT NULL DEFAULT 1,
    PRIMARY KEY (batch, n),
    UNIQUE (batch, id)
);
CREATE INDEX IF NOT EXISTS pair_of_request ON callsheet.pair (bare);
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
-- Pairs in doubt, and during which run they came to be.
CREATE TABLE IF NOT EXISTS callsheet.doubt (
    batch integer NOT NULL,
    n integer NOT NULL,
    run integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (batch, n)
);
-- Tasks that the service has not known for a while, which take no place among the unfinished.
CREATE TABLE IF NOT EXISTS callsheet.aside (
    batch integer NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (batch, n)
);
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

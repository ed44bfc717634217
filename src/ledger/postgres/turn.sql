-- The body of a function, see `stored.rs` for what it is given and gives. No row: the worker's number is
-- another one. Each statement of it sees the rows as they are by then. What it waits for, in this order:
-- the worker's own row, the rows of pairs that it tells of, the purse, the pool. Pairs that it claims are not
-- waited for.
#variable_conflict use_column
DECLARE
    own record;
    purse callsheet.purse;
    told_of record;
    picked record;
    may_claim boolean := false;
    -- Ids that are new.
    fresh int4[];
    -- Whether what it moves is counted here, with what else it changes in the purse, and not by the trigger,
    -- which would write that row once more in the same transaction.
    is_counted boolean := true;
    sent_more bigint := 0;
    open_more bigint := 0;
    accepted_more bigint := 0;
    refunds bigint := 0;
    places bigint;
    at timestamptz;
    opening float8;
    is_restarted boolean;
    is_reopened boolean;
    is_news boolean;
    has_heard boolean := heard OR heard_doubts > 0 OR heard_alone > 0;
    most bigint;
    free float8;
    money bigint;
    -- What is claimed, and what more it costs; of those, how many this worker had claimed before.
    claims integer := 0;
    attempts int4[] := '{}';
    costs int8[] := '{}';
    more bigint := 0;
    again bigint := 0;
    total bigint := 0;
BEGIN
    -- Here and not once for the connection, which a pooler may have others use. What is read before
    -- the commit counts for it.
    IF current_setting('synchronous_commit') <> 'remote_apply' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT w.renewed + w.lease AS until, w.over INTO own FROM callsheet.worker w
    WHERE w.worker = self AND w.seq = nth AND w.batch = which
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Read after its lock was got.
    live := clock_timestamp() < own.until AND NOT own.over;

    settled := '{}';
    states := '{}';
    IF cardinality(told_pairs) > 0 THEN
        WITH task AS (
            INSERT INTO callsheet.task AS k (batch, task, n, attempt)
            SELECT which, t.task, t.n, t.attempt
            FROM unnest(told_pairs, told_attempts, told_tasks) AS t (n, attempt, task)
            WHERE t.task IS NOT NULL ORDER BY t.task
            ON CONFLICT DO NOTHING RETURNING k.n
        ) SELECT coalesce(array_agg(k.n), '{}') INTO fresh FROM task k;

        SELECT array_agg(q.n) AS pairs, array_agg(q.was) AS was, array_agg(q.state) AS states,
            array_agg(q.task) AS tasks, array_agg(q.gives_back) AS gives_back,
            array_agg(q.record) AS records,
            bool_and(q.was NOT IN (2, 7) AND q.state <> 7 AND (q.task IS NULL OR q.n = ANY (fresh)))
                AS is_plain
        INTO told_of
        FROM (
            SELECT s.n, s.state AS was, t.state, t.task, t.gives_back, t.record
            FROM unnest(told_pairs, told_attempts, told_holders, told_states, told_tasks,
                    told_give_back, told_records)
                    AS t (n, attempt, holder, state, task, gives_back, record)
                JOIN callsheet.standing s ON s.batch = which AND s.n = t.n
            -- Who intended a later create and made none of it has made none of the one before either: of
            -- that nothing was told if both were written down at once.
            WHERE (s.attempt = t.attempt OR s.attempt < t.attempt AND s.state = 1
                    AND s.worker = t.holder AND t.state = 0 AND t.gives_back)
                -- A doubt says nothing of what a person had planned again meanwhile.
                AND (s.worker = t.holder OR s.state = 0 AND t.state <> 7)
                -- Whoever decides on a doubt may not know of the answer that came meanwhile.
                AND NOT (s.state BETWEEN 2 AND 4
                    AND (t.state IN (0, 1, 6, 7, 8) OR t.state = 2 AND t.holder <> self))
            -- In one order, so that two who tell of the same pairs do not wait for each other.
            ORDER BY s.n FOR UPDATE OF s
        ) AS q;

        IF told_of.pairs IS NOT NULL THEN
            -- Doubts, and tasks that may be aside, have rows of their own: those the trigger sees to.
            is_counted := told_of.is_plain;
            PERFORM set_config('callsheet.counted', CASE WHEN is_counted THEN 'yes' ELSE '' END, true);
            WITH moved AS (
                UPDATE callsheet.standing s
                -- No turn: those before counted another worker's statements, and what is in doubt is no claim
                -- of ours.
                SET worker = self, turn = NULL,
                    state = CASE WHEN t.state BETWEEN 2 AND 5 AND t.task IS NOT NULL AND NOT t.n = ANY (fresh)
                        -- Another pair has it. Written so that it is looked up by either key, and not
                        -- in a copy of all.
                        AND (SELECT k.n FROM callsheet.task k
                            WHERE k.batch = which AND k.task = t.task AND k.n = t.n) IS NULL
                    THEN 7 ELSE t.state END
                FROM unnest(told_of.pairs, told_of.was, told_of.states, told_of.tasks, told_of.gives_back,
                    told_of.records) AS t (n, was, state, task, gives_back, record)
                WHERE s.batch = which AND s.n = t.n
                RETURNING s.n, s.attempt, s.state, s.cost, t.was, t.record,
                    -- A take that was refused gives way to the one before.
                    t.was IN (1, 7) AND s.state IN (0, 4, 6) AND t.gives_back AS gives_back
            ), kept AS (
                INSERT INTO callsheet.record AS r (batch, n, attempt, record)
                SELECT which, m.n, m.attempt, m.record FROM moved m
                ON CONFLICT (batch, n) DO UPDATE SET attempt = excluded.attempt, record = excluded.record
            )
            SELECT array_agg(m.n ORDER BY m.n), array_agg(m.state ORDER BY m.n),
                sum((m.state = 1)::int - (m.was = 1)::int),
                sum((m.state IN (1, 2))::int - (m.was IN (1, 2))::int),
                sum((m.state BETWEEN 2 AND 5)::int - (m.was BETWEEN 2 AND 5)::int),
                coalesce(sum(m.cost) FILTER (WHERE m.gives_back), 0)
            INTO settled, states, sent_more, open_more, accepted_more, refunds
            FROM moved m;
            IF NOT is_counted THEN
                SELECT 0, 0, 0 INTO sent_more, open_more, accepted_more;
            END IF;
        END IF;
    END IF;

    SELECT b.stopped INTO stopped FROM callsheet.batch b WHERE b.batch = which;
    IF live AND stopped IS NULL AND cardinality(wish_pairs) > 0 THEN
        SELECT array_agg(q.n) AS pairs, array_agg(q.attempt) AS attempts, array_agg(q.cost) AS costs,
            array_agg(q.cost - q.held) AS more, sum(q.cost - q.held) AS all_more,
            array_agg(q.again) AS again, sum(q.again) AS all_again
        INTO picked
        FROM (
            -- Who asks for another create of a pair that it has claimed has not sent the one before.
            SELECT s.n, w.attempt, w.cost, CASE WHEN s.state = 1 THEN s.cost ELSE 0 END AS held,
                (s.state = 1)::int AS again
            FROM unnest(wish_pairs, wish_attempts, wish_costs) AS w (n, attempt, cost)
                JOIN callsheet.standing s ON s.batch = which AND s.n = w.n
            WHERE s.attempt < w.attempt AND (s.state + 0 < 1 OR s.state = 1 AND s.worker = self)
                AND s.n <> ALL (settled)
            ORDER BY s.n FOR UPDATE OF s SKIP LOCKED
        ) AS q;
        may_claim := picked.pairs IS NOT NULL;
    END IF;
    UPDATE callsheet.worker w SET seq = w.seq + 1,
        renewed = CASE WHEN live THEN clock_timestamp() ELSE w.renewed END
    WHERE w.worker = self RETURNING w.seq INTO seq;
    SELECT coalesce(sum(w.concurrency), 0) INTO places FROM callsheet.worker w
    WHERE w.batch = which AND NOT w.over AND clock_timestamp() < w.renewed + w.lease;

    SELECT * INTO purse FROM callsheet.purse p WHERE p.batch = which FOR UPDATE;
    money := purse.budget - purse.reserved;
    IF purse.pool IS NOT NULL THEN
        SELECT least(money, l.budget - l.reserved) INTO money FROM callsheet.pool l
        WHERE l.name = purse.pool FOR UPDATE;
    END IF;
    money := money + refunds;
    at := clock_timestamp();
    purse.under_way := purse.under_way + sent_more;
    purse.unfinished := purse.unfinished + open_more;
    purse.accepted := purse.accepted + accepted_more;

    -- Another server may be an older one. Who had written there since notices that at the next
    -- heartbeat; who had not has to give them that time.
    is_restarted := purse.server <> pg_postmaster_start_time();
    IF is_restarted THEN
        purse.server := pg_postmaster_start_time();
        SELECT at + coalesce(max(w.lease), interval '0') * 2 / 3 INTO purse.quiet
        FROM callsheet.worker w WHERE w.batch = which AND NOT w.over AND w.worker <> self;
    END IF;
    rest := CASE WHEN purse.quiet > at THEN extract(epoch FROM purse.quiet - at) ELSE 0 END;

    IF has_heard THEN
        is_reopened := coalesce(purse.lone = self AND heard_alone = 1, false);
        purse.answered := purse.answered + (heard AND (purse.in_row > 0 OR purse.shut IS NOT NULL))::int;
        IF heard THEN
            purse.in_row := 0;
        END IF;
        -- Of creates that began before it was closed, nothing counts.
        IF purse.shut IS NULL THEN
            purse.in_row := purse.in_row + heard_doubts;
        END IF;
        IF is_reopened THEN
            purse.shut := NULL;
            purse.lone := NULL;
            purse.alone := 0;
        ELSE
            IF purse.lone = self AND heard_alone = 2 THEN
                purse.alone := purse.alone + 1;
            END IF;
            IF purse.shut IS NULL AND heard_doubts > 0 AND purse.in_row >= least(3, greatest(places, 1)) THEN
                purse.shut := at;
            END IF;
        END IF;
    END IF;

    usual_doubts := places + 20 + greatest(purse.accepted, 0) / 50;
    most := coalesce(most_doubts, usual_doubts);
    opening := extract(epoch FROM greatest(purse.opens, at) - at);
    claimed := '{}';
    held := '{}';
    IF may_claim THEN
        free := least(
            CASE WHEN purse.halts > halts_known OR purse.quiet > at THEN 0
                WHEN purse.shut IS NULL THEN 1000
                WHEN purse.lone = self AND purse.under_way - picked.all_again <= 0 THEN 1
                ELSE 0 END,
            most - purse.doubts - purse.under_way,
            coalesce(most_in_flight - purse.unfinished, 1000),
            -- As far ahead as claims may be late, and no further: who has one may die before it.
            coalesce(floor((1 - opening) / apart) + 1, 1000));
        IF cardinality(picked.pairs) <= free AND picked.all_more <= coalesce(money, picked.all_more) THEN
            claimed := picked.pairs;
            attempts := picked.attempts;
            costs := picked.costs;
            more := picked.all_more;
            again := picked.all_again;
        ELSE
            FOR place IN 1 .. cardinality(picked.pairs) LOOP
                total := total + picked.more[place];
                IF place <= free AND total <= coalesce(money, total) THEN
                    claimed := claimed || picked.pairs[place];
                    attempts := attempts || picked.attempts[place];
                    costs := costs || picked.costs[place];
                    more := more + picked.more[place];
                    again := again + picked.again[place];
                ELSE
                    -- Why the first of them has to wait.
                    lack := coalesce(lack, CASE WHEN place <= free THEN 'budget' ELSE 'room' END);
                    held := held || picked.pairs[place];
                END IF;
            END LOOP;
        END IF;
        claims := cardinality(claimed);
    END IF;
    under_way := purse.under_way + claims;
    unfinished := purse.unfinished + claims;
    IF lack = 'room' THEN
        lack := CASE WHEN purse.halts > halts_known THEN 'gate'
            WHEN purse.quiet > at THEN 'restart'
            WHEN purse.doubts + under_way >= most THEN 'doubts'
            WHEN purse.shut IS NOT NULL THEN 'gate'
            WHEN unfinished >= most_in_flight THEN 'in_flight'
            ELSE 'rate' END;
    END IF;
    IF claims > 0 THEN
        PERFORM set_config('callsheet.counted', 'yes', true);
        UPDATE callsheet.standing s
        SET state = 1, worker = self, attempt = c.attempt, turn = nth, cost = c.cost
        FROM unnest(claimed, attempts, costs) AS c (n, attempt, cost)
        WHERE s.batch = which AND s.n = c.n;
        purse.under_way := purse.under_way + claims - again;
        purse.unfinished := purse.unfinished + claims - again;
        purse.seen := knew;
        IF apart > 0 THEN
            purse.opens := greatest(purse.opens, at) + claims * apart * interval '1 second';
        END IF;
    END IF;
    PERFORM set_config('callsheet.counted', '', true);

    is_news := claims > 0 OR has_heard OR refunds > 0 OR is_restarted;
    IF is_news OR sent_more <> 0 OR open_more <> 0 OR accepted_more <> 0 THEN
        purse.version := purse.version + is_news::int;
        UPDATE callsheet.purse p
        SET reserved = purse.reserved + more - refunds, seen = purse.seen, opens = purse.opens,
            under_way = purse.under_way, unfinished = purse.unfinished, accepted = purse.accepted,
            server = purse.server, quiet = purse.quiet, in_row = purse.in_row,
            answered = purse.answered, shut = purse.shut, lone = purse.lone, alone = purse.alone,
            version = purse.version
        WHERE p.batch = which;
    END IF;

    -- In how many seconds each may start, and there is another start.
    starts := ARRAY(SELECT opening + place * coalesce(apart, 0) FROM generate_series(0, claims - 1) place);
    wait := greatest(0, opening + claims * coalesce(apart, 0) - 1);
    version := purse.version;
    shut := purse.shut IS NOT NULL;
    in_row := purse.in_row;
    answered := purse.answered;
    alone := purse.alone;
    doubts := purse.doubts;
    halts := purse.halts;
    halt := purse.halt;
    IF purse.lone IS NOT NULL THEN
        SELECT w.worker INTO lone FROM callsheet.worker w
        WHERE w.worker = purse.lone AND NOT w.over AND clock_timestamp() < w.renewed + w.lease;
    END IF;
    RETURN NEXT;
END

-- Reads: pg_blocking_pids, pg_locks, pg_stat_get_activity and pg_prepared_xacts: for which lock a backend waits, whom
--   it waits for, and whom those wait for in turn.
-- Needs: nothing for pids, roles, applications and locks; pg_read_all_stats for what other roles do.
-- Serves: 13 and newer; since when it waits is NULL on 13.
-- $1 int4: pid of the one who waits. $2 int4: of how many in its way is told, of each depth those who hold before
-- those who queue, and the oldest first. `in_the_way` says how many there are, `as_deep` at that depth.
-- Blocker 0 is a prepared transaction, found by the lock that is waited for.
-- Each waiting backend is asked for once. Whoever only waits before another in the same queue is left out where
-- somebody holds what both wait for: forty updates of one row would have a hundred million paths else.
WITH RECURSIVE locks AS MATERIALIZED (
    SELECT l.*,
           CASE WHEN NOT l.granted THEN (to_jsonb(l) ->> 'waitstart')::timestamptz END AS waiting_since,
           ROW(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid,
               l.objid, l.objsubid)::text AS target
    FROM pg_locks l
), backends AS MATERIALIZED (
    SELECT a.* FROM pg_stat_get_activity(NULL) AS a
), held AS MATERIALIZED (
    SELECT DISTINCT coalesce(l.pid, 0) AS pid, l.target FROM locks l WHERE l.granted
), edges AS MATERIALIZED (
    SELECT w.pid AS waiter, x AS blocker, h.pid IS NOT NULL AS holds
    FROM locks w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) x
    LEFT JOIN held h ON h.target = w.target AND h.pid = x
    WHERE NOT w.granted
), kept AS MATERIALIZED (
    SELECT e.waiter, e.blocker
    FROM edges e
    WHERE e.holds OR e.waiter NOT IN (SELECT o.waiter FROM edges o WHERE o.holds)
), b(depth, waiter, blocker) AS (
    SELECT 1, k.waiter, k.blocker FROM kept k WHERE k.waiter = $1::int4
    UNION
    SELECT b.depth + 1, k.waiter, k.blocker
    FROM b JOIN kept k ON k.waiter = b.blocker
    WHERE b.blocker <> 0 AND b.depth < 8 AND k.blocker <> $1::int4
), found AS (
    SELECT DISTINCT ON (b.blocker, px.gid)
        b.depth,
        b.waiter,
        b.blocker AS pid,
        w.locktype,
        w.mode AS wanted_mode,
        extract(epoch FROM clock_timestamp() - w.waiting_since)::float8 * 1000 AS waited_ms,
        n.nspname::text AS schema,
        c.relname::text AS relation,
        CASE WHEN h.granted THEN h.mode END AS mode,
        a.backend_start,
        a.query_start,
        pg_get_userbyid(a.usesysid)::text AS usename,
        a.application_name,
        host(a.client_addr) AS client,
        a.backend_type,
        a.state,
        CASE WHEN a.backend_type IS NOT NULL THEN left(a.query, 1000) END AS query,
        extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
        extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
        EXISTS (SELECT FROM pg_stat_get_progress_info('CREATE INDEX') p WHERE p.pid = b.blocker) AS builds,
        px.gid,
        px.owner::text AS gid_owner,
        extract(epoch FROM clock_timestamp() - px.prepared)::float8 AS prepared_age_s
    FROM b
    LEFT JOIN locks w ON w.pid = b.waiter AND NOT w.granted
    LEFT JOIN pg_class c ON w.locktype = 'relation' AND c.oid = w.relation
        AND w.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN backends a ON a.pid = b.blocker
    -- What the blocker holds of that very object; nothing: it only stands before the waiter in the queue.
    LEFT JOIN locks h ON (h.pid = b.blocker OR (b.blocker = 0 AND h.pid IS NULL)) AND h.target = w.target
    LEFT JOIN locks hx ON b.blocker = 0 AND hx.pid IS NULL AND hx.locktype = 'transactionid'
        AND hx.virtualtransaction = h.virtualtransaction
    LEFT JOIN pg_prepared_xacts px ON px.transaction::text = hx.transactionid::text
    ORDER BY b.blocker, px.gid, b.depth, b.waiter, h.granted DESC NULLS LAST,
        array_position(ARRAY['AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
                             'ShareUpdateExclusiveLock', 'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'],
                       h.mode)
), placed AS (
    SELECT
        f.*,
        (count(*) OVER ())::int4 AS in_the_way,
        (count(*) OVER (PARTITION BY f.depth))::int4 AS as_deep,
        row_number() OVER (
            PARTITION BY f.depth
            ORDER BY f.mode IS NULL, coalesce(f.prepared_age_s, f.age_s) DESC NULLS LAST, f.pid
        ) AS place
    FROM found f
), told AS (
    SELECT p.* FROM placed p ORDER BY p.place, p.depth LIMIT $2::int4
)
SELECT t.* FROM told t ORDER BY t.depth, t.place;

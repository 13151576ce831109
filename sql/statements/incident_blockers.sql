-- Reads: pg_blocking_pids, pg_locks, pg_stat_get_activity and pg_prepared_xacts: for which lock a backend waits, whom
--   it waits for, and whom those wait for in turn.
-- Needs: nothing for pids, roles, applications and locks; pg_read_all_stats for what other roles do.
-- Serves: 13 and newer; since when it waits is NULL on 13.
-- $1 int4: pid of the one who waits. Blocker 0 is a prepared transaction, found by the lock that is waited for.
-- Each waiting backend is asked for once, and beyond the first step only holders count where there are some: whoever
-- waits in a queue waits for everybody before it, and fifty of them have two hundred thousand paths.
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
    SELECT 1, $1::int4, x
    FROM unnest(pg_blocking_pids($1::int4)) x
    UNION
    SELECT b.depth + 1, k.waiter, k.blocker
    FROM b JOIN kept k ON k.waiter = b.blocker
    WHERE b.blocker <> 0 AND b.depth < 4 AND k.blocker <> $1::int4
)
SELECT DISTINCT ON (b.depth, b.waiter, b.blocker)
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
LEFT JOIN locks h ON (h.pid = b.blocker OR (b.blocker = 0 AND h.pid IS NULL))
    AND h.locktype = w.locktype
    AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
        IS NOT DISTINCT FROM
        (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
LEFT JOIN locks hx ON b.blocker = 0 AND hx.pid IS NULL AND hx.locktype = 'transactionid'
    AND hx.virtualtransaction = h.virtualtransaction
LEFT JOIN pg_prepared_xacts px ON px.transaction::text = hx.transactionid::text
ORDER BY b.depth, b.waiter, b.blocker, px.gid NULLS LAST, h.granted DESC NULLS LAST,
    array_position(ARRAY['AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
                         'ShareUpdateExclusiveLock', 'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], h.mode);

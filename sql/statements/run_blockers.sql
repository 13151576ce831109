-- Reads: pg_blocking_pids, pg_stat_activity, pg_locks and pg_prepared_xacts: whom a backend waits for, and whom
--        those wait for in turn; and whether this role may signal them, by the rule of locks_sessions.sql.
-- Needs: nothing for the pids; pg_read_all_stats for what other roles do.
-- Serves: 13 and newer.
-- $1 int4: pid of the one who waits. Blocker 0 is a prepared transaction, found by the lock that is waited for.
-- Each waiting backend is asked for once. Whoever only waits before another in the same queue is left out where
-- somebody holds what both wait for: forty updates of one row would have a hundred million paths else.
WITH RECURSIVE locks AS MATERIALIZED (
    SELECT coalesce(l.pid, 0) AS pid, l.granted,
           ROW(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid,
               l.objid, l.objsubid)::text AS target
    FROM pg_locks l
), held AS MATERIALIZED (
    SELECT DISTINCT l.target, l.pid FROM locks l WHERE l.granted
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
)
SELECT DISTINCT ON (b.depth, b.waiter, b.blocker)
       b.depth, b.waiter, b.blocker AS pid,
       a.backend_start, a.query_start, a.usename::text AS usename, a.datname::text AS datname,
       a.application_name, host(a.client_addr) AS client, a.backend_type, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
       a.query,
       c.pid IS NOT NULL AS builds,
       coalesce(r.rolsuper, false) AS of_superuser,
       CASE
           WHEN a.pid IS NULL THEN NULL
           WHEN current_setting('is_superuser') = 'on' THEN true
           WHEN a.usesysid IS NULL THEN
               coalesce(pg_has_role(to_regrole('pg_signal_autovacuum_worker')::oid, 'USAGE'), false)
           WHEN r.rolsuper THEN false
           ELSE pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')
       END AS may_signal,
       px.gid, px.owner::text AS gid_owner,
       extract(epoch FROM clock_timestamp() - px.prepared)::float8 AS prepared_age_s
FROM b
LEFT JOIN pg_stat_activity a ON a.pid = b.blocker
LEFT JOIN pg_roles r ON r.oid = a.usesysid
LEFT JOIN pg_stat_progress_create_index c ON c.pid = b.blocker
LEFT JOIN LATERAL (
    SELECT p.gid, p.owner, p.prepared
    FROM pg_locks w
    JOIN pg_prepared_xacts p ON p.transaction::text = w.transactionid::text
    WHERE b.blocker = 0 AND w.pid = b.waiter AND NOT w.granted AND w.locktype = 'transactionid'
    UNION ALL
    SELECT p.gid, p.owner, p.prepared
    FROM pg_locks w
    JOIN pg_locks h ON h.pid IS NULL AND h.granted AND h.locktype = w.locktype
                   AND h.relation IS NOT DISTINCT FROM w.relation AND h.database IS NOT DISTINCT FROM w.database
    JOIN pg_locks hx ON hx.pid IS NULL AND hx.virtualtransaction = h.virtualtransaction
                    AND hx.locktype = 'transactionid'
    JOIN pg_prepared_xacts p ON p.transaction::text = hx.transactionid::text
    WHERE b.blocker = 0 AND w.pid = b.waiter AND NOT w.granted AND w.locktype = 'relation'
) px ON true
ORDER BY b.depth, b.waiter, b.blocker

-- Reads: pg_locks and pg_blocking_pids: which backends wait for which lock, who is before them, and who holds it.
--   pg_blocking_pids takes every partition of the lock table (GetBlockerStatusData), so it is called once for
--   each backend that waits, and for no other. Blocker 0 is a prepared transaction.
-- Needs: nothing; both are open to everyone.
-- Serves: 14 and newer (pg_locks.waitstart).
-- waits.relation is named where it is of this database; for a wait on a transaction it is the table whose row
-- is waited for, known from the tuple lock that the first in the queue holds. prepared_xids[i] is the
-- transaction of holder i where that is a prepared one, else null.
WITH locks AS MATERIALIZED (
    SELECT l.*,
           ROW(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid,
               l.objid, l.objsubid)::text AS target
    FROM pg_locks l
), prepared AS (
    SELECT l.virtualtransaction, l.transactionid::text AS xid
    FROM locks l
    WHERE l.pid IS NULL AND l.granted AND l.locktype = 'transactionid'
), waiting AS MATERIALIZED (
    SELECT DISTINCT ON (l.pid)
           l.*,
           coalesce(l.relation, row_lock.relation) AS table_oid,
           coalesce(l.database, row_lock.database) AS table_database
    FROM locks l
    LEFT JOIN locks row_lock ON l.locktype = 'transactionid' AND row_lock.pid = l.pid
        AND row_lock.locktype = 'tuple' AND row_lock.granted
    WHERE NOT l.granted AND l.pid IS NOT NULL
    ORDER BY l.pid
), holders AS MATERIALIZED (
    SELECT
        l.target,
        array_agg(coalesce(l.pid, 0) ORDER BY l.pid, p.xid) AS pids,
        array_agg(l.mode ORDER BY l.pid, p.xid) AS modes,
        array_agg(p.xid ORDER BY l.pid, p.xid) AS xids
    FROM locks l
    LEFT JOIN prepared p ON l.pid IS NULL AND p.virtualtransaction = l.virtualtransaction
    WHERE l.granted AND l.target IN (SELECT w.target FROM waiting w)
    GROUP BY l.target
)
SELECT
    w.pid,
    pg_blocking_pids(w.pid) AS blockers,
    w.mode,
    w.locktype,
    w.page,
    w.tuple::int4 AS tuple,
    w.virtualxid,
    w.transactionid::text AS xid,
    w.classid::int8 AS classid,
    w.objid::int8 AS objid,
    w.objsubid::int4 AS objsubid,
    w.table_oid::int8 AS table_oid,
    CASE WHEN w.table_database IN (0, d.oid) THEN
        (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = w.table_oid)
    END AS relation,
    w.waitstart AS wait_start,
    coalesce(h.pids, '{}') AS holder_pids,
    coalesce(h.modes, '{}') AS holder_modes,
    coalesce(h.xids, '{}') AS prepared_xids
FROM waiting w
JOIN pg_database d ON d.datname = current_database()
LEFT JOIN holders h ON h.target = w.target
ORDER BY w.pid;

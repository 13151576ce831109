-- Reads: pg_locks: the tables that backends and prepared transactions have locked, and their advisory locks.
--   Indexes, TOAST tables and plain reads of the system catalogs are left out; at most 20 of each holder are named.
-- Needs: nothing; pg_locks is open to everyone.
-- Serves: 13 and newer.
-- $1 int4[]: pids, $2 text[]: transaction ids of prepared transactions. pg_locks gives those no pid: their locks
-- are found by the virtual transaction of the lock on their own transaction id.
WITH locks AS MATERIALIZED (
    SELECT l.pid, l.virtualtransaction, l.locktype, l.database, l.relation, l.transactionid::text AS xid, l.mode
    FROM pg_locks l
    WHERE l.granted AND l.locktype IN ('relation', 'advisory', 'transactionid')
), owned AS (
    SELECT l.pid, NULL::text AS xid, l.locktype, l.database, l.relation, l.mode
    FROM locks l
    WHERE l.pid = ANY ($1::int4[]) AND l.locktype <> 'transactionid'
    UNION ALL
    SELECT NULL, x.xid, l.locktype, l.database, l.relation, l.mode
    FROM locks x
    JOIN locks l ON l.pid IS NULL AND l.virtualtransaction = x.virtualtransaction
        AND l.locktype <> 'transactionid'
    WHERE x.pid IS NULL AND x.locktype = 'transactionid' AND x.xid = ANY ($2::text[])
), named AS (
    SELECT
        o.pid,
        o.xid,
        o.locktype,
        o.relation,
        count(*)::int AS number,
        array_agg(DISTINCT o.mode) AS modes,
        min(o.database) IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AS here
    FROM owned o
    GROUP BY o.pid, o.xid, o.locktype, o.relation
), counted AS (
    SELECT
        n.pid,
        n.xid,
        n.locktype,
        n.modes,
        n.number,
        CASE WHEN n.here THEN quote_ident(s.nspname) || '.' || quote_ident(c.relname) END AS relation,
        n.relation::int8 AS relation_oid,
        count(*) OVER holder AS total,
        row_number() OVER (holder ORDER BY n.modes = '{AccessShareLock}', n.relation) AS place
    FROM named n
    LEFT JOIN pg_class c ON n.here AND c.oid = n.relation
    LEFT JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE n.locktype = 'advisory'
        OR NOT coalesce(
            c.relkind IN ('i', 'I', 't') OR (s.nspname = 'pg_catalog' AND n.modes = '{AccessShareLock}'), false
        )
    WINDOW holder AS (PARTITION BY n.pid, n.xid)
)
SELECT c.pid, c.xid, c.locktype, c.modes, c.number, c.relation, c.relation_oid, c.total::int AS total
FROM counted c
WHERE c.place <= 20
ORDER BY c.pid, c.xid, c.place;

-- Reads: pg_class, pg_inherits, pg_index; sizes by oid: how big a table is, and what is special about it.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: table. No row where there is no such table. Sizes are of the table alone, and with
-- what inherits from it; they take AccessShareLock, so a table that somebody locks exclusively goes without.
WITH RECURSIVE tree (oid) AS (
    SELECT c.oid
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = $2::text
    UNION
    SELECT h.inhrelid
    FROM tree
    JOIN pg_inherits h ON h.inhparent = tree.oid
),
locked AS MATERIALIZED (
    SELECT l.relation
    FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
),
sized AS (
    SELECT measured.oid,
           measured.bytes,
           CASE
               WHEN measured.bytes = 0 THEN 0
               WHEN measured.reltuples < 0 OR measured.relpages = 0 THEN NULL
               ELSE measured.reltuples::float8 / measured.relpages
                    * (measured.bytes / current_setting('block_size')::int8)
           END AS rows
    FROM (
        SELECT c.oid, c.reltuples, c.relpages, pg_relation_size(c.oid) AS bytes
        FROM tree
        JOIN pg_class c ON c.oid = tree.oid
        WHERE c.relkind IN ('r', 'm', 't') AND c.oid NOT IN (SELECT relation FROM locked)
    ) AS measured
)
SELECT c.oid,
       c.relkind::text AS kind,
       c.relpersistence::text AS persistence,
       (SELECT s.bytes FROM sized s WHERE s.oid = c.oid) AS bytes,
       (SELECT sum(s.bytes)::int8 FROM sized s) AS bytes_with_children,
       (SELECT s.rows FROM sized s WHERE s.oid = c.oid) AS rows,
       (SELECT CASE WHEN bool_and(s.rows IS NOT NULL) THEN sum(s.rows) END FROM sized s) AS rows_with_children,
       (SELECT count(*) FROM tree) - 1 AS children
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text

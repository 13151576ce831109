-- Reads: pg_index, pg_class and pg_locks, by table.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- Printing takes AccessShareLock on the table: one that somebody locks exclusively is left out.
-- $1 oid[]: tables. Gives the usable indexes on them, without what REINDEX CONCURRENTLY left behind.
SELECT i.indexrelid AS oid,
       i.indrelid AS table_oid,
       c.relname::text AS name,
       coalesce(ts.spcname, 'pg_default')::text AS tablespace,
       pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
CROSS JOIN (SELECT d.dattablespace FROM pg_database d WHERE d.datname = current_database()) AS database
LEFT JOIN pg_tablespace ts ON ts.oid = coalesce(nullif(c.reltablespace, 0), database.dattablespace)
WHERE i.indrelid = ANY ($1::oid[])
  AND i.indisvalid AND i.indisready AND i.indislive
  AND i.indrelid NOT IN (
      SELECT l.relation
      FROM pg_locks l
      WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND l.pid IS DISTINCT FROM pg_backend_pid()
  )
  AND c.relname !~ '_cc(new|old)[0-9]*$'
ORDER BY c.relname

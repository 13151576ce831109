-- Reads: pg_class, pg_index, pg_namespace, pg_tablespace, pg_locks; size and scans by oid.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 to 15.
-- $1 oid[]: schemas. $2 text[]: names, of whatever bears them.
-- Sizes and the printing of definitions take AccessShareLock: where somebody locks the index or its table
-- exclusively, or waits to, these are NULL, and `locked` says so.
WITH locked AS MATERIALIZED (
    SELECT l.relation
    FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
)
SELECT wanted.position::int AS position,
       c.oid,
       c.relkind::text AS kind,
       i.indrelid AS table_oid,
       tn.nspname::text AS table_schema,
       t.relname::text AS table_name,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indislive AS live,
       i.indcheckxmin AS checkxmin,
       coalesce(ts.spcname, 'pg_default')::text AS tablespace,
       held.locked,
       CASE WHEN NOT held.locked THEN pg_get_indexdef(i.indexrelid) END AS definition,
       CASE WHEN c.relkind = 'i' AND c.oid NOT IN (SELECT relation FROM locked) THEN pg_relation_size(c.oid) END
           AS size_bytes,
       pg_stat_get_numscans(i.indexrelid) AS scans,
       NULL::timestamptz AS last_scan,
       database.stats_since
FROM (
    SELECT d.dattablespace, pg_stat_get_db_stat_reset_time(d.oid) AS stats_since
    FROM pg_database d
    WHERE d.datname = current_database()
) AS database
CROSS JOIN unnest($1::oid[], $2::text[]) WITH ORDINALITY AS wanted (schema_oid, name, position)
JOIN pg_class c ON c.relname = wanted.name::name AND c.relnamespace = wanted.schema_oid
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class t ON t.oid = i.indrelid
CROSS JOIN LATERAL (SELECT coalesce(i.indrelid IN (SELECT relation FROM locked), false) AS locked) AS held
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_tablespace ts ON ts.oid = coalesce(nullif(c.reltablespace, 0), database.dattablespace)

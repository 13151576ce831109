-- Reads: pg_class, pg_index, pg_stats, pg_locks and the counters: whether tables, and the expressions of indexes, were
--        ever analysed, and how many pages a table has.
-- Needs: SELECT on the table; the rights of its owner for the expressions.
-- Serves: 13 and newer.
-- $1 text[]: schemas, $2 text[]: tables, $3 text[]: names of indexes, '' for none. One row each, in order.
-- A null means that it may not be seen, or that somebody locks the table exclusively. expressions_known is null too
-- where there is no such index, it has no expressions, or so few rows of a big table meet its predicate that a sample
-- may miss them all. That an index was built says nothing of the table: up to 17 it sets reltuples.
WITH locked AS MATERIALIZED (
    SELECT l.relation
    FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
)
SELECT wanted.position::int4 AS position,
       size.bytes / current_setting('block_size')::int8 AS pages,
       CASE
           WHEN size.bytes IS NULL THEN NULL
           WHEN size.bytes = 0 THEN true
           WHEN pg_stat_get_last_analyze_time(t.oid) IS NOT NULL
                OR pg_stat_get_last_autoanalyze_time(t.oid) IS NOT NULL THEN true
           WHEN NOT has_table_privilege(t.oid, 'SELECT') OR t.relrowsecurity AND row_security_active(t.oid) THEN NULL
           ELSE EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = t.relname)
       END AS table_known,
       i.indexprs IS NOT NULL AS has_expressions,
       CASE
           WHEN i.indexprs IS NULL OR size.bytes IS NULL OR NOT pg_has_role(c.relowner, 'USAGE') THEN NULL
           WHEN size.bytes = 0 OR c.reltuples = 0 THEN true
           WHEN EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname) THEN true
           WHEN i.indpred IS NOT NULL AND c.reltuples * 3000 < t.reltuples THEN NULL
           ELSE false
       END AS expressions_known
FROM unnest($1::text[], $2::text[], $3::text[])
     WITH ORDINALITY AS wanted (schema_name, table_name, index_name, position)
LEFT JOIN pg_namespace n ON n.nspname = wanted.schema_name
LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = wanted.table_name
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.index_name
LEFT JOIN pg_index i ON i.indexrelid = c.oid AND i.indrelid = t.oid
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.oid NOT IN (SELECT relation FROM locked) THEN pg_relation_size(t.oid) END AS bytes
) AS size
ORDER BY wanted.position

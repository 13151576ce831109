-- Reads: pg_class, pg_index, pg_stats: whether a table, and the expressions of an index, were ever analysed.
-- Needs: SELECT on the table; the rights of its owner for the expressions.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: index. table_known and expressions_known are null where it may not be seen, the latter
-- also where the index has no expressions. That an index was built says nothing: up to 17 it sets reltuples.
SELECT CASE
           WHEN pg_relation_size(t.oid) = 0 THEN true
           WHEN NOT has_table_privilege(t.oid, 'SELECT') THEN NULL
           ELSE EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = t.relname)
       END AS table_known,
       i.indexprs IS NOT NULL AS has_expressions,
       CASE
           WHEN i.indexprs IS NULL OR NOT pg_has_role(c.relowner, 'USAGE') THEN NULL
           ELSE EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
       END AS expressions_known
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_class t ON t.oid = i.indrelid
WHERE n.nspname = $1::text AND c.relname = $2::text

-- Reads: pg_class and pg_index: what bears an index's name, and whether it is usable.
-- Needs: nothing.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: name.
SELECT c.oid, c.relkind::text AS kind, i.indisvalid AS valid, i.indisready AS ready, i.indislive AS live,
       i.indisunique AS "unique", tn.nspname::text AS table_schema, t.relname::text AS table_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class t ON t.oid = i.indrelid
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text

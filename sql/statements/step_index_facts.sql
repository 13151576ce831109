-- Reads: for each wanted (schema, table, index name): what kind of relation the table is, what bears the index's
--        name, whether it is an index of that table, usable, and what hangs on it.
-- Needs: nothing beyond CONNECT; pg_class, pg_index, pg_constraint and pg_inherits are public.
-- Serves: 13 and newer.
SELECT w.position::int4 AS position,
       t.relkind::text AS table_kind,
       h.relkind::text AS holder_kind,
       coalesce(i.indrelid = t.oid, false) AS on_table,
       coalesce(i.indisvalid AND i.indisready AND i.indislive, false) AS usable,
       served.constraint_name AS backs,
       coalesce(i.indisreplident, false) AS replica_identity,
       EXISTS (SELECT 1 FROM pg_inherits p WHERE p.inhrelid = i.indexrelid) AS attached
  FROM unnest($1::text[], $2::text[], $3::text[])
       WITH ORDINALITY AS w(schema_name, table_name, index_name, position)
  LEFT JOIN pg_namespace n ON n.nspname = w.schema_name
  LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = w.table_name
  LEFT JOIN pg_class h ON h.relnamespace = n.oid AND h.relname = w.index_name
  LEFT JOIN pg_index i ON i.indexrelid = h.oid
  -- pg_constraint has no index on conindid: looked up for each name it would be read thousands of times.
  LEFT JOIN (SELECT c.conindid, min(c.conname::text) AS constraint_name
               FROM pg_constraint c
              WHERE c.contype IN ('p', 'u', 'x', 'f')
              GROUP BY c.conindid) served ON served.conindid = h.oid
 ORDER BY w.position

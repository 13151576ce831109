-- Reads: for each wanted (schema, table, constraint name): what kind of relation the table is, and which
--        constraint of the table bears the name.
-- Needs: nothing beyond CONNECT; pg_class and pg_constraint are public.
-- Serves: 13 and newer.
SELECT w.position::int4 AS position,
       t.relkind::text AS table_kind,
       c.contype::text AS holder_kind,
       coalesce(c.convalidated, false) AS validated,
       coalesce(c.coninhcount > 0, false) AS inherited
  FROM unnest($1::text[], $2::text[], $3::text[])
       WITH ORDINALITY AS w(schema_name, table_name, constraint_name, position)
  LEFT JOIN pg_namespace n ON n.nspname = w.schema_name
  LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = w.table_name
  LEFT JOIN pg_constraint c ON c.conrelid = t.oid AND c.conname = w.constraint_name
 ORDER BY w.position

-- Reads: pg_class and pg_namespace, by name as an unqualified name is found along a search path.
-- Needs: nothing beyond CONNECT; neither USAGE on the schema nor any right on the table.
-- Serves: 13 and newer.
-- $1 text[]: schemas, NULL where the search path decides. $2 text[]: names. $3 text[]: the search path's schemas.
SELECT wanted.position::int AS position,
       home.oid AS schema_oid,
       home.nspname::text AS schema,
       found.oid,
       found.relkind::text AS kind,
       has_schema_privilege(home.oid, 'USAGE') AS usable,
       has_any_column_privilege(found.oid, 'SELECT') AS selectable
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema, name, position)
LEFT JOIN LATERAL (
    SELECT c.oid, c.relkind, c.relnamespace
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = wanted.name::name
      AND n.nspname::text = ANY (CASE WHEN wanted.schema IS NULL THEN $3::text[] ELSE ARRAY[wanted.schema] END)
    ORDER BY array_position($3::text[], n.nspname::text)
    LIMIT 1
) AS found ON true
LEFT JOIN LATERAL (
    SELECT n.oid, n.nspname
    FROM pg_namespace n
    WHERE n.oid = found.relnamespace
       OR (found.oid IS NULL
           AND n.nspname::text = ANY (CASE WHEN wanted.schema IS NULL THEN $3::text[] ELSE ARRAY[wanted.schema] END))
    ORDER BY array_position($3::text[], n.nspname::text)
    LIMIT 1
) AS home ON true
ORDER BY wanted.position

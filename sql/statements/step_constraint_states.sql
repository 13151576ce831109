-- Reads: pg_constraint: what bears names among the constraints of tables: its oid, its definition, its state.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: tables, $2 text[]: names. No row for a name that no constraint of the table bears; position counts from 1.
SELECT wanted.position::int4 AS position,
       k.conname::text AS name,
       k.oid,
       k.contype::text AS kind,
       k.convalidated AS validated,
       k.coninhcount > 0 AS inherited,
       pg_get_constraintdef(k.oid) AS definition
FROM unnest($1::oid[], $2::text[]) WITH ORDINALITY AS wanted (table_oid, constraint_name, position)
JOIN pg_constraint k ON k.conrelid = wanted.table_oid AND k.conname = wanted.constraint_name
ORDER BY wanted.position

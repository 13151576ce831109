-- Reads: pg_constraint: what bears names among the constraints of a table: its oid, its definition, its state.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid: table, $2 text[]: names. No row for a name that no constraint of the table bears.
SELECT k.conname::text AS name,
       k.oid,
       k.contype::text AS kind,
       k.convalidated AS validated,
       k.coninhcount > 0 AS inherited,
       pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint k
WHERE k.conrelid = $1::oid AND k.conname = ANY ($2::text[])
ORDER BY k.conname

-- Reads: pg_class, pg_index: what bears names in a schema: its oid, its definition, its state.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text[]: names. No row for a name that nothing bears.
SELECT c.relname::text AS name,
       c.oid,
       c.relkind::text AS kind,
       i.indrelid AS table_oid,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indislive AS live,
       i.indisreplident AS replica_identity,
       c.reltablespace AS tablespace,
       (SELECT string_agg(k.conname::text, ', ' ORDER BY k.conname) FROM pg_constraint k WHERE k.conindid = i.indexrelid)
           AS backs,
       pg_get_indexdef(i.indexrelid) AS definition
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = $1::text AND c.relname = ANY ($2::text[])
ORDER BY c.relname

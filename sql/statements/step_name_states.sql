-- Reads: pg_class, pg_index: what bears names in schemas: its oid, its definition, its state.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text[]: schemas, $2 text[]: names. No row for a name that nothing bears; position counts from 1.
SELECT wanted.position::int4 AS position,
       c.relname::text AS name,
       c.oid,
       c.relkind::text AS kind,
       i.indrelid AS table_oid,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indislive AS live,
       i.indisreplident AS replica_identity,
       c.reltablespace AS tablespace,
       served.names AS backs,
       pg_get_indexdef(i.indexrelid) AS definition
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema_name, relation_name, position)
JOIN pg_namespace n ON n.nspname = wanted.schema_name
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.relation_name
LEFT JOIN pg_index i ON i.indexrelid = c.oid
-- pg_constraint has no index on conindid: looked up for each name it would be read thousands of times.
LEFT JOIN (SELECT k.conindid, string_agg(k.conname::text, ', ' ORDER BY k.conname) AS names
             FROM pg_constraint k
            GROUP BY k.conindid) served ON served.conindid = i.indexrelid
ORDER BY wanted.position

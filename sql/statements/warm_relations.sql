-- Reads: tables and indexes that plans name, with their size, and whether this role may read the table.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    c.oid,
    format('%I.%I', n.nspname, c.relname) AS name,
    c.relkind IN ('i', 'I') AS is_index,
    pg_relation_size(c.oid) AS bytes,
    has_table_privilege(coalesce(i.indrelid, c.oid), 'SELECT') AS may_read
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace n ON n.nspname = wanted.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'm', 'i');

-- Reads: what became of indexes by these names, in whatever schema.
-- Needs: nothing.
-- Serves: 13 and newer.
-- $1 text[]: names.
SELECT
    wanted.name,
    bool_or(i.indexrelid IS NOT NULL) AS there,
    bool_or(i.indisvalid AND i.indisready AND i.indislive) IS TRUE AS usable
FROM unnest($1::text[]) AS wanted (name)
LEFT JOIN pg_class c ON c.relname = wanted.name::name AND c.relkind IN ('i', 'I')
LEFT JOIN pg_index i ON i.indexrelid = c.oid
GROUP BY wanted.name
ORDER BY wanted.name;

-- Reads: the index that a probe should use ($1: its name): whether it is usable, its table's size, and the
--   names of its partitions, which are what a plan shows.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    (i.indisvalid AND i.indisready AND i.indislive) AS usable,
    t.relname::text AS table_name,
    n.nspname::text AS table_schema,
    CASE c.relkind
        WHEN 'I' THEN ARRAY(
            SELECT p.relname::text
            FROM pg_partition_tree(c.oid) tree
            JOIN pg_class p ON p.oid = tree.relid
        )
        ELSE ARRAY[c.relname::text]
    END AS names
FROM pg_class c
JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.relname = $1::text AND c.relkind IN ('i', 'I')
ORDER BY pg_table_is_visible(c.oid) DESC, c.oid
LIMIT 1;

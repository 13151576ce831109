-- Reads: pg_class and pg_inherits: a table, what inherits from it, and indexes by name.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: table, $3 text[]: names of indexes in that schema. role: `table`, `child` or `index`.
WITH RECURSIVE tree (oid, role) AS (
    SELECT c.oid, 'table'
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = $2::text
    UNION
    SELECT h.inhrelid, 'child'
    FROM tree
    JOIN pg_inherits h ON h.inhparent = tree.oid
)
SELECT tree.oid, tree.role
FROM tree
UNION ALL
SELECT c.oid, 'index'
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = ANY ($3::text[]) AND c.relkind IN ('i', 'I')

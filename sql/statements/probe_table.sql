-- Reads: the planner's idea of a table's size; $1: schema, $2: table. Rows are unknown where it was never
--   analysed: -1 from 14 on, before that 0 rows on 0 pages.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    CASE WHEN c.reltuples < 0 OR c.relpages = 0 THEN NULL ELSE c.reltuples::float8 END AS rows,
    c.relpages AS pages,
    c.relallvisible AS visible_pages
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text;

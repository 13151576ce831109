-- Reads: pg_extension: the schema of hypopg, which shows what the planner would do with an index that is not there.
-- Needs: nothing.
-- Serves: 13 and newer. No row where the extension is not installed in this database.
SELECT n.nspname::text AS schema
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'hypopg'

-- Reads: where pg_stat_statements is, what its column of total time is called (total_time up to 1.7), whether it
--   tells of resets and evictions (1.9 and newer) and when an entry was made (1.11), and how many statements it
--   keeps. The extension may be older than the server, and in any schema.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    n.nspname::text AS schema,
    (
        SELECT a.attname::text
        FROM pg_attribute a
        WHERE a.attrelid = v.oid AND a.attname IN ('total_exec_time', 'total_time')
    ) AS total_column,
    EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = v.oid AND a.attname = 'stats_since'
    ) AS has_since,
    EXISTS (
        SELECT FROM pg_class i WHERE i.relname = 'pg_stat_statements_info' AND i.relnamespace = n.oid
    ) AS has_info,
    current_setting('pg_stat_statements.max', true)::int AS most
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
LEFT JOIN pg_class v ON v.relname = 'pg_stat_statements' AND v.relnamespace = n.oid
WHERE e.extname = 'pg_stat_statements';

-- Reads: where pg_stat_statements is, what its column of total time is called (total_time up to 1.7), whether it
--   tells of resets and evictions (1.9 and newer), and how many statements it keeps.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    n.nspname::text AS schema,
    e.extversion::text AS version,
    (
        SELECT a.attname::text
        FROM pg_class v
        JOIN pg_attribute a ON a.attrelid = v.oid
        WHERE v.relname = 'pg_stat_statements'
            AND v.relnamespace = n.oid
            AND a.attname IN ('total_exec_time', 'total_time')
    ) AS total_column,
    EXISTS (
        SELECT FROM pg_class v
        WHERE v.relname = 'pg_stat_statements_info' AND v.relnamespace = n.oid
    ) AS has_info,
    current_setting('pg_stat_statements.max', true)::int AS most
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';

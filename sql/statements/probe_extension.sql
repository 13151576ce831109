-- Reads: where pg_stat_statements is, and what its column of total time is called: the extension may be older
--   than the server (total_time up to 1.7), and in any schema.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    n.nspname::text AS schema,
    (
        SELECT a.attname::text
        FROM pg_class v
        JOIN pg_attribute a ON a.attrelid = v.oid
        WHERE v.relname = 'pg_stat_statements'
            AND v.relnamespace = n.oid
            AND a.attname IN ('total_exec_time', 'total_time')
    ) AS total_column
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';

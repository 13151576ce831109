-- Reads: pg_stat_progress_create_index and pg_stat_activity: every index build in this database.
-- Needs: nothing for the pids; pg_read_all_stats for phase, table and query of other roles' builds.
-- Serves: 13 and newer.
SELECT p.pid, a.backend_start, a.usename::text AS usename, a.application_name, p.command, p.phase,
       CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS table_name,
       a.query,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS age_s
FROM pg_stat_progress_create_index p
LEFT JOIN pg_stat_activity a ON a.pid = p.pid
LEFT JOIN pg_class c ON c.oid = p.relid
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.datname = current_database()
ORDER BY p.pid

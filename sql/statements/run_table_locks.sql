-- Reads: pg_locks: who holds a lock on a table that a concurrent build, or a validation, would wait for.
-- Needs: nothing for the pids; pg_read_all_stats for what other roles do.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: table. pid is null for a prepared transaction.
SELECT DISTINCT ON (l.pid) l.pid, l.mode, a.usename::text AS usename, a.application_name, a.backend_type, a.state, a.query,
       a.backend_start, a.query_start, host(a.client_addr) AS client,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
       v.pid IS NOT NULL OR z.pid IS NOT NULL AS maintains
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_stat_progress_vacuum v ON v.pid = l.pid
LEFT JOIN pg_stat_progress_analyze z ON z.pid = l.pid
WHERE c.relname = $2::text
  AND l.locktype = 'relation'
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')
ORDER BY l.pid

-- Reads: pg_locks, pg_stat_progress_create_index, _vacuum, _analyze and pg_stat_activity: who works on tables.
-- Needs: nothing beyond CONNECT; pg_read_all_stats shows the phase, the query and the application of other roles.
-- Serves: 13 and newer.
-- $1 oid[]: tables. A row for each backend that holds ShareUpdateExclusiveLock or stronger on one of them, and
-- for each CREATE INDEX or REINDEX in this database.
SELECT worker.pid,
       worker.table_oid,
       worker.mode,
       worker.granted,
       p.pid IS NOT NULL AS builds,
       p.relid AS progress_table_oid,
       p.index_relid AS progress_index_oid,
       p.command,
       p.phase,
       v.pid IS NOT NULL OR z.pid IS NOT NULL AS maintains,
       a.usename::text AS usename,
       a.application_name,
       a.backend_type,
       a.query,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS age_s
FROM (
    SELECT l.pid, l.relation AS table_oid, l.mode, l.granted
    FROM pg_locks l
    WHERE l.locktype = 'relation'
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.relation = ANY ($1::oid[])
      AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                     'AccessExclusiveLock')
    UNION ALL
    SELECT c.pid, c.relid, NULL, NULL
    FROM pg_stat_progress_create_index c
    WHERE c.datname = current_database()
) AS worker
LEFT JOIN pg_stat_progress_create_index p ON p.pid = worker.pid
LEFT JOIN pg_stat_progress_vacuum v ON v.pid = worker.pid
LEFT JOIN pg_stat_progress_analyze z ON z.pid = worker.pid
LEFT JOIN pg_stat_activity a ON a.pid = worker.pid
ORDER BY worker.pid, worker.table_oid

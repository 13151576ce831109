-- Reads: pg_stat_activity, pg_locks, pg_stat_progress_create_index and _vacuum, pg_index: who holds, or waits for,
--        a lock on relations, and who holds a snapshot in this database.
-- Needs: nothing for locks, snapshots, pids, roles and applications; pg_read_all_stats for ages, states and queries
--        of other roles.
-- Serves: 13 and newer.
-- $1 oid[]: relations. A session that holds neither is left out.
SELECT a.pid,
       a.backend_start,
       a.query_start,
       a.usename::text AS usename,
       a.application_name,
       host(a.client_addr) AS client,
       a.backend_type,
       a.state,
       a.wait_event_type,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s,
       a.query,
       a.backend_xmin IS NOT NULL AS has_snapshot,
       a.backend_type IS NULL AS hidden,
       coalesce(a.leader_pid <> a.pid, false) AS is_worker,
       coalesce(held.granted, '{}') AS granted,
       coalesce(held.waiting, '{}') AS waiting,
       v.pid IS NOT NULL AS vacuums,
       p.pid IS NOT NULL AS builds,
       p.command,
       p.relid::oid AS builds_on,
       coalesce(i.indexprs IS NULL AND i.indpred IS NULL AND i.indexrelid IS NOT NULL, false) AS builds_plain_index
FROM pg_stat_activity a
LEFT JOIN (
    SELECT l.pid,
           array_agg(DISTINCT l.mode) FILTER (WHERE l.granted) AS granted,
           array_agg(DISTINCT l.mode) FILTER (WHERE NOT l.granted) AS waiting
    FROM pg_locks l
    WHERE l.locktype = 'relation'
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.relation = ANY ($1::oid[])
    GROUP BY l.pid
) AS held ON held.pid = a.pid
LEFT JOIN pg_stat_progress_vacuum v ON v.pid = a.pid
LEFT JOIN pg_stat_progress_create_index p ON p.pid = a.pid
LEFT JOIN pg_index i ON i.indexrelid = p.index_relid
WHERE a.datname = current_database()
  AND a.pid <> pg_backend_pid()
  AND (held.pid IS NOT NULL OR a.backend_xmin IS NOT NULL)
ORDER BY a.xact_start NULLS LAST, a.pid

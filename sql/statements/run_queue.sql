-- Reads: pg_stat_activity and pg_blocking_pids: who waits for a backend.
-- Needs: nothing for the pids; pg_read_all_stats for what other roles do.
-- Serves: 13 and newer.
-- $1 int4: pid of the one who is waited for. Only backends that wait for a lock are asked, as pg_locks tells.
SELECT a.pid, a.usename::text AS usename, a.application_name, a.state, a.query,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS waiting_s
FROM pg_stat_activity a
WHERE a.pid IN (SELECT l.pid FROM pg_locks l WHERE NOT l.granted)
  AND $1::int4 = ANY (pg_blocking_pids(a.pid))
ORDER BY a.query_start

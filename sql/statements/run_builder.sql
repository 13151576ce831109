-- Reads: pg_locks and pg_stat_activity: who holds the advisory lock of pgdeck's one builder in this database.
-- Needs: nothing.
-- Serves: 13 and newer.
-- $1 int4, $2 int4: the two halves of the lock's key.
SELECT l.pid, a.application_name, a.usename::text AS usename, a.state, a.query,
       a.backend_start, a.query_start, host(a.client_addr) AS client, a.backend_type,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age_s
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.classid = ($1::int4)::oid AND l.objid = ($2::int4)::oid

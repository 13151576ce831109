-- Reads: pg_stat_activity, one backend by its pid.
-- Needs: nothing for backends of one's own role; pg_read_all_stats for those of others.
-- Serves: 13 and newer.
-- $1 int4: pid.
SELECT
    a.pid, a.backend_start, a.xact_start, a.query_start, a.state, a.application_name, a.usename::text AS usename, a.query
FROM pg_stat_activity a
WHERE a.pid = $1::int4

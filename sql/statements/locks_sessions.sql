-- Reads: pg_stat_activity: the backends of $1, the leaders of those that are parallel workers, and everybody who
--   is idle in a transaction; and whether this role may signal them (pg_signal_backend in signalfuncs.c: the own
--   role or pg_signal_backend, for a superuser's backend superuser, for an autovacuum worker superuser or, 18 and
--   newer, pg_signal_autovacuum_worker).
-- Needs: nothing for who they are; pg_read_all_stats for what other roles' backends do.
-- Serves: 13 and newer.
-- $1 int4[]: pids.
SELECT
    a.pid,
    a.leader_pid,
    a.backend_start,
    a.xact_start,
    a.query_start,
    a.state_change,
    clock_timestamp() AS server_time,
    a.usename::text AS "user",
    a.datname::text AS database,
    a.application_name AS application,
    host(a.client_addr) AS client,
    a.backend_type,
    a.state,
    a.wait_event_type,
    left(a.query, 1000) AS query,
    a.backend_xid IS NOT NULL AS wrote,
    starts_with(coalesce(a.application_name, ''), 'pgdeck') AS own,
    coalesce(r.rolsuper, false) AS of_superuser,
    CASE
        WHEN current_setting('is_superuser') = 'on' THEN true
        WHEN a.usesysid IS NULL THEN
            coalesce(pg_has_role(to_regrole('pg_signal_autovacuum_worker')::oid, 'USAGE'), false)
        WHEN r.rolsuper THEN false
        ELSE pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')
    END AS may_signal
FROM pg_stat_activity a
LEFT JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.pid <> pg_backend_pid()
    AND (
        a.pid = ANY ($1::int4[])
        OR a.pid IN (SELECT w.leader_pid FROM pg_stat_activity w WHERE w.pid = ANY ($1::int4[]))
        OR a.state IN ('idle in transaction', 'idle in transaction (aborted)')
    )
ORDER BY a.pid;

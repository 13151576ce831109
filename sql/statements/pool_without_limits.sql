-- Reads: what pool.sql reads but CONNECTION LIMITs, for a role that may not read pg_roles or pg_database;
--   sees_limits says whether it may by now.
-- Needs: nothing; pg_read_all_stats for the states, ages and waits of other roles' backends.
-- Serves: 13 and newer.
WITH backends AS (
    SELECT
        a.datid,
        a.datname,
        a.usesysid,
        a.usename,
        coalesce(a.application_name, '') AS application,
        CASE WHEN a.backend_type IS NULL THEN 'hidden' ELSE coalesce(a.state, 'starting') END AS state,
        count(*)::int AS used,
        count(*) FILTER (WHERE a.wait_event_type = 'Lock')::int AS waiting_on_locks,
        count(*) FILTER (WHERE a.state = 'active' AND a.wait_event_type IS NULL)::int AS running,
        min(a.query_start) FILTER (WHERE a.wait_event_type = 'Lock') AS waiting_since,
        (array_agg(a.pid ORDER BY a.query_start) FILTER (WHERE a.wait_event_type = 'Lock'))[1]
            AS longest_waiter,
        min(a.xact_start) AS oldest_transaction
    FROM pg_stat_activity a
    WHERE a.backend_type = 'client backend'
        OR (a.backend_type IS NULL AND a.datid IS NOT NULL AND a.usesysid IS NOT NULL)
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    coalesce(b.datname::text, '') AS database,
    coalesce(b.datname = current_database(), false) AS here,
    coalesce(b.usename::text, '') AS role,
    b.application,
    b.state,
    b.application LIKE ANY ($1::text[]) AS budgeted,
    starts_with(b.application, 'pgdeck') AS own,
    b.used,
    b.waiting_on_locks,
    b.running,
    b.waiting_since,
    b.longest_waiter,
    greatest(extract(epoch FROM clock_timestamp() - b.oldest_transaction), 0)::float8 AS oldest_transaction_s,
    current_setting('max_connections')::int AS max_connections,
    current_setting('superuser_reserved_connections')::int
        + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0) AS reserved,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_states,
    has_table_privilege('pg_roles', 'SELECT') AND has_table_privilege('pg_database', 'SELECT') AS sees_limits,
    NULL::int AS database_limit,
    NULL::int AS role_limit
FROM backends b;

-- Reads: client backends by state, application and database; $1: LIKE patterns of the budget's applications.
--   Without pg_read_all_stats backend_type and state of other roles are NULL (pgstatfuncs.c), while database,
--   role and application stay visible: such a row counts where it has a database and a role, which leaves out
--   autovacuum but lets parallel and logical replication workers in.
-- Needs: nothing; pg_read_all_stats for the states, ages and waits of other roles' backends.
-- Serves: 13 and newer.
SELECT
    coalesce(a.datname::text, '') AS database,
    coalesce(a.datname = current_database(), false) AS here,
    coalesce(a.application_name, '') AS application,
    CASE WHEN a.backend_type IS NULL THEN 'hidden' ELSE coalesce(a.state, 'starting') END AS state,
    coalesce(a.application_name, '') LIKE ANY ($1::text[]) AS budgeted,
    starts_with(coalesce(a.application_name, ''), 'pgdeck') AS own,
    count(*)::int AS used,
    count(*) FILTER (WHERE a.wait_event_type = 'Lock')::int AS waiting_on_locks,
    count(*) FILTER (WHERE a.state = 'active' AND a.wait_event_type IS NULL)::int AS running,
    min(a.query_start) FILTER (WHERE a.wait_event_type = 'Lock') AS waiting_since,
    (array_agg(a.pid ORDER BY a.query_start) FILTER (WHERE a.wait_event_type = 'Lock'))[1] AS longest_waiter,
    greatest(extract(epoch FROM clock_timestamp() - min(a.xact_start)), 0)::float8 AS oldest_transaction_s
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend'
    OR (a.backend_type IS NULL AND a.datid IS NOT NULL AND a.usesysid IS NOT NULL)
GROUP BY 1, 2, 3, 4, 5, 6;

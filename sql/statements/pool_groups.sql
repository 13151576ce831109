-- Reads: client backends counted by state, by application, by role, by client address and by database at once.
--   Without pg_read_all_stats only database, role and application of other roles' backends are visible.
-- Needs: nothing; pg_read_all_stats for states, ages and addresses of other roles' backends.
-- Serves: 13 and newer.
WITH backends AS (
    SELECT
        CASE WHEN a.backend_type IS NULL THEN 'hidden' ELSE coalesce(a.state, 'starting') END AS state,
        coalesce(a.application_name, '') AS application,
        coalesce(a.usename::text, '') AS role,
        CASE WHEN a.backend_type IS NULL THEN 'hidden' ELSE coalesce(host(a.client_addr), 'local socket') END
            AS client,
        coalesce(a.datname::text, '') AS database,
        a.wait_event_type,
        a.backend_start,
        a.xact_start
    FROM pg_stat_activity a
    WHERE a.backend_type = 'client backend'
        OR (a.backend_type IS NULL AND a.datid IS NOT NULL AND a.usesysid IS NOT NULL)
)
SELECT
    CASE
        WHEN grouping(b.state) = 0 THEN 'state'
        WHEN grouping(b.application) = 0 THEN 'application'
        WHEN grouping(b.role) = 0 THEN 'role'
        WHEN grouping(b.client) = 0 THEN 'client'
        ELSE 'database'
    END AS grouped_by,
    coalesce(b.state, b.application, b.role, b.client, b.database) AS name,
    count(*)::int AS used,
    count(*) FILTER (WHERE b.state = 'active')::int AS active,
    count(*) FILTER (WHERE b.state = 'idle')::int AS idle,
    count(*) FILTER (WHERE b.state LIKE 'idle in transaction%')::int AS in_transaction,
    count(*) FILTER (WHERE b.wait_event_type = 'Lock')::int AS waiting_on_locks,
    min(b.backend_start) AS oldest_connection,
    min(b.xact_start) AS oldest_transaction
FROM backends b
GROUP BY GROUPING SETS ((b.state), (b.application), (b.role), (b.client), (b.database))
ORDER BY 1, count(*) DESC, 2;

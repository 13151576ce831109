-- Reads: pg_stat_get_activity: what the measured backends and their parallel workers do at this moment, and how
--   busy the server is besides them. The function and not the view: it reads no catalog, so no lock there stops it.
-- Needs: nothing for backends of the own role; pg_read_all_stats for what other roles and the server itself do.
-- Serves: 13 and newer; query_id is NULL on 13.
-- $1 text: pids of the measured backends, with commas between: for an array the driver would have to ask the catalog
-- first, just when the server is slow. $2 text: behind a pooler, which lends any backend, the application_names
-- of the probes, likewise; PgBouncer may add the client's address to them (application_name_add_host).
WITH backends AS MATERIALIZED (
    SELECT b.*, n.name,
        b.pid = ANY (wanted.pids) OR b.leader_pid = ANY (wanted.pids) OR n.name IS NOT NULL AS ours
    FROM pg_stat_get_activity(NULL) AS b
    CROSS JOIN (SELECT string_to_array($1::text, ',')::int4[] AS pids) AS wanted
    LEFT JOIN unnest(string_to_array($2::text, ',')) AS n(name) ON b.state <> 'idle'
        AND (b.application_name = n.name OR starts_with(b.application_name, n.name || ' - '))
), others AS (
    SELECT
        count(*) FILTER (WHERE b.state = 'active' AND b.backend_type = 'client backend')::int4 AS active,
        max(extract(epoch FROM clock_timestamp() - b.query_start))
            FILTER (WHERE b.state = 'active' AND b.backend_type = 'client backend')::float8 AS longest_s,
        count(*) FILTER (WHERE b.wait_event_type = 'Lock')::int4 AS waiting_on_locks,
        count(*) FILTER (WHERE b.wait_event_type = 'IO' AND b.state = 'active')::int4 AS waiting_on_io,
        count(*) FILTER (WHERE b.state = 'active' AND b.wait_event LIKE 'WAL%')::int4 AS waiting_on_wal,
        count(*) FILTER (WHERE b.backend_type = 'autovacuum worker')::int4 AS autovacuums,
        bool_or(b.wait_event_type IS DISTINCT FROM 'Activity') FILTER (WHERE b.backend_type = 'checkpointer')
            AS checkpointing,
        count(*) FILTER (WHERE b.backend_type IS NULL AND b.datid IS NOT NULL)::int4 AS hidden
    FROM backends b
    WHERE b.ours IS NOT TRUE AND b.pid <> pg_backend_pid()
)
SELECT
    o.*,
    (SELECT count(*) FROM pg_stat_get_progress_info('CREATE INDEX'))::int4 AS builds,
    b.pid,
    b.leader_pid,
    coalesce(b.name, '') AS application,
    b.state,
    b.wait_event_type,
    b.wait_event,
    extract(epoch FROM clock_timestamp() - b.query_start)::float8 * 1000 AS query_ms,
    (to_jsonb(b) ->> 'query_id')::int8 AS query_id
FROM others o
LEFT JOIN backends b ON b.ours
ORDER BY b.leader_pid NULLS FIRST, b.pid;

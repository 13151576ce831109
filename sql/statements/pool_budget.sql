-- Reads: what the applications of the manifest's pool budget hold in this database, against their own limits.
-- Needs: nothing for their number; pg_read_all_stats for ages and states of other roles' backends.
-- Serves: 13 and newer.
-- $1 text[]: LIKE patterns of the applications, $2 float8: recycle_s, $3 float8: query_timeout_s; a limit that is
-- null counts nothing.
WITH held AS (
    SELECT a.*, clock_timestamp() AS now
    FROM pg_stat_activity a
    WHERE (a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.usesysid IS NOT NULL))
        AND a.datname = current_database()
        AND coalesce(a.application_name, '') LIKE ANY ($1::text[])
        AND NOT starts_with(coalesce(a.application_name, ''), 'pgdeck')
)
SELECT
    count(*)::int AS held,
    count(h.backend_start)::int AS seen,
    min(h.backend_start) AS oldest,
    count(*) FILTER (WHERE extract(epoch FROM h.now - h.backend_start) > $2::float8)::int AS over_recycle,
    count(*) FILTER (
        WHERE h.state = 'idle' AND extract(epoch FROM h.now - h.state_change) > $2::float8
    )::int AS idle_over_recycle,
    min(h.state_change) FILTER (WHERE h.state = 'idle') AS idle_since,
    count(*) FILTER (
        WHERE h.state = 'active' AND extract(epoch FROM h.now - h.query_start) > $3::float8
    )::int AS over_query_timeout,
    min(h.query_start) FILTER (WHERE h.state = 'active') AS longest_query,
    (array_agg(h.pid ORDER BY h.query_start) FILTER (WHERE h.state = 'active'))[1] AS longest_query_pid,
    count(*) FILTER (WHERE h.state LIKE 'idle in transaction%')::int AS in_transaction,
    min(h.state_change) FILTER (WHERE h.state LIKE 'idle in transaction%') AS in_transaction_since
FROM held h;

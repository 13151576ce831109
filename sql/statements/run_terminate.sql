-- Reads: pg_stat_activity, and signals the one backend that is meant: pg_terminate_backend.
-- Needs: the backend's own role, or pg_signal_backend; for a superuser's backend, superuser.
-- Serves: 13 and newer.
-- $1 int4: pid, $2 timestamptz: its backend_start, $3 timestamptz: the query_start that is meant, or null for any.
-- No row, or false: there is no such backend or statement any more.
SELECT pg_terminate_backend(a.pid) AS sent
FROM pg_stat_activity a
WHERE a.pid = $1::int4
  AND a.backend_start = $2::timestamptz
  AND ($3::timestamptz IS NULL OR a.query_start = $3::timestamptz)

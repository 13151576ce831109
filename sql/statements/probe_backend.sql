-- Reads: which backend serves this session, and since when: pids are used again.
-- Needs: nothing (a role sees its own sessions).
-- Serves: 13 and newer.
SELECT a.pid, a.backend_start
FROM pg_stat_activity a
WHERE a.pid = pg_backend_pid();

-- Reads: how many backends of this database wait for a lock, and one of them, for a role that cannot see wait
--   events.
-- Needs: nothing; pg_locks is open to everyone.
-- Serves: 13 and newer.
SELECT count(DISTINCT l.pid)::int AS waiting_on_locks, min(l.pid) AS longest_waiter
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE NOT l.granted AND a.datname = current_database();

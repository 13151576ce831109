-- Reads: pg_locks, the lock that one backend waits for.
-- Needs: nothing; pg_locks is open to everyone.
-- Serves: 13 and newer.
-- $1 int4: pid. `relation`: nothing was created yet; `virtualxid`: a writer or an old snapshot;
-- `transactionid`: a prepared transaction, or a row.
SELECT l.locktype, l.mode, l.relation::oid AS table_oid
FROM pg_locks l
WHERE l.pid = $1::int4 AND NOT l.granted

-- Reads: pg_locks and pg_prepared_xacts: prepared transactions that hold locks on relations.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: relations. gid is null where the transaction ended meanwhile.
SELECT NULL::int4 AS pid,
       p.gid,
       p.owner::text AS gid_owner,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS prepared_age_s,
       array_agg(DISTINCT l.mode) AS granted
FROM pg_locks l
LEFT JOIN pg_locks x ON x.pid IS NULL AND x.virtualtransaction = l.virtualtransaction AND x.locktype = 'transactionid'
LEFT JOIN pg_prepared_xacts p ON p.transaction::text = x.transactionid::text
WHERE l.pid IS NULL
  AND l.locktype = 'relation'
  AND l.granted
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.relation = ANY ($1::oid[])
GROUP BY p.gid, p.owner, p.prepared
ORDER BY p.prepared

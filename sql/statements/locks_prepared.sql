-- Reads: pg_prepared_xacts: transactions that were prepared and neither committed nor rolled back since.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    p.transaction::text AS xid,
    p.gid,
    p.prepared,
    p.owner::text AS owner,
    p.database::text AS database,
    clock_timestamp() AS server_time,
    pg_has_role(p.owner, 'USAGE') AS may_end
FROM pg_prepared_xacts p
ORDER BY p.prepared;

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
    -- Membership does not do (LockGXact in twophase.c).
    p.owner = current_user OR current_setting('is_superuser') = 'on' AS may_end
FROM pg_prepared_xacts p
ORDER BY p.prepared;

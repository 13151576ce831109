-- Reads: where this server's WAL ends, and which replicas its commits wait for.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    pg_is_in_recovery() AS in_recovery,
    CASE
        WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
        ELSE pg_current_wal_lsn()
    END::text AS lsn,
    -- In these modes no commit waits for a replica (SyncRepRequested, syncrep.h).
    CASE
        WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN ''
        ELSE current_setting('synchronous_standby_names')
    END AS sync_names;

-- Reads: what a standby says of its own recovery; $1: where its primary's WAL ends, NULL where that is unknown.
--   The time since the last replayed transaction grows on an idle primary too: it is a lag only while there is
--   something to replay.
-- Needs: nothing; pg_monitor (or pg_read_all_stats) for the state of the WAL receiver.
-- Serves: 13 and newer.
SELECT
    here.in_recovery,
    CASE WHEN here.in_recovery THEN pg_is_wal_replay_paused() END AS paused,
    ($1::text::pg_lsn - pg_last_wal_replay_lsn())::int8 AS behind_bytes,
    (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::int8 AS unreplayed_bytes,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS replayed_age_s,
    w.status AS receiver,
    w.pid IS NOT NULL AS receives,
    w.slot_name AS slot,
    coalesce(w.sender_host, '') AS sender,
    w.sender_port,
    current_setting('cluster_name') AS cluster_name,
    current_setting('recovery_min_apply_delay') AS apply_delay,
    coalesce(host(inet_server_addr()), '') AS address
FROM (SELECT pg_is_in_recovery() AS in_recovery) AS here
LEFT JOIN pg_stat_wal_receiver w ON true;

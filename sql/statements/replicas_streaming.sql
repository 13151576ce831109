-- Reads: who streams from this server, and how far behind its own WAL each is; $1: where that ends.
--   Without pg_read_all_stats only process, role and application of a walsender are shown (pg_stat_get_wal_senders).
-- Needs: nothing; pg_monitor (or pg_read_all_stats) for states, addresses and lags.
-- Serves: 13 and newer.
SELECT
    r.pid,
    coalesce(r.application_name, '') AS application,
    coalesce(host(r.client_addr), '') AS address,
    r.state,
    r.sync_state,
    s.slot_name::text AS slot,
    s.slot_type AS slot_kind,
    extract(epoch FROM r.write_lag)::float8 AS write_lag_s,
    extract(epoch FROM r.flush_lag)::float8 AS flush_lag_s,
    extract(epoch FROM r.replay_lag)::float8 AS replay_lag_s,
    ($1::text::pg_lsn - r.write_lsn)::int8 AS write_lag_bytes,
    ($1::text::pg_lsn - r.flush_lsn)::int8 AS flush_lag_bytes,
    ($1::text::pg_lsn - r.replay_lsn)::int8 AS replay_lag_bytes
FROM pg_stat_replication r
LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
ORDER BY 2, 1;

-- Reads: replication slots and the WAL that each keeps; $1: where this server's WAL ends.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    s.slot_name::text AS name,
    s.slot_type AS kind,
    s.database::text AS database,
    s.temporary,
    s.active,
    ($1::text::pg_lsn - s.restart_lsn)::int8 AS retained_bytes,
    s.wal_status,
    s.safe_wal_size::int8 AS safe_bytes,
    greatest(age(s.xmin), age(s.catalog_xmin)) AS held_transactions,
    NULL::timestamptz AS inactive_since,
    NULL::text AS invalidation
FROM pg_replication_slots s
ORDER BY 1;

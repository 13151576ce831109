-- Reads: how often each index was scanned on this server: scans are counted per server; $1: the indexes.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    wanted.oid,
    pg_stat_get_numscans(wanted.oid) AS scans,
    (SELECT pg_stat_get_db_stat_reset_time(d.oid) FROM pg_database d WHERE d.datname = current_database())
        AS stats_since
FROM unnest($1::oid[]) AS wanted (oid);

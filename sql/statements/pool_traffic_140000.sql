-- Reads: what this server and this database have done since their statistics began, for rates and for advice.
--   Sessions that ended other than by the client's own goodbye are abandoned, fatal or killed.
-- Needs: nothing.
-- Serves: 14 and newer.
-- $1 text: name of the table whose rows are estimated (reltuples; -1 and 0 are "never analysed").
SELECT
    clock_timestamp() AS server_time,
    (SELECT sum(d.sessions)::int8 FROM pg_stat_database d) AS sessions,
    (SELECT sum(d.sessions_abandoned + d.sessions_fatal + d.sessions_killed)::int8 FROM pg_stat_database d)
        AS broken,
    NULL::int AS young,
    here.tup_returned AS rows_read,
    here.tup_inserted + here.tup_updated + here.tup_deleted AS rows_written,
    (SELECT max(c.reltuples)::float8
     FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = $1::text AND c.relkind IN ('r', 'p', 'm')
        AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema') AS table_rows,
    (SELECT count(*)::int FROM pg_stat_replication) AS replicas
FROM pg_stat_database here
WHERE here.datname = current_database();

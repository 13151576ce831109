-- Reads: what this server and this database have done since their statistics began, for rates and for advice.
--   Sessions are counted from 14 on (pg_stat_database.sessions); before, those of the last minute that live still.
-- Needs: nothing; pg_read_all_stats for the last minute's sessions of other roles before 14.
-- Serves: 13 and newer.
-- $1 text: name of the table whose rows are estimated (reltuples; -1 and 0 are "never analysed").
SELECT
    clock_timestamp() AS server_time,
    NULL::int8 AS sessions,
    NULL::int8 AS broken,
    -- Where those of other roles are hidden, the number of the own ones would be taken for that of all.
    CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
        (SELECT count(*)::int
         FROM pg_stat_activity a
         WHERE a.backend_type = 'client backend' AND a.backend_start > clock_timestamp() - interval '60 s'
            AND NOT starts_with(coalesce(a.application_name, ''), 'pgdeck'))
    END AS young,
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

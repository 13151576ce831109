-- Reads: pg_settings, pg_event_trigger, pg_db_role_setting: what around a step may matter to it.
-- Needs: nothing beyond CONNECT; pg_read_all_settings shows where the data is.
-- Serves: 13 and newer.
SELECT (SELECT s.setting::int8 * 1024 FROM pg_settings s WHERE s.name = 'maintenance_work_mem') AS work_memory,
       (SELECT s.setting FROM pg_settings s WHERE s.name = 'data_directory') AS data_directory,
       (SELECT s.setting FROM pg_settings s WHERE s.name = 'wal_level') AS wal_level,
       (SELECT s.setting FROM pg_settings s WHERE s.name = 'client_connection_check_interval') AS check_interval,
       ARRAY(SELECT e.evtname::text || ' (' || e.evtevent || ')' FROM pg_event_trigger e WHERE e.evtenabled <> 'D'
             ORDER BY e.evtname) AS event_triggers,
       ARRAY(
           SELECT CASE WHEN r.setrole = 0 THEN 'this database' ELSE 'role ' || quote_ident(pg_get_userbyid(r.setrole)) END
                  || ' sets ' || item
           FROM pg_db_role_setting r
           CROSS JOIN unnest(r.setconfig) AS item
           WHERE r.setrole IN (0, (SELECT o.oid FROM pg_roles o WHERE o.rolname = current_user))
             AND r.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
             AND split_part(item, '=', 1) IN (
                 'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout',
                 'idle_in_transaction_session_timeout', 'client_connection_check_interval',
                 'default_transaction_read_only', 'default_tablespace')
           ORDER BY 1
       ) AS overridden

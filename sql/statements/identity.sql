-- Reads: which server and session this is: version, database, role, standby, rights, and what our settings came to.
-- Needs: nothing.
-- Serves: 13 and newer
SELECT split_part(current_setting('server_version'), ' ', 1)            AS version,
       current_setting('server_version_num')::int                       AS version_num,
       current_database()::text                                         AS database,
       current_user::text                                               AS "user",
       pg_is_in_recovery()                                              AS in_recovery,
       current_setting('transaction_read_only') = 'on'                  AS read_only,
       current_setting('is_superuser') = 'on'                           AS is_superuser,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')          AS can_read_stats,
       has_function_privilege('pg_control_system()', 'EXECUTE')
         AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')
         AND has_function_privilege('pg_control_recovery()', 'EXECUTE') AS can_read_control,
       CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
       END                                                              AS timeline,
       pg_backend_pid()                                                 AS backend_pid,
       current_setting('default_transaction_read_only')                 AS default_read_only,
       coalesce(host(inet_server_addr()), '')                           AS server_address,
       coalesce(inet_server_port(), 0)                                  AS server_port

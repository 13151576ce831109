-- Reads: the settings that bound client connections, and whether this role sees other roles' backends.
--   reserved_connections is 16 and newer; an unknown setting reads as NULL.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    current_setting('max_connections')::int AS max_connections,
    current_setting('superuser_reserved_connections')::int
        + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0) AS reserved,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_states;

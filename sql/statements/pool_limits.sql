-- Reads: CONNECTION LIMIT of this database, and of the roles that have backends in it, with what is used.
--   Superusers are bound by neither (InitPostgres, InitializeSessionUserId); a role's limit counts its backends
--   in every database.
-- Needs: nothing.
-- Serves: 13 and newer.
WITH backends AS (
    SELECT a.datid, a.usesysid
    FROM pg_stat_activity a
    WHERE a.backend_type = 'client backend'
        OR (a.backend_type IS NULL AND a.datid IS NOT NULL AND a.usesysid IS NOT NULL)
)
SELECT
    'database' AS kind,
    d.datname::text AS name,
    d.datconnlimit AS capacity,
    (SELECT count(*) FROM backends b WHERE b.datid = d.oid)::int AS used
FROM pg_database d
WHERE d.datname = current_database() AND d.datconnlimit >= 0
UNION ALL
SELECT
    'role',
    r.rolname::text,
    r.rolconnlimit,
    (SELECT count(*) FROM backends b WHERE b.usesysid = r.oid)::int
FROM pg_roles r
WHERE r.rolconnlimit >= 0
    AND NOT r.rolsuper
    AND EXISTS (
        SELECT 1
        FROM backends b
        JOIN pg_database d ON d.oid = b.datid
        WHERE b.usesysid = r.oid AND d.datname = current_database()
    )
ORDER BY 1, 2;

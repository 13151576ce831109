-- Reads: pg_proc, pg_language: functions of users by name that have no search_path of their own.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text[]: names, without schema.
SELECT DISTINCT p.oid::regprocedure::text AS name
FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
WHERE p.proname = ANY ($1::text[])
  AND p.pronamespace <> 'pg_catalog'::regnamespace
  AND l.lanname NOT IN ('internal', 'c')
  AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
ORDER BY 1

-- Reads: relations with the name of the migration table. $1: the name as SQL, $2: the search path.
--   place: position of its schema in the search path, from 1; 0 where the name has that schema; NULL for one
--   that the name does not reach.
-- Needs: nothing; a relation that may not be read is listed and marked.
-- Serves: 13 and newer.
WITH named AS (
    SELECT parse_ident($1) AS parts
)
SELECT
    c.oid::int8 AS oid,
    n.nspname::text AS schema,
    c.relname::text AS name,
    CASE
        WHEN cardinality(named.parts) > 1 THEN CASE WHEN n.nspname = named.parts[1] THEN 0 END
        ELSE array_position($2::text[], n.nspname::text)
    END AS place,
    has_schema_privilege(n.oid, 'USAGE') AS may_enter,
    v.attnum IS NOT NULL AS has_version,
    CASE WHEN v.attnum IS NOT NULL THEN has_column_privilege(c.oid, v.attnum, 'SELECT') END AS may_read,
    row_security_active(c.oid) AS rows_hidden
FROM named
JOIN pg_class c ON c.relname = named.parts[cardinality(named.parts)]
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute v
    ON v.attrelid = c.oid AND v.attname = 'version_num' AND v.attnum > 0 AND NOT v.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\_%'
ORDER BY place NULLS LAST, 2;

-- Reads: pg_class, pg_namespace and our own rights: what a step on a table needs.
-- Needs: nothing beyond CONNECT.
-- Serves: 16 to 16.
-- $1 oid: table.
SELECT pg_get_userbyid(c.relowner)::text AS owner,
       n.nspname::text AS schema,
       pg_has_role(c.relowner, 'USAGE') AS owns,
       pg_has_role(c.relowner, 'SET') AS may_become_owner,
       has_schema_privilege(n.oid, 'USAGE') AS schema_usage,
       has_schema_privilege(n.oid, 'CREATE') AS schema_create,
       has_table_privilege(c.oid, 'SELECT') AS may_select,
       has_table_privilege(c.oid, 'UPDATE') AS may_update,
       false AS may_maintain
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1::oid

-- Reads: constraint definitions as they print under the search path of the moment, so that they read back under it.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: constraints. Runs under the manifest's search path: everything here is qualified.
SELECT c.oid, pg_catalog.pg_get_constraintdef(c.oid) AS definition
FROM pg_catalog.pg_constraint c
WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])

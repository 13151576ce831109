-- Reads: index definitions as they print under the search path of the moment, so that they read back under it.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: indexes. Runs under the manifest's search path: everything here is qualified.
SELECT i.indexrelid AS oid, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition
FROM pg_catalog.pg_index i
WHERE i.indexrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])

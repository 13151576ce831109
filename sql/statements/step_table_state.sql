-- Reads: pg_class, pg_attribute, pg_database: what a table is by its oid, its kind, its owner and its columns.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: table. One row always; table_oid is null where nothing bears the name.
SELECT d.oid AS database_oid,
       c.oid AS table_oid,
       c.relkind::text AS kind,
       c.relpersistence::text AS persistence,
       pg_get_userbyid(c.relowner)::text AS owner,
       ARRAY(
           SELECT concat_ws(' ', a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attcollation,
                            a.attgenerated, CASE WHEN a.attnotnull THEN 'NOT NULL' END)
           FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           ORDER BY a.attnum
       ) AS columns
FROM pg_database d
LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
       ON n.nspname = $1::text AND c.relname = $2::text
WHERE d.datname = current_database()

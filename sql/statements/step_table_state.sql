-- Reads: pg_class, pg_attribute, pg_database: what tables are by their oid, their kind, their owner and their columns.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 text[]: schemas, $2 text[]: tables. A row for each, in order; table_oid is null where nothing bears the name.
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
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (schema_name, table_name, position)
JOIN pg_database d ON d.datname = current_database()
LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
       ON n.nspname = wanted.schema_name AND c.relname = wanted.table_name
ORDER BY wanted.position

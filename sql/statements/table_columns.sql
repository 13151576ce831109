-- Reads: pg_attribute and pg_index: the columns of tables: all, json and jsonb, generated, primary key.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: tables.
SELECT c.oid AS table_oid,
       ARRAY(
           SELECT a.attname::text
           FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           ORDER BY a.attnum
       ) AS columns,
       ARRAY(
           SELECT a.attname::text
           FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND a.atttypid IN ('json'::regtype, 'jsonb'::regtype)
       ) AS json_columns,
       ARRAY(
           SELECT a.attname::text
           FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
       ) AS generated_columns,
       ARRAY(
           SELECT a.attname::text
           FROM pg_index i
           CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS key (attnum, place)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
           WHERE i.indrelid = c.oid AND i.indisprimary AND key.place <= i.indnkeyatts
           ORDER BY key.place
       ) AS primary_key
FROM pg_class c
WHERE c.oid = ANY ($1::oid[])

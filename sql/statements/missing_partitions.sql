-- Reads: pg_inherits and pg_index: partitions that have no valid index attached to a partitioned index.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: partitioned indexes.
SELECT i.indexrelid AS oid,
       count(*) AS partitions,
       count(*) FILTER (WHERE NOT covered.valid) AS lacking,
       (array_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname) ORDER BY c.relname)
           FILTER (WHERE NOT covered.valid))[1:3] AS first_lacking
FROM pg_index i
JOIN pg_inherits part ON part.inhparent = i.indrelid
JOIN pg_class c ON c.oid = part.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM pg_inherits attached
        JOIN pg_index child ON child.indexrelid = attached.inhrelid
        WHERE attached.inhparent = i.indexrelid AND child.indrelid = part.inhrelid AND child.indisvalid
    ) AS valid
) AS covered
WHERE i.indexrelid = ANY ($1::oid[])
GROUP BY i.indexrelid

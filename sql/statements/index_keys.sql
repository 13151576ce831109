-- Reads: pg_index, pg_opclass, pg_collation: what each key column really uses, said or not.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer.
-- $1 oid[]: indexes. Arrays are in key order.
SELECT i.indexrelid AS oid,
       array_agg(o.opcname::text ORDER BY key.place) AS opclasses,
       array_agg(ons.nspname::text ORDER BY key.place) AS opclass_schemas,
       array_agg(l.collname::text ORDER BY key.place) AS collations,
       array_agg(lns.nspname::text ORDER BY key.place) AS collation_schemas
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indclass::oid[], i.indcollation::oid[])
    WITH ORDINALITY AS key (opclass, collation_oid, place)
LEFT JOIN pg_opclass o ON o.oid = key.opclass
LEFT JOIN pg_namespace ons ON ons.oid = o.opcnamespace
LEFT JOIN pg_collation l ON l.oid = key.collation_oid
LEFT JOIN pg_namespace lns ON lns.oid = l.collnamespace
WHERE i.indexrelid = ANY ($1::oid[]) AND key.place <= i.indnkeyatts
GROUP BY i.indexrelid

-- Reads: how types ($1: their oids) are written in SQL, in the same order.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT format_type(t.oid, NULL) AS name
FROM unnest($1::oid[]) WITH ORDINALITY AS t (oid, place)
ORDER BY t.place;

-- Reads: pg_constraint: the CHECK constraint of a table that bears a name, and whether it is validated.
-- Needs: nothing.
-- Serves: 13 and newer.
-- $1 text: schema, $2 text: table, $3 text: name.
SELECT k.oid, k.contype::text AS kind, k.convalidated AS validated
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = $1::text AND t.relname = $2::text AND k.conname = $3::text

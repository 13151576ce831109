-- Reads: pg_constraint, by table and name; constraints of domains have no table and are never found.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer; conenforced, which 18 brought, is read as JSON.
-- $1 oid[]: tables. $2 text[]: names.
SELECT wanted.position::int AS position,
       c.oid,
       c.contype::text AS kind,
       pg_get_constraintdef(c.oid) AS definition,
       c.convalidated AS validated,
       c.connoinherit AS no_inherit,
       coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) AS enforced
FROM unnest($1::oid[], $2::text[]) WITH ORDINALITY AS wanted (table_oid, name, position)
JOIN pg_constraint c
    ON c.conrelid = wanted.table_oid AND c.contypid = 0 AND c.conname = wanted.name::name

-- Reads: pg_constraint and pg_locks, by table and name; constraints of domains have no table and are never found.
-- Needs: nothing beyond CONNECT.
-- Serves: 13 and newer; conenforced, which 18 brought, is read as JSON.
-- Printing an expression takes AccessShareLock: where somebody locks the table exclusively, or waits to, the
-- definition is NULL, and `locked` says so.
-- $1 oid[]: tables. $2 text[]: names.
SELECT wanted.position::int AS position,
       c.oid,
       c.contype::text AS kind,
       held.locked,
       CASE WHEN NOT (held.locked AND c.contype = 'c') THEN pg_get_constraintdef(c.oid) END AS definition,
       c.convalidated AS validated,
       c.connoinherit AS no_inherit,
       coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) AS enforced
FROM unnest($1::oid[], $2::text[]) WITH ORDINALITY AS wanted (table_oid, name, position)
JOIN pg_constraint c
    ON c.conrelid = wanted.table_oid AND c.contypid = 0 AND c.conname = wanted.name::name
CROSS JOIN LATERAL (
    SELECT c.conrelid IN (
        SELECT l.relation
        FROM pg_locks l
        WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.pid IS DISTINCT FROM pg_backend_pid()
    ) AS locked
) AS held

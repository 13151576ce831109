-- What the checks below ask the catalog. These functions live in this session alone (pg_temp) and end with it.
-- A definition is compared by making it once more on an empty temporary copy of the table.

CREATE FUNCTION pg_temp.pgdeck_index_shape(index_oid oid) RETURNS text LANGUAGE sql STABLE AS $function$
  SELECT pg_catalog.jsonb_build_array(
           c.relam, i.indisunique, i.indnkeyatts, i.indoption::text, i.indclass::text, i.indcollation::text,
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
                     pg_catalog.pg_get_indexdef(i.indexrelid, a.attnum, false), a.attoptions) ORDER BY a.attnum)
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid),
           pg_catalog.pg_get_expr(i.indpred, i.indrelid),
           pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::text
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
   WHERE i.indexrelid = index_oid
$function$;

CREATE FUNCTION pg_temp.pgdeck_index_state(schema_name text, table_name text, index_name text, is_unique boolean, tail text)
RETURNS text LANGUAGE plpgsql AS $function$
DECLARE
  found_index record;
  same boolean;
BEGIN
  SELECT c.oid, c.relkind, t.relname = table_name AS on_table,
         i.indisvalid AND i.indisready AND i.indislive AS usable
    INTO found_index
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
   WHERE n.nspname = schema_name AND c.relname = index_name;
  IF NOT FOUND THEN RETURN 'missing'; END IF;
  IF found_index.relkind <> 'i' THEN RETURN 'no index'; END IF;
  IF NOT found_index.on_table THEN RETURN 'on another table'; END IF;
  IF NOT found_index.usable THEN RETURN 'dead'; END IF;
  EXECUTE pg_catalog.format('CREATE TEMP TABLE %I (LIKE %I.%I)', table_name, schema_name, table_name);
  EXECUTE pg_catalog.format('CREATE %sINDEX pgdeck_shadow ON pg_temp.%I %s',
                            CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END, table_name, tail);
  same := pg_temp.pgdeck_index_shape(found_index.oid)
        = pg_temp.pgdeck_index_shape('pg_temp.pgdeck_shadow'::pg_catalog.regclass);
  EXECUTE pg_catalog.format('DROP TABLE pg_temp.%I', table_name);
  RETURN CASE WHEN same THEN 'stands' ELSE 'another definition' END;
END $function$;

CREATE FUNCTION pg_temp.pgdeck_lacks_index(schema_name text, table_name text, index_name text, is_unique boolean, tail text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  state text := pg_temp.pgdeck_index_state(schema_name, table_name, index_name, is_unique, tail);
BEGIN
  IF state IN ('missing', 'stands') THEN RETURN state = 'missing'; END IF;
  RAISE EXCEPTION 'the name % is taken: %', pg_catalog.quote_ident(index_name), state
    USING HINT = 'The database has changed since this script was written: run pgdeck verify again.';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_prove_index(schema_name text, table_name text, index_name text, is_unique boolean, tail text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  state text := pg_temp.pgdeck_index_state(schema_name, table_name, index_name, is_unique, tail);
BEGIN
  IF state = 'stands' THEN RETURN true; END IF;
  RAISE EXCEPTION 'index % does not stand as it must: %', pg_catalog.quote_ident(index_name), state;
END $function$;

CREATE FUNCTION pg_temp.pgdeck_has_index(schema_name text, index_name text, only_dead boolean)
RETURNS boolean LANGUAGE sql STABLE AS $function$
  SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     WHERE n.nspname = schema_name AND c.relname = index_name
       AND NOT (only_dead AND i.indisvalid AND i.indisready AND i.indislive))
$function$;

CREATE FUNCTION pg_temp.pgdeck_may_drop_index(schema_name text, table_name text, index_name text, is_unique boolean, tail text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  state text := pg_temp.pgdeck_index_state(schema_name, table_name, index_name, is_unique, tail);
BEGIN
  IF state IN ('missing', 'stands', 'dead') THEN RETURN state <> 'missing'; END IF;
  RAISE EXCEPTION 'index % is not the one to drop: %', pg_catalog.quote_ident(index_name), state
    USING HINT = 'The database has changed since this script was written: run pgdeck verify again.';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_prove_gone(schema_name text, index_name text, only_dead boolean)
RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
  IF NOT pg_temp.pgdeck_has_index(schema_name, index_name, only_dead) THEN RETURN true; END IF;
  RAISE EXCEPTION 'index % is still there', pg_catalog.quote_ident(index_name);
END $function$;

CREATE FUNCTION pg_temp.pgdeck_constraint_state(schema_name text, table_name text, constraint_name text, definition text)
RETURNS text LANGUAGE plpgsql AS $function$
DECLARE
  found_check record;
  same boolean := true;
BEGIN
  SELECT c.contype, c.convalidated, c.connoinherit, pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS body,
         coalesce((pg_catalog.to_jsonb(c) ->> 'conenforced')::boolean, true) AS enforced
    INTO found_check
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
   WHERE n.nspname = schema_name AND t.relname = table_name AND c.conname = constraint_name;
  IF NOT FOUND THEN RETURN 'missing'; END IF;
  IF found_check.contype <> 'c' THEN RETURN 'no CHECK constraint'; END IF;
  IF NOT found_check.enforced THEN RETURN 'not enforced'; END IF;
  IF definition <> '' THEN
    EXECUTE pg_catalog.format('CREATE TEMP TABLE %I (LIKE %I.%I)', table_name, schema_name, table_name);
    EXECUTE pg_catalog.format('ALTER TABLE pg_temp.%I ADD CONSTRAINT pgdeck_shadow %s', table_name, definition);
    SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid) = found_check.body
           AND c.connoinherit = found_check.connoinherit
      INTO same
      FROM pg_catalog.pg_constraint c
     WHERE c.conname = 'pgdeck_shadow'
       AND c.conrelid = (SELECT t.oid FROM pg_catalog.pg_class t
                          WHERE t.relnamespace = pg_catalog.pg_my_temp_schema() AND t.relname = table_name);
    EXECUTE pg_catalog.format('DROP TABLE pg_temp.%I', table_name);
  END IF;
  IF NOT same THEN RETURN 'another definition'; END IF;
  RETURN CASE WHEN found_check.convalidated THEN 'stands' ELSE 'not validated' END;
END $function$;

CREATE FUNCTION pg_temp.pgdeck_constraint_stands(schema_name text, table_name text, constraint_name text, definition text, validated boolean)
RETURNS boolean LANGUAGE sql AS $function$
  SELECT pg_temp.pgdeck_constraint_state(schema_name, table_name, constraint_name, definition)
         IN ('stands', CASE WHEN validated THEN 'stands' ELSE 'not validated' END)
$function$;

CREATE FUNCTION pg_temp.pgdeck_has_constraint(schema_name text, table_name text, constraint_name text, definition text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  state text := pg_temp.pgdeck_constraint_state(schema_name, table_name, constraint_name, definition);
BEGIN
  IF state IN ('missing', 'stands', 'not validated') THEN RETURN state <> 'missing'; END IF;
  RAISE EXCEPTION 'the name % is taken: %', pg_catalog.quote_ident(constraint_name), state
    USING HINT = 'The database has changed since this script was written: run pgdeck verify again.';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_prove_constraint(schema_name text, table_name text, constraint_name text, definition text, validated boolean)
RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
  IF pg_temp.pgdeck_constraint_stands(schema_name, table_name, constraint_name, definition, validated) THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION 'constraint % does not stand as it must: %', pg_catalog.quote_ident(constraint_name),
    pg_temp.pgdeck_constraint_state(schema_name, table_name, constraint_name, definition);
END $function$;

CREATE FUNCTION pg_temp.pgdeck_prove_no_constraint(schema_name text, table_name text, constraint_name text)
RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
  IF pg_temp.pgdeck_constraint_state(schema_name, table_name, constraint_name, '') = 'missing' THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION 'constraint % is still there', pg_catalog.quote_ident(constraint_name);
END $function$;

CREATE FUNCTION pg_temp.pgdeck_statistics_stand(schema_name text, table_name text, index_names text[])
RETURNS boolean LANGUAGE sql STABLE AS $function$
  SELECT pg_catalog.pg_relation_size(t.oid) = 0
         OR (pg_catalog.pg_stat_get_last_analyze_time(t.oid) IS NOT NULL
             OR pg_catalog.pg_stat_get_last_autoanalyze_time(t.oid) IS NOT NULL
             OR EXISTS (SELECT FROM pg_catalog.pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = t.relname))
            AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indrelid = t.oid
               WHERE c.relname = ANY (index_names) AND i.indexprs IS NOT NULL AND c.reltuples > 0
                 AND NOT (i.indpred IS NOT NULL AND c.reltuples * 3000 < t.reltuples)
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_stats s
                                  WHERE s.schemaname = n.nspname AND s.tablename = c.relname))
    FROM pg_catalog.pg_class t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
   WHERE n.nspname = schema_name AND t.relname = table_name
$function$;

CREATE FUNCTION pg_temp.pgdeck_prove_statistics(schema_name text, table_name text, index_names text[])
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  tries integer := 0;
BEGIN
  -- Up to 14 a process of its own collects when a table was last analysed.
  LOOP
    IF pg_temp.pgdeck_statistics_stand(schema_name, table_name, index_names) THEN RETURN true; END IF;
    EXIT WHEN tries >= 20;
    tries := tries + 1;
    PERFORM pg_catalog.pg_sleep(0.1), pg_catalog.pg_stat_clear_snapshot();
  END LOOP;
  RAISE EXCEPTION 'the planner still lacks statistics of %', pg_catalog.quote_ident(table_name)
    USING HINT = 'Only the owner of the table may analyse it; anybody else gets a warning.';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_revisions(schema_name text, table_name text)
RETURNS text[] LANGUAGE plpgsql AS $function$
DECLARE
  revisions text[];
BEGIN
  EXECUTE pg_catalog.format('SELECT array_agg(version_num::text) FROM %I.%I', schema_name, table_name)
     INTO revisions;
  RETURN revisions;
END $function$;

CREATE FUNCTION pg_temp.pgdeck_lacks_revision(schema_name text, table_name text, before text, revision text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  revisions text[] := pg_temp.pgdeck_revisions(schema_name, table_name);
BEGIN
  IF revisions = ARRAY[revision] THEN RETURN false; END IF;
  IF revisions = ARRAY[before] THEN RETURN true; END IF;
  RAISE EXCEPTION 'the migration table holds % where % was expected', revisions, before
    USING HINT = 'The database has changed since this script was written: run pgdeck verify again.';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_prove_revision(schema_name text, table_name text, revision text)
RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
  IF pg_temp.pgdeck_revisions(schema_name, table_name) = ARRAY[revision] THEN RETURN true; END IF;
  RAISE EXCEPTION 'the migration table does not hold the one revision that was set';
END $function$;

CREATE FUNCTION pg_temp.pgdeck_table_is_free(schema_name text, table_name text)
RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
  other integer;
BEGIN
  SELECT l.pid INTO other
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class t ON t.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
   WHERE l.locktype = 'relation' AND n.nspname = schema_name AND t.relname = table_name
     AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
     AND l.pid <> pg_catalog.pg_backend_pid()
     AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                    'AccessExclusiveLock')
     AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
   LIMIT 1;
  IF other IS NULL THEN RETURN true; END IF;
  RAISE EXCEPTION 'backend % changes this table or builds an index on it', other
    USING HINT = 'Two of these at once end in a deadlock. Wait for it, then run this script again.';
END $function$;

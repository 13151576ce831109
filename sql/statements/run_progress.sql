-- Reads: pg_stat_activity and pg_stat_progress_create_index: what one backend does, and how far a build has come.
-- Needs: nothing for backends of one's own role; pg_read_all_stats for those of others.
-- Serves: 13 and newer.
-- $1 int4: pid. One row while the backend lives, also where it builds nothing.
SELECT a.pid,
       a.backend_start,
       a.state,
       a.wait_event_type,
       a.wait_event,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS elapsed_s,
       p.command,
       p.phase,
       p.relid::oid AS table_oid,
       nullif(p.index_relid, 0)::oid AS index_oid,
       p.lockers_total, p.lockers_done,
       p.blocks_total, p.blocks_done,
       p.tuples_total, p.tuples_done,
       i.indisvalid AS valid, i.indisready AS ready, i.indislive AS live
FROM pg_stat_activity a
LEFT JOIN pg_stat_progress_create_index p ON p.pid = a.pid
LEFT JOIN pg_index i ON i.indexrelid = p.index_relid
WHERE a.pid = $1::int4

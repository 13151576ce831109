-- Reads: where pg_prewarm is, whether this role may call it, and how large shared_buffers is.
-- Needs: nothing.
-- Serves: 13 and newer.
SELECT
    pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
    current_setting('block_size')::int AS block_size,
    (
        SELECT n.nspname::text
        FROM pg_extension e
        JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_prewarm'
    ) AS schema,
    coalesce(
        (
            SELECT has_function_privilege(d.objid, 'EXECUTE')
            FROM pg_extension e
            JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
            JOIN pg_proc f ON d.classid = 'pg_proc'::regclass AND f.oid = d.objid AND f.proname = 'pg_prewarm'
            WHERE e.extname = 'pg_prewarm'
            LIMIT 1
        ),
        false
    ) AS may_call;

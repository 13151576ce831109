-- Reads: how many checkpoints (on a standby: restartpoints) there were, what they wrote and how long it took.
--   The first two count when one begins, also one that is skipped because nothing changed; buffers while it
--   writes; the times when it has ended (CheckpointerMain, BufferSync, LogCheckpointEnd).
-- Needs: nothing.
-- Serves: 17 and newer.
SELECT
    num_timed + restartpoints_timed AS timed,
    num_requested + restartpoints_req AS requested,
    buffers_written AS buffers,
    write_time::float8 AS write_ms,
    sync_time::float8 AS sync_ms,
    stats_reset
FROM pg_stat_checkpointer

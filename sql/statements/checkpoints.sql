-- Reads: how many checkpoints (on a standby: restartpoints) there were, what they wrote and how long it took.
--   The first two count when one begins, also one that is skipped because nothing changed; buffers while it
--   writes; the times when it has ended (CheckpointerMain, BufferSync, LogCheckpointEnd).
-- Needs: nothing.
-- Serves: 13 to 16.
SELECT
    checkpoints_timed AS timed,
    checkpoints_req AS requested,
    buffers_checkpoint AS buffers,
    checkpoint_write_time::float8 AS write_ms,
    checkpoint_sync_time::float8 AS sync_ms,
    stats_reset
FROM pg_stat_bgwriter

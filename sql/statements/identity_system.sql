-- Reads: the identifier that initdb gave the cluster, and the timeline, from the control file. On a primary that was just
--        promoted the file still has the old timeline (xlog.c, PerformRecoveryXLogAction): identity.sql knows better.
-- Needs: EXECUTE on pg_control_system, pg_control_checkpoint and pg_control_recovery, which every role has unless it
--        was revoked.
-- Serves: 13 and newer
SELECT s.system_identifier::text                                 AS system_identifier,
       greatest(c.timeline_id, r.min_recovery_end_timeline)::int AS timeline
FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r

-- Reads: the identifier that initdb gave the cluster, from the control file.
-- Needs: EXECUTE on pg_control_system(), which every role has unless it was revoked.
-- Serves: 13 and newer
SELECT system_identifier::text AS system_identifier FROM pg_control_system()

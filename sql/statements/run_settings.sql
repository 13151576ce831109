-- Reads: pg_settings, what settings of this session came to, in their base unit.
-- Needs: nothing.
-- Serves: 13 and newer.
-- $1 text[]: names of settings.
SELECT s.name, s.setting
FROM pg_settings s
WHERE s.name = ANY ($1::text[])

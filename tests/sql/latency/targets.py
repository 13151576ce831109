"""A table to probe, and how to reach it."""

from __future__ import annotations

from profiles.manifest import ProbeEntry, Target
from profiles.model import EnvironmentClass, Profile
from tests.servers import Database

TARGET = Target(250, 350, 500)
SCHEMA = """
CREATE TABLE leads (
    id int PRIMARY KEY, status text, score numeric, seen timestamptz, tags text[], token uuid
);
INSERT INTO leads
SELECT i, 's' || i % 7, i % 1000, to_timestamp(i), ARRAY['a', 'b'], md5(i::text)::uuid
FROM generate_series(1, 20000) i;
CREATE INDEX idx_leads_status_score ON leads (status, score DESC);
ANALYZE leads;
"""
DASHBOARD = ProbeEntry(
    name="dashboard",
    sql="SELECT * FROM leads WHERE status = $1 ORDER BY score DESC LIMIT 50",
    target=TARGET,
    query_class="Lead Dashboard",
    arguments="SELECT DISTINCT status FROM leads",
    index="idx_leads_status_score",
)


def probe(
    sql: str, arguments: str | None = None, index: str | None = None, name: str = "probe"
) -> ProbeEntry:
    """A probe with targets that any machine meets."""
    return ProbeEntry(name=name, sql=sql, target=TARGET, arguments=arguments, index=index)


def profile(database: Database) -> Profile:
    """A profile of the superuser."""
    return Profile("test", EnvironmentClass.DEVELOPMENT, "none", connection=database.parameters())

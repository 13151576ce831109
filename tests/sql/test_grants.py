"""Whoever may not read is told which GRANT mends it, and that GRANT, run as it stands, mends it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, MigrationEntry, ProbeEntry, Target
from sql.check import verify
from sql.findings import Verdict
from sql.report import Report
from tests.servers import Database
from tests.sql.steps.schemas import profile

MANIFEST = Manifest(
    "own",
    "Own",
    Path("own.toml"),
    search_path='"Sales"',
    indexes=(IndexEntry('CREATE INDEX i ON "T" (lower(b)) WHERE a > 0'),),
    constraints=(ConstraintEntry('"T"', "positive", "CHECK (a > 0)", rejects=({"a": -1},)),),
    probes=(ProbeEntry("lookup", 'SELECT a FROM "T" WHERE a = 1', Target(p50_ms=60_000)),),
    migration=MigrationEntry("r1"),
)
SCHEMA = """
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."T" (a int CONSTRAINT positive CHECK (a > 0), b text);
INSERT INTO "Sales"."T" VALUES (1, 'x');
CREATE INDEX i ON "Sales"."T" (lower(b)) WHERE a > 0;
CREATE TABLE "Sales".alembic_version (version_num text);
INSERT INTO "Sales".alembic_version VALUES ('r1')
"""
GRANT = re.compile(r'GRANT (?:USAGE ON SCHEMA|SELECT ON(?: TABLE)?) (?:"[^"]*"|[\w.])+ TO (?:"[^"]*"|\w+)')


@pytest.fixture
async def role(database: Database) -> AsyncIterator[str]:
    """A role that may do nothing but log in, with a name that must be quoted."""
    name = f"On-call {database.name}"
    await database.execute(f'{SCHEMA}; CREATE ROLE "{name}" LOGIN')
    yield name
    await database.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


async def test_each_named_grant_mends_what_it_says(database: Database, role: str) -> None:
    oncall = profile(database, user=role)
    given: list[str] = []
    for _ in range(6):
        report = await verify(oncall, manifest=MANIFEST, duration_s=0.3)
        wanted = [grant for grant in dict.fromkeys(GRANT.findall(said(report))) if grant not in given]
        if not wanted:
            break
        assert report.verdict is not Verdict.READY
        for grant in wanted:
            await database.execute(grant)
        given += wanted
    assert (report.verdict, report.unavailable) == (Verdict.READY, ()), report.reasons
    assert len(given) == 3


def said(report: Report) -> str:
    """Everything that a report says, in one text."""
    parts = [*report.reasons, *report.warnings]
    parts += [f"{part.reason} {part.remedy}" for part in report.unavailable]
    for each in (*report.indexes, *report.constraints, *report.probes):
        parts.append(str(each.detail))
    if report.migration is not None:
        parts.append(str(report.migration))
    return "\n".join(parts)

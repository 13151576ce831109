"""On a hot standby: it is said, everything is read and measured, nothing is tried that only a primary may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, MigrationEntry, ProbeEntry, Target
from sql.check import case_of, verify
from sql.findings import ConstraintFinding, IndexFinding, ProbeFinding, Verdict
from sql.locks.reading import LockSession, read_locks
from sql.locks.tree import Forest
from sql.steps.preparing import prepare
from sql.steps.signal_rules import why_not
from sql.steps.signals import Signal
from tests import servers
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.standbys import primary, standby_of
from tests.sql.steps.schemas import profile
from tests.waiting import until

MANIFEST = Manifest(
    "own",
    "Own",
    Path("own.toml"),
    indexes=(
        IndexEntry("CREATE INDEX i ON t (a)"),
        IndexEntry("CREATE INDEX lower_b ON t (lower(b)) WHERE a > 0"),
        IndexEntry("CREATE INDEX absent ON t (b)"),
    ),
    constraints=(
        ConstraintEntry("t", "positive", "CHECK (a > 0)", rejects=({"a": -1},), accepts=({"a": 1},)),
        ConstraintEntry("t", "short", "CHECK (length(b) < 3)"),
    ),
    probes=(ProbeEntry("lookup", "SELECT a FROM t WHERE a = 1", Target(p50_ms=60_000)),),
    migration=MigrationEntry("r1"),
)
PRIMARY = """
CREATE TABLE t (a int CONSTRAINT positive CHECK (a > 0), b text);
INSERT INTO t SELECT n, 'long' FROM generate_series(1, 100) n;
ALTER TABLE t ADD CONSTRAINT short CHECK (length(b) < 3) NOT VALID;
CREATE INDEX i ON t (a);
CREATE INDEX lower_b ON t (lower(b)) WHERE a > 0;
CREATE TABLE alembic_version (version_num text);
INSERT INTO alembic_version VALUES ('r1')
"""


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def standby(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A standby that streams from a primary with `PRIMARY` in it."""
    with primary(request.param) as first:
        asyncio.run(first.execute(PRIMARY))
        with standby_of(first) as second:
            yield second


@pytest.mark.hazard("PRV-03")
async def test_a_standby_is_read_and_measured_like_a_primary(standby: Database) -> None:
    report = await verify(profile(standby), manifest=MANIFEST, duration_s=0.5)
    assert report.server is not None and report.server.in_recovery
    assert [index.finding for index in report.indexes] == [
        IndexFinding.PRESENT,
        IndexFinding.PRESENT,
        IndexFinding.MISSING,
    ]
    positive, short = report.constraints
    assert (positive.finding, short.finding) == (ConstraintFinding.ENFORCED, ConstraintFinding.NOT_VALIDATED)
    assert (positive.rejects, positive.accepts, short.violations) == ("verified", "verified", 100)
    assert [probe.finding for probe in report.probes] == [ProbeFinding.MET]
    assert report.migration is not None and report.migration.actual == ("r1",)
    assert (report.verdict, report.unavailable) == (Verdict.NOT_READY, ())


@pytest.mark.hazard("PRV-03")
async def test_steps_are_shown_and_refused_there(standby: Database) -> None:
    prepared = await prepare(case_of(profile(standby), MANIFEST), None)
    assert "create-index:absent" in {step.id for step in prepared.steps}
    assert prepared.ready == ()
    assert {"connect to its primary" in step.sentence for step in prepared.refused} == {True}


@pytest.mark.hazard("PRV-03")
@pytest.mark.parametrize("major", servers.wanted_majors())
async def test_no_signal_is_offered_for_the_process_that_replays_a_lock(major: int) -> None:
    with primary(major) as first:
        await first.execute("CREATE TABLE leads (id int)")
        with standby_of(first) as second:
            locker, reader = await first.connect(), await second.connect()
            try:
                await locker.execute("BEGIN; LOCK TABLE leads")
                replayed = "SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock')"
                await until(lambda: reader.fetchval(replayed))
                waiting = asyncio.ensure_future(reader.fetch("SELECT FROM leads"))
                async with session(second) as watching:

                    async def root() -> LockSession | None:
                        return next(iter(Forest(await read_locks(watching)).roots), None)

                    await until(root)
                    found = await root()
                    assert found is not None and found.kind == "startup"
                    for signal in Signal:
                        assert "replays a lock of the primary" in why_not(found, signal)
                    # The server itself would not do it either.
                    sent = "SELECT pg_terminate_backend($1::int)"
                    assert not await watching._connection.fetchval(sent, found.pid)
            finally:
                locker.terminate()
                reader.terminate()
            await asyncio.wait([waiting])

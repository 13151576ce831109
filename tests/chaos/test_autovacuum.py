"""A real autovacuum in the way of a run: an ordinary one steps aside, one against wraparound is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.step import Step
from tests import servers
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, finish, flags, story
from tests.sql.steps.test_forecast_autovacuum import BURN, BUSY, TABLE
from tests.waiting import until

WORKER = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE '%public.t%'"
)
PATIENT = replace(QUICK, first_lock_s=30.0)


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
async def busy(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database whose autovacuum is quick to come and slow to go."""
    major = request.param
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    cluster = servers.start(major, **BUSY)
    try:
        yield await servers.new_database(cluster, major)
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def at_work(database: Database) -> int:
    """Wait until autovacuum is on the table; its pid."""
    connection = await database.connect()
    try:
        return int(await until(lambda: connection.fetchval(WORKER), 60))
    finally:
        await connection.close()


@pytest.mark.hazard("CIC-09")
@pytest.mark.parametrize("step", [running.create(), running.add_check(definition="CHECK (a > -1)")])
async def test_an_ordinary_autovacuum_steps_aside(busy: Database, step: Step) -> None:
    await busy.execute(TABLE)
    await busy.execute("UPDATE t SET a = a + 1")
    pid = await at_work(busy)
    result = await finish(busy, step, PATIENT)
    assert result.outcome is Outcome.DONE, result.sentence
    assert pid in {each["pid"] for entry in story("r1", Event.BLOCKED) for each in entry.detail["blockers"]}


@pytest.mark.hazard("CIC-09")
async def test_an_autovacuum_against_wraparound_is_named_and_nothing_is_made(busy: Database) -> None:
    await busy.execute(TABLE)
    await busy.execute(BURN)
    pid = await at_work(busy)
    result = await finish(busy, running.create(), replace(QUICK, first_lock_s=2.5))
    assert result.outcome is Outcome.CANCELLED
    assert f"pid {pid}" in result.sentence and "wraparound" in result.sentence
    assert "nothing was made" in result.sentence
    assert await flags(busy) is None


async def test_a_constraint_gives_up_after_its_attempts_and_names_it(busy: Database) -> None:
    await busy.execute(TABLE)
    await busy.execute(BURN)
    pid = await at_work(busy)
    result = await finish(
        busy, running.add_check(definition="CHECK (a > -1)"), replace(QUICK, short_lock_ms=100)
    )
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "55P03")
    assert f"pid {pid}" in result.sentence and "nothing was changed" in result.sentence

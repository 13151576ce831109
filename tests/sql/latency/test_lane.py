"""What is said on a probing connection besides the probes outlives changes of the tables that it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from profiles.manifest import Target
from profiles.manifest_entries import LONGEST_TARGET_MS
from profiles.model import LONGEST_QUERY_S
from sql.errors import SessionError
from sql.latency.lane import Lane
from sql.latency.probe_plan import explain
from sql.latency.probing import loop_factory
from sql.latency.sampler import probe_settings
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, profile
from tests.waiting import until

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

CHANGE = "ALTER TABLE leads ADD COLUMN more int DEFAULT 1"


@pytest.fixture
async def lane(newest: Database) -> AsyncIterator[Lane]:
    await newest.execute(SCHEMA)
    opened = await Lane.open(profile(newest), None, probe_settings([DASHBOARD], "public", None))
    yield opened
    await opened.close()


async def test_the_longest_time_limits_that_a_manifest_may_ask_for_are_taken(database: Database) -> None:
    patient = replace(DASHBOARD, target=Target(p99_ms=LONGEST_TARGET_MS))
    for probe, query_timeout_s in ((patient, None), (DASHBOARD, float(LONGEST_QUERY_S))):
        settings = probe_settings([probe], "public", query_timeout_s)
        opened = await Lane.open(profile(database), None, settings)
        (row,) = await opened.aside("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
        assert row["setting"] == "500"
        await opened.close()


@pytest.mark.parametrize("factory", [None, loop_factory()], ids=["asyncio", "prober"])
async def test_an_idle_lane_that_is_ended_tells_why(database: Database, factory: LoopFactory | None) -> None:
    async def ended() -> SessionError:
        lane = await Lane.open(profile(database), None, probe_settings([DASHBOARD], "public", None))
        await lane.aside("SELECT 1")
        await database.execute(f"SELECT pg_terminate_backend({lane.pid})")
        await until(lambda: lane._connection.is_closed())
        with pytest.raises(SessionError) as caught:
            await lane.aside("SELECT 1")
        return caught.value

    def in_a_loop() -> SessionError:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(ended())

    lost = await asyncio.to_thread(in_a_loop)
    assert lost.sqlstate == "57P01"
    assert "due to administrator command" in str(lost)


def test_a_limit_of_less_than_a_millisecond_is_no_end_to_limits() -> None:
    assert probe_settings([DASHBOARD], "public", 0.0001)["statement_timeout"] == "5000"
    brisk = replace(DASHBOARD, target=Target(p50_ms=5))
    assert probe_settings([brisk], "public", 0.0001)["statement_timeout"] == "1"


async def test_a_statement_that_was_asked_before_is_asked_again_after_a_change(
    newest: Database, lane: Lane
) -> None:
    asked = "SELECT * FROM leads WHERE id = 1"
    (before,) = await lane.aside(asked)
    assert await lane.first_rows(asked, 1) == [tuple(before)]
    await newest.execute(CHANGE)
    (after,) = await lane.aside(asked)
    assert after["more"] == 1
    assert await lane.first_rows(asked, 1) == [tuple(after)]


async def test_a_table_that_changes_while_its_plans_are_looked_at_breaks_nothing(
    newest: Database, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = lane.aside

    async def changing(sql: str, *arguments: object, **settings: str) -> list[Any]:
        if "quote_nullable" in sql:
            await newest.execute(CHANGE)
        return await asking(sql, *arguments, **settings)

    monkeypatch.setattr(lane, "aside", changing)
    found = (await explain(lane, DASHBOARD, ("s1",))).plan
    assert (found.uses_index, found.note) == (True, "")


async def test_a_statement_that_is_prepared_ahead_locks_nothing(newest: Database, lane: Lane) -> None:
    await lane.prepare_ahead(DASHBOARD.sql)
    # It would wait for ever.
    await newest.execute("SET lock_timeout = '5 s'; " + CHANGE)

"""What a latency is made of: all that an application waits for, and nothing that it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import perf_counter as now

import asyncpg
import pytest

from sql.latency.measuring import measure
from tests.proxy import proxy
from tests.servers import Database
from tests.sql.latency.targets import probe, profile
from tests.waiting import until

MANY_ROWS = "SELECT repeat('x', 1000) FROM generate_series(1, 20000)"
"""20 MB: more than the buffers of a connection hold."""
SENDS = (
    "SELECT true FROM pg_stat_activity"
    " WHERE application_name LIKE 'pgdeck probe%' AND wait_event = 'ClientWrite'"
)
COLD_FIRST = (
    "SELECT pg_sleep(CASE WHEN current_setting('test.warm', true) = 'yes' THEN 0 ELSE 2 END),"
    " set_config('test.warm', 'yes', false)"
)
HELD_S = 0.5


@pytest.fixture
async def control(newest: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await newest.connect()
    yield connection
    connection.terminate()


@pytest.mark.hazard("LAT-01")
async def test_the_time_in_which_rows_travel_counts(newest: Database, control: asyncpg.Connection) -> None:
    async with proxy(newest.cluster) as wire:
        through = {**newest.parameters(), "host": "127.0.0.1", "port": str(wire.port)}
        measuring = asyncio.Event()
        task = asyncio.create_task(
            measure(
                replace(profile(newest), connection=through),
                None,
                (probe(MANY_ROWS),),
                2.0,
                lambda share: measuring.set(),
            )
        )
        await measuring.wait()

        async def is_held_up() -> bool:
            # Between two runs there is nothing to hold up.
            wire.mend()
            await until(lambda: control.fetchval(SENDS))
            wire.freeze()
            return bool(await control.fetchval(SENDS))

        # The server has rows and cannot get rid of them: EXPLAIN ANALYZE would know nothing of that.
        await until(is_held_up)
        held = now()
        await until(lambda: now() >= held + HELD_S)
        wire.mend()
        (reading,) = (await task).probes
    assert reading.max_ms is not None and reading.max_ms >= HELD_S * 1000
    assert reading.service_p50_ms is not None


@pytest.mark.hazard("LAT-04")
async def test_the_first_run_of_a_cold_session_is_not_counted(newest: Database) -> None:
    (reading,) = (await measure(profile(newest), None, (probe(COLD_FIRST),), 0.5)).probes
    assert reading.samples > 0
    assert reading.max_ms is not None and reading.max_ms < 2000

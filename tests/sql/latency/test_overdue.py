"""A run that takes too long is said by the prober's process while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest

from profiles.manifest import Target
from sql.latency.messages import Attached, Message, Overdue, Samples
from sql.latency.prober import Prober
from sql.latency.query import Query
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, probe, profile
from tests.waiting import until

WAITS = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name LIKE 'pgdeck probe%' AND wait_event_type = 'Lock'"
)


class Heard(list[Message]):
    """What a prober's process said."""

    def take(self, message: Message, arrived: float) -> None:
        self.append(message)

    @property
    def overdue(self) -> list[Overdue]:
        return [message for message in self if isinstance(message, Overdue)]

    @property
    def attached(self) -> list[Attached]:
        return [message for message in self if isinstance(message, Attached)]

    def runs(self) -> list[float]:
        """When each run began whose end is known."""
        return [row.start for message in self if isinstance(message, Samples) for row in message.rows]


@pytest.fixture
async def control(newest: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await newest.connect()
    yield connection
    connection.terminate()


@pytest.fixture
async def heard(newest: Database) -> AsyncIterator[Heard]:
    """What the prober of one dashboard says, which is measured by now."""
    await newest.execute(SCHEMA)
    found = Heard()
    async with Prober() as prober:
        prober.listen(found.take)
        await prober.start(profile(newest), None, (DASHBOARD,), lambda event: None)
        await until(found.runs)
        yield found


async def test_the_backend_that_measures_is_said(heard: Heard, control: asyncpg.Connection) -> None:
    (attached,) = heard.attached
    started = await control.fetchval(
        "SELECT backend_start FROM pg_stat_activity WHERE pid = $1", attached.pid
    )
    assert (datetime.fromisoformat(attached.backend_start), attached.lane) == (started, 0)


async def test_a_run_that_waits_is_said_once_and_while_it_waits(
    newest: Database, heard: Heard, control: asyncpg.Connection
) -> None:
    holder = await newest.connect()
    await holder.execute("BEGIN; LOCK TABLE leads")
    await until(lambda: heard.overdue)
    # It runs still: its backend waits, and no sample of it has come.
    said = heard.overdue[0]
    assert said.pid == await control.fetchval(WAITS) == heard.attached[0].pid
    assert said.start not in heard.runs()
    assert (said.probe, said.threshold_ms) == (0, 20.0)
    await holder.execute("ROLLBACK")
    await until(lambda: said.start in heard.runs())
    assert [each.start for each in heard.overdue].count(said.start) == 1
    holder.terminate()


async def test_a_wait_for_a_changed_table_counts_in_full_though_the_statement_is_prepared_anew(
    newest: Database, heard: Heard, control: asyncpg.Connection
) -> None:
    holder = await newest.connect()
    await holder.execute("BEGIN; ALTER TABLE leads ADD COLUMN more int")
    await until(lambda: heard.overdue)
    await holder.execute("COMMIT")
    said = heard.overdue[0]
    await until(lambda: said.start in heard.runs())
    (row,) = (
        row
        for message in heard
        if isinstance(message, Samples)
        for row in message.rows
        if row.start == said.start and not row.shared
    )
    assert (row.end - row.due) * 1000 >= said.threshold_ms
    assert row.error is None
    holder.terminate()


@pytest.mark.parametrize(
    ("p99_ms", "costs_s", "threshold_ms"),
    [(50, [0.1], 50), (None, [0.1], 300), (500, [0.1, 0.1, 9.0], 300), (5, [0.001], 20), (None, [], 20)],
)
def test_a_threshold_is_the_target_or_three_medians(
    p99_ms: float | None, costs_s: list[float], threshold_ms: float
) -> None:
    query = Query(replace(DASHBOARD, target=Target(p99_ms=p99_ms)))
    query.costs.extend(costs_s)
    assert query.threshold_ms == pytest.approx(threshold_ms)


class AnswersAtOnce:
    """A lane that answers at once, in a process that stood still meanwhile."""

    async def begin_probe(self) -> None:
        """Nothing to begin."""

    end_probe = begin_probe

    async def prepare(self, sql: str) -> None:
        """Nothing to prepare."""

    async def send(self, statement: object, arguments: object) -> None:
        """Stand still as a stopped process does; then the loop sees its timers before the answer."""
        time.sleep(0.05)  # noqa: ASYNC251
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.hazard("LAT-05")
async def test_a_standstill_of_the_prober_itself_is_no_overdue_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sql.latency.query.GRACE_S", 60.0)
    told: list[object] = []
    query = Query(probe("SELECT 1"))
    sample = await query.run(AnswersAtOnce(), lambda *what: told.append(what))  # type: ignore[arg-type]
    assert sample.end - sample.start > query.threshold_ms / 1000
    assert told == []

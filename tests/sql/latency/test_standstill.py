"""A prober that was stopped hides nothing: the gap is in its percentiles, and it is said to be its own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import perf_counter as now

import asyncpg
import pytest

from sql.latency.heartbeat import BEAT_S, Heartbeat
from sql.latency.messages import Message, Sample, Samples, Standstill
from sql.latency.prober import Prober
from sql.latency.record import Records
from sql.snapshots import ProbesSnapshot
from tests.servers import Database
from tests.sql.latency.targets import SCHEMA, probe, profile
from tests.waiting import until

STOPPED_S = 3.0
PROBES = (probe("SELECT 1", name="one"), probe("SELECT count(*) FROM leads WHERE id = 1", name="two"))


class Heard:
    """What a prober said, and its last snapshot."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.snapshots: list[ProbesSnapshot] = []

    def take(self, message: Message, arrived: float) -> None:
        self.messages.append(message)

    def publish(self, event: object) -> None:
        if isinstance(event, ProbesSnapshot):
            self.snapshots.append(event)

    def latencies(self, number: int) -> list[float]:
        """Seconds."""
        of_probe = (each for each in self.messages if isinstance(each, Samples) and each.probe == number)
        return [row.end - row.due for each in of_probe for row in each.rows]

    @property
    def standstills(self) -> list[Standstill]:
        return [each for each in self.messages if isinstance(each, Standstill)]


@contextmanager
def stopped(pid: int | None) -> Iterator[None]:
    """The process does not run within."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
async def heard(newest: Database) -> AsyncIterator[tuple[Heard, Prober]]:
    """What a prober of two quick probes says, which are measured by now."""
    await newest.execute(SCHEMA)
    found = Heard()
    async with Prober() as prober:
        prober.listen(found.take)
        await prober.start(profile(newest), None, PROBES, found.publish)
        await until(lambda: found.latencies(0) and found.latencies(1))
        yield found, prober


@pytest.mark.hazard("LAT-06")
async def test_a_stopped_prober_counts_what_came_due_meanwhile_and_says_whose_fault_it_was(
    heard: tuple[Heard, Prober],
) -> None:
    found, prober = heard
    with stopped(prober.pid):
        began = now()
        await until(lambda: now() >= began + STOPPED_S)
    await until(lambda: any(each.end - each.start >= STOPPED_S - 2 * BEAT_S for each in found.standstills))
    # Ten ticks a second came due: each waited until it was run at last, the first of them the whole time.
    await until(lambda: all(max(found.latencies(each), default=0) > STOPPED_S - 1 for each in (0, 1)))
    for number in (0, 1):
        assert sum(latency > 1 for latency in found.latencies(number)) >= 10
    await until(lambda: found.snapshots[-1].standstill_s >= STOPPED_S - 2 * BEAT_S)
    for reading in found.snapshots[-1].probes:
        assert reading.p95_ms is not None and reading.p95_ms > 500
        assert reading.service_p50_ms is not None and reading.service_p50_ms < 500
        assert reading.kept is not None and reading.kept < 1


async def test_a_stall_of_the_server_is_not_taken_for_one_of_ours(
    newest: Database, heard: tuple[Heard, Prober]
) -> None:
    found, _ = heard
    holder: asyncpg.Connection = await newest.connect()
    before = len(found.standstills)
    await holder.execute("BEGIN; LOCK TABLE leads")
    began = now()
    await until(lambda: now() >= began + 1)
    await holder.execute("ROLLBACK")
    await until(lambda: max(found.latencies(1)) >= 0.5)
    assert len(found.standstills) == before
    holder.terminate()


async def test_a_heart_that_beats_says_nothing_and_one_that_misses_a_beat_says_for_how_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("sql.latency.heartbeat.now", lambda: clock[0])
    said: list[tuple[float, float]] = []
    heart = Heartbeat(0.5, lambda *when: said.append(when))
    heart.start()
    clock[0] += BEAT_S + 0.4
    assert heart.stood_still_since(100.0) == float("inf")
    clock[0] += 3.0
    assert heart.stood_still_since(100.0) == 100.0 + BEAT_S
    assert said == [(100.0 + BEAT_S, clock[0])]
    # It was over before a later run began.
    assert heart.stood_still_since(clock[0] + 0.1) == float("inf")
    heart.stop()


def test_a_standstill_is_counted_as_long_as_the_window_holds_it() -> None:
    records = Records(PROBES, window_s=60)
    records.take(Standstill(10.0, 13.0), 13.0)
    records.take(Samples(0, 1, 1, (Sample(13.0, 13.0, 13.1),)), 13.1)
    assert records.snapshot(14.0).standstill_s == 3.0
    assert records.snapshot(80.0).standstill_s == 0.0

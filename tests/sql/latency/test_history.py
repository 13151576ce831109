"""The history of a real prober on a real server."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import asyncpg

from sql.latency.history import History
from sql.latency.marks import MarkKind
from sql.latency.prober import Prober
from sql.snapshots import ProbesSnapshot, Unavailable
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, profile
from tests.waiting import until

NAME = DASHBOARD.name
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def said(history: History, kind: MarkKind) -> list[str]:
    return [mark.text for mark in history.timeline.marks(LONG_AGO, NAME) if mark.kind is kind]


async def test_samples_and_accidents_of_a_prober_are_remembered(newest: Database) -> None:
    await newest.execute(SCHEMA)
    history = History([NAME])
    series = history.series[NAME]
    snapshots: list[ProbesSnapshot] = []

    def publish(event: ProbesSnapshot | Unavailable) -> None:
        history.hear(event)
        if isinstance(event, ProbesSnapshot):
            snapshots.append(history.with_trends(event))

    async with Prober(chance=lambda: 0.0) as prober:
        prober.listen(history.take)
        await prober.start(profile(newest), None, (DASHBOARD,), publish)
        await until(lambda: len(series) >= 5)
        assert prober.pid is not None
        os.kill(prober.pid, signal.SIGKILL)
        before = len(series)
        await until(lambda: len(series) > before + 5)
        down, up = said(history, MarkKind.PROBER)
        assert "SIGKILL" in down
        assert up.startswith("probes are measured again, after ")

        now = datetime.now(UTC).timestamp()
        buckets = series.buckets(int(now) - 120, 1, 121, history.ahead)
        there = [bucket for bucket in buckets if bucket is not None]
        assert sum(bucket.samples for bucket in there) >= before
        assert all(bucket.max_ms is not None and bucket.max_ms > 0 for bucket in there)
        newest_ms = snapshots[-1].probes[0].max_ms
        assert newest_ms is not None
        assert max(bucket.max_ms or 0.0 for bucket in there) >= newest_ms * 0.999


async def test_a_dropped_index_is_another_plan(newest: Database) -> None:
    await newest.execute(SCHEMA)
    history = History([NAME])
    control: asyncpg.Connection = await newest.connect()
    try:
        async with Prober(chance=lambda: 0.0) as prober:
            prober.listen(history.take)
            await prober.start(profile(newest), None, (DASHBOARD,), history.hear)
            await until(lambda: len(history.series[NAME]) >= 5)
            await control.execute(f"DROP INDEX {DASHBOARD.index}")
            # The plan is looked at once a minute; a new process looks at once.
            assert prober.pid is not None
            os.kill(prober.pid, signal.SIGKILL)
            (told,) = await until(lambda: said(history, MarkKind.PLAN))
        assert "Index" in told and " now, " in told
    finally:
        await control.close()

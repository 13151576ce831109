"""The whole way: the prober's process says that a run is overdue, the watching session sees why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from profiles.manifest import ProbeEntry, Target
from sql.connect import connect
from sql.latency.evidence import Cause, Incident, IncidentsSnapshot
from sql.latency.incidents import Incidents
from sql.latency.measuring import measure
from sql.latency.messages import Attached, Message, Samples
from sql.latency.onlooker import Onlooker
from sql.latency.prober import Prober
from tests.servers import Database
from tests.sql.holding import until_true
from tests.sql.latency.targets import DASHBOARD, SCHEMA, profile
from tests.waiting import until

BIG = """
CREATE TABLE big AS SELECT i AS id, repeat('x', 500) AS filling FROM generate_series(1, 200000) i;
CREATE INDEX idx_big_id ON big (id);
ANALYZE big;
"""
ONE = ProbeEntry(
    "one",
    "SELECT id, filling FROM big WHERE id = $1",
    Target(10, 15, 20),
    arguments="SELECT generate_series(1, 20)",
    index="idx_big_id",
)
WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"


class Watch:
    """A prober and who explains it."""

    def __init__(self) -> None:
        self.told: list[IncidentsSnapshot] = []
        self.pid = 0
        """The backend that measures."""
        self.samples = 0
        self.prober = 0
        """The prober's process."""

    def hear(self, message: Message, at: float) -> None:
        if isinstance(message, Attached):
            self.pid = message.pid
        if isinstance(message, Samples):
            self.samples += len(message.rows)

    @property
    def all(self) -> tuple[Incident, ...]:
        """The newest first."""
        return self.told[-1].incidents if self.told else ()

    def found(self, wanted: Callable[[Incident], bool]) -> Incident | None:
        return next((each for each in self.all if wanted(each)), None)


@asynccontextmanager
async def watching(database: Database, entry: ProbeEntry) -> AsyncIterator[Watch]:
    """A probe that has been measured for a while."""
    session = await connect(profile(database), None)
    watch = Watch()
    incidents = Incidents((entry,), lambda fetch: fetch(session), watch.told.append)
    looking = asyncio.create_task(incidents.run())
    try:
        async with Prober() as prober:
            prober.listen(incidents.hear)
            prober.listen(watch.hear)
            await prober.start(profile(database), None, (entry,), lambda event: None)
            await until(lambda: watch.samples >= 20)
            assert prober.pid is not None
            watch.prober = prober.pid
            yield watch
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await session.close()


async def test_an_index_dropped_under_the_prober_is_named_with_both_plans(newest: Database) -> None:
    await newest.execute(BIG)
    await newest.execute('ALTER DATABASE "' + newest.name + '" SET max_parallel_workers_per_gather = 0')
    async with watching(newest, ONE) as watch:
        await newest.execute("DROP INDEX idx_big_id")
        await until(lambda: watch.found(lambda each: each.cause is Cause.PLAN))
        incident = watch.found(lambda each: each.cause is Cause.PLAN)
    assert incident is not None
    assert "its plan changed to Seq Scan on big from Index Scan using idx_big_id on big" in incident.sentence
    assert "index idx_big_id is gone" in incident.sentence
    assert incident.evidence.plan is not None and incident.evidence.plan_before is not None
    assert incident.evidence.plan_before.indexes == ("idx_big_id",)


async def test_a_lock_is_explained_while_it_is_held_and_afterwards(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with watching(newest, DASHBOARD) as watch:
        holder = await newest.connect(application_name="deploy")
        await holder.execute("BEGIN; ALTER TABLE leads ADD COLUMN more int")
        await until(
            lambda: watch.found(lambda each: each.running and each.cause is Cause.LOCK and each.ms >= 800)
        )
        await holder.execute("COMMIT")
        await until(lambda: watch.found(lambda each: not each.running and each.cause is Cause.LOCK))
        pid = holder.get_server_pid()
        await holder.close()
        incident = watch.found(lambda each: each.cause is Cause.LOCK)
    assert incident is not None
    assert incident.ms >= 800
    assert f"held by pid {pid}, idle in transaction" in incident.sentence
    assert "after BEGIN; ALTER TABLE leads ADD COLUMN more int, application deploy" in incident.sentence
    assert incident.evidence.pid == watch.pid


async def test_a_stopped_backend_is_on_a_cpu_or_not_scheduled(newest: Database) -> None:
    busy = replace(
        DASHBOARD, name="busy", sql="SELECT count(*) FROM generate_series(1, 400000)", arguments=None
    )
    at_work = "SELECT state = 'active' AND wait_event IS NULL FROM pg_stat_activity WHERE pid = $1"
    control = await newest.connect()
    async with watching(newest, replace(busy, index=None)) as watch:
        for _ in range(50):
            await until(lambda: control.fetchval(at_work, watch.pid))
            os.kill(watch.pid, signal.SIGSTOP)
            try:
                if await control.fetchval(at_work, watch.pid):
                    await until(lambda: watch.found(lambda each: each.running and each.ms >= 600))
                    break
            finally:
                os.kill(watch.pid, signal.SIGCONT)
        else:
            pytest.fail("it was never stopped while it was at work")
        await until(lambda: watch.found(lambda each: not each.running and each.ms >= 600))
        incident = watch.found(lambda each: each.ms >= 600)
    await control.close()
    assert incident is not None
    assert incident.cause is Cause.CPU
    assert "on a CPU, or not scheduled" in incident.reason


@pytest.mark.hazard("LAT-05")
async def test_a_stopped_prober_blames_itself_and_not_the_server(newest: Database) -> None:
    await newest.execute(SCHEMA)
    control = await newest.connect()
    async with watching(newest, DASHBOARD) as watch:
        os.kill(watch.prober, signal.SIGSTOP)
        try:
            since = await control.fetchval("SELECT clock_timestamp()")
            passed = "SELECT clock_timestamp() - $1::timestamptz > '1 s'"
            await until(lambda: control.fetchval(passed, since))
        finally:
            os.kill(watch.prober, signal.SIGCONT)
        await until(lambda: watch.found(lambda each: each.cause is Cause.STALLED))
        incident = watch.found(lambda each: each.cause is Cause.STALLED)
    await control.close()
    assert incident is not None
    assert incident.ms >= 700
    assert "pgdeck's own prober stood still" in incident.reason
    assert not watch.found(lambda each: each.cause is not Cause.STALLED and each.ms >= 700)


async def test_verify_explains_with_a_second_session_and_leaves_nothing_behind(newest: Database) -> None:
    await newest.execute(SCHEMA)
    onlooker = Onlooker(profile(newest), None, (DASHBOARD,))
    shares: list[float] = []
    measuring = asyncio.create_task(
        measure(profile(newest), None, (DASHBOARD,), 3.0, shares.append, onlooker=onlooker)
    )
    probing = "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%'"
    await until(lambda: shares)
    await until_true(newest, probing)
    holder = await newest.connect(application_name="deploy")
    await holder.execute("BEGIN; LOCK TABLE leads")
    await until_true(newest, WAITING)
    await until_true(
        newest,
        "SELECT max(clock_timestamp() - query_start) > '300 ms' FROM pg_stat_activity"
        " WHERE application_name LIKE 'pgdeck probe%' AND wait_event_type = 'Lock'",
    )
    await holder.execute("ROLLBACK")
    await measuring
    locked = [each for each in onlooker.incidents if each.cause is Cause.LOCK]
    assert "application deploy" in locked[0].sentence
    left = await holder.fetchval(probing.replace("= 2", "= 0"))
    assert left
    await holder.close()


async def test_verify_without_a_second_session_measures_and_says_what_it_could_not_see(
    newest: Database,
) -> None:
    await newest.execute(SCHEMA)
    wrong = replace(profile(newest), connection=newest.parameters("nobody_of_that_name"))
    onlooker = Onlooker(wrong, None, (replace(DASHBOARD, sql="SELECT pg_sleep(0.06), $1::text"),))
    slow = replace(DASHBOARD, sql="SELECT pg_sleep(0.06), $1::text", target=Target(p99_ms=20), index=None)
    snapshot = await measure(profile(newest), None, (slow,), 1.0, onlooker=onlooker)
    assert snapshot.probes[0].samples > 5
    assert onlooker.incidents
    assert {each.cause for each in onlooker.incidents} == {Cause.UNKNOWN}
    assert "there was no second session to look with" in onlooker.incidents[0].reason

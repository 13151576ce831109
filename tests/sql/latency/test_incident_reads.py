"""Slow storage and a cold cache, planted on servers of our own that count what statements read."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sql.demo.cluster import Cluster
from sql.latency.evidence import Cause
from tests import servers
from tests.servers import Database
from tests.sql.latency.slow import COUNT, Scene, scene

PAGES = 1000
BIG = (
    "CREATE TABLE big AS SELECT i AS id, repeat('x', 900) AS filling FROM generate_series(1, 8000) i;"
    " ANALYZE big"
)
SCAN = replace(COUNT, name="scan", sql="SELECT count(*) FROM big")


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def counting(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, int]]:
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    cluster = servers.start(
        request.param, shared_preload_libraries="pg_stat_statements", shared_buffers="16MB"
    )
    yield cluster, request.param
    cluster.remove()
    cluster.folder.parent.rmdir()


@pytest.fixture
async def counted(counting: tuple[Cluster, int]) -> AsyncIterator[Database]:
    database = await servers.new_database(*counting)
    await database.execute(f'CREATE SCHEMA "Ext"; CREATE EXTENSION pg_stat_statements SCHEMA "Ext"; {BIG}')
    yield database
    await servers.drop_database(database)


@contextmanager
def stopped_storage(cluster: Cluster) -> Iterator[None]:
    """No read ends: the processes that read for all others (18, io_method=worker) are stopped."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    master = (cluster.data / "postmaster.pid").read_text().split()[0]
    rows = (row.split(None, 2) for row in listed.splitlines()[1:])
    workers = [int(pid) for pid, parent, args in rows if parent == master and "io worker" in args]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


async def stalled(made: Scene, cluster: Cluster) -> None:
    """A run that waits for storage for half a second."""
    with stopped_storage(cluster):
        running = asyncio.create_task(made.run())
        await made.seen_for(500)
    await running


async def test_what_this_run_read_is_told_apart_from_what_the_statement_read_before(
    counted: Database,
) -> None:
    both = replace(COUNT, sql="SELECT count(*), pg_sleep(0.2) FROM big")
    async with scene(counted, both, max_parallel_workers_per_gather="0") as made:
        await made.run()
        await made.run()
    for incident in made.all:
        call = incident.evidence.call
        if counted.major < 14:
            assert call is None  # 13 has no query ids
            continue
        assert call is not None
        assert call.calls == 1
        assert PAGES <= call.shared_hit + call.shared_read <= PAGES * 1.3
        assert call.exec_ms == pytest.approx(incident.ms, abs=60)


@pytest.fixture
def reading_by_others(counted: Database) -> Database:
    if counted.major < 18:
        pytest.skip("only from 18 on do processes read for others, which can be stopped")
    return counted


async def test_a_cold_cache_is_named_with_what_was_read(reading_by_others: Database) -> None:
    await reading_by_others.execute("CREATE EXTENSION pg_buffercache")
    async with scene(reading_by_others, SCAN, max_parallel_workers_per_gather="0") as made:
        for _ in range(12):
            await made.prober.fetch(SCAN.sql)
        await reading_by_others.execute("SELECT pg_buffercache_evict_relation('big')")
        await stalled(made, reading_by_others.cluster)
    incident = next(each for each in made.all if each.ms >= 500)
    assert incident.cause is Cause.COLD_CACHE, incident.sentence
    assert incident.evidence.call is not None
    assert incident.evidence.call.shared_read >= PAGES
    assert "blocks from disk or the system's cache (about" in incident.reason
    assert "ms in IO/AioIoCompletion)" in incident.reason


async def test_storage_that_stalls_is_no_cold_cache(reading_by_others: Database) -> None:
    # So big a table never stays in the cache: each run reads all of it.
    await reading_by_others.execute("CREATE TABLE huge AS SELECT big.* FROM big, generate_series(1, 4)")
    entry = replace(SCAN, sql="SELECT count(*) FROM huge")
    async with scene(reading_by_others, entry, max_parallel_workers_per_gather="0") as made:
        for _ in range(3):
            await made.prober.fetch(entry.sql)
        await stalled(made, reading_by_others.cluster)
    incident = next(each for each in made.all if each.ms >= 500)
    assert incident.cause is Cause.IO, incident.sentence
    assert incident.reason.startswith("waited about")
    assert "for IO/AioIoCompletion" in incident.reason

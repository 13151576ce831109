"""What the monitor sees of a backend: its phase, a percentage where there is one, blockers, who queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from sql.pool.reading import read_pool
from sql.steps import monitor as monitor_module
from sql.steps.blockers import Blocker
from sql.steps.monitor import COUNTED_BY, Monitor, RunProgress, make_watcher, percent
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps.running import TABLE, transaction
from tests.waiting import until


@asynccontextmanager
async def watched(
    database: Database, sql: str, user: str = "postgres"
) -> AsyncIterator[tuple[Monitor, asyncpg.Connection]]:
    """A statement under way in another session, and a monitor of it."""
    busy, connection = await database.connect(), await database.connect(user)
    await make_watcher(connection, "r1")
    pid = busy.get_server_pid()
    other = await database.connect()
    start = await other.fetchval("SELECT backend_start FROM pg_stat_activity WHERE pid = $1", pid)
    await other.close()
    statement = asyncio.create_task(busy.execute(sql))
    try:
        yield Monitor(connection, database.major * 10000, pid, start, ("public", "i")), busy
    finally:
        busy.terminate()
        connection.terminate()
        await asyncio.wait({statement})
        statement.exception()


async def progress_in(monitor: Monitor, phase: str) -> RunProgress:
    async def there() -> RunProgress | None:
        progress = await monitor.look()
        return progress if progress and (progress.phase or "").startswith(phase) else None

    return await until(there)


async def test_a_build_is_seen_phase_by_phase(database: Database) -> None:
    await database.execute(TABLE)
    async with watched(database, "CREATE INDEX CONCURRENTLY i ON t (slow(a))") as (monitor, _):
        progress = await progress_in(monitor, "building index: scanning table")
        assert progress.unit == "blocks" and progress.percent is not None and 0 <= progress.percent <= 100
        assert progress.index is not None and progress.index.flags == "invalid (live)"
        assert progress.elapsed_s > 0 and progress.state == "active"


async def test_waiting_for_a_writer_counts_lockers_and_names_it(database: Database) -> None:
    await database.execute(TABLE)
    async with (
        transaction(database, "UPDATE t SET b = 0 WHERE id = 1") as writer,
        watched(database, "CREATE INDEX CONCURRENTLY i ON t (a)") as (monitor, _),
    ):
        await progress_in(monitor, "waiting for writers before build")
        progress = await until(lambda: waiting(monitor))
        assert (progress.unit, progress.done, progress.total) == ("lockers", 0, 1)
        assert progress.waiting_lock == "virtualxid"
        (blocker,) = progress.waits_for
        assert blocker.pid == writer.get_server_pid()
        assert (blocker.application, blocker.state) == ("somebody", "idle in transaction")
        assert blocker.query.startswith("UPDATE t") and blocker.age_s is not None


async def waiting(monitor: Monitor) -> RunProgress | None:
    progress = await monitor.look()
    return progress if progress and progress.waits_for else None


@pytest.mark.hazard("PRG-03")
async def test_the_chain_of_blockers_is_followed_to_its_root(database: Database) -> None:
    await database.execute(TABLE)
    async with (
        transaction(database, "UPDATE other SET id = 2") as root,
        transaction(database, "SELECT 1 FROM t", begin="BEGIN ISOLATION LEVEL REPEATABLE READ") as middle,
    ):
        stuck = asyncio.create_task(middle.execute("UPDATE other SET id = 3"))
        async with watched(database, "CREATE INDEX CONCURRENTLY i ON t (a)") as (monitor, _):
            progress = await until(lambda: waiting(monitor))
            chain = {blocker.depth: blocker.pid for blocker in progress.waits_for}
            assert chain == {1: middle.get_server_pid(), 2: root.get_server_pid()}
        await root.execute("ROLLBACK")
        await stuck


@pytest.mark.hazard("CIC-07")
async def test_who_queues_behind_us_is_seen(database: Database) -> None:
    await database.execute(TABLE)
    async with watched(database, "CREATE INDEX CONCURRENTLY i ON t (slow(a))") as (monitor, _):
        await progress_in(monitor, "building index")
        async with transaction(database) as deploy:
            altering = asyncio.create_task(deploy.execute("ALTER TABLE t ADD COLUMN z int"))

            async def queued() -> tuple[Blocker, ...]:
                progress = await monitor.look()
                assert progress is not None
                return progress.queued_behind

            (waiter,) = await until(queued)
            assert waiter.pid == deploy.get_server_pid()
            assert waiter.query.startswith("ALTER TABLE t")
            deploy.terminate()
            await asyncio.wait({altering})
            altering.exception()


async def test_waiting_for_the_first_lock_is_told_apart(database: Database) -> None:
    await database.execute(TABLE)
    async with (
        transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
        watched(database, "CREATE INDEX CONCURRENTLY i ON t (a)") as (monitor, _),
    ):
        progress = await until(lambda: waiting(monitor))
        assert progress.waiting_lock == "relation" and progress.index is None


@pytest.mark.hazard("PRG-02")
async def test_a_backend_that_is_gone_or_another_by_now_is_none(database: Database) -> None:
    await database.execute(TABLE)
    async with watched(database, "SELECT pg_sleep(600)") as (monitor, busy):
        progress = await monitor.look()
        assert progress is not None and progress.phase is None and progress.percent is None
        monitor.backend_start = monitor.backend_start.replace(year=2000)
        assert await monitor.look() is None
        await database.execute(f"SELECT pg_terminate_backend({busy.get_server_pid()})")

        async def gone() -> bool:
            return await monitor.look() is None

        await until(gone)


@pytest.mark.hazard("PRG-01")
async def test_an_unprivileged_monitor_sees_pids(database: Database) -> None:
    user = f"plain_{database.name}"
    await database.execute(f"CREATE ROLE {user} LOGIN; {TABLE}")
    try:
        async with transaction(database, "UPDATE t SET b = 0 WHERE id = 1") as writer:
            statement = "CREATE INDEX CONCURRENTLY i ON t (a)"
            async with watched(database, statement, user) as (monitor, _):
                progress = await until(lambda: waiting(monitor))
                (blocker,) = progress.waits_for
                assert blocker.pid == writer.get_server_pid()
                assert "details hidden" in blocker.sentence
                assert progress.phase is None
    finally:
        await database.execute(f"DROP ROLE {user}")


@pytest.mark.hazard("DISC-11")
async def test_a_monitor_cannot_write_and_does_not_wait(database: Database) -> None:
    await database.execute(TABLE)
    connection = await database.connect()
    try:
        await make_watcher(connection, "r1")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("INSERT INTO public.other VALUES (2)")
        assert await connection.fetchval("SHOW statement_timeout") == "2s"
        assert await connection.fetchval("SHOW application_name") == "pgdeck watch r1"
    finally:
        await connection.close()


def test_a_percentage_stays_within_its_bounds() -> None:
    assert percent(201, 200) == 100.0
    assert percent(None, 10) is None and percent(5, 0) is None and percent(1, 4) == 25.0


def test_counters_that_are_stale_in_a_phase_are_not_shown() -> None:
    row = {"phase": "building index: sorting live tuples", "blocks_done": 9, "blocks_total": 9}
    assert monitor_module._counted(row) == (None, None, None)
    ended = {"phase": "building index", "blocks_done": 9, "blocks_total": 9}
    assert monitor_module._counted(ended) == (None, None, None)
    assert monitor_module._counted({**ended, "blocks_done": 3}) == ("blocks", 3, 9)


async def test_the_phases_are_those_that_the_view_has(database: Database) -> None:
    connection = await database.connect()
    try:
        view = await connection.fetchval("SELECT pg_get_viewdef('pg_stat_progress_create_index'::regclass)")
    finally:
        await connection.close()
    for phase in COUNTED_BY:
        main, _, _ = phase.partition(": ")
        assert f"'{main}" in view


async def test_looks_are_never_compiled(database: Database) -> None:
    connection = await database.connect(jit="on")
    try:
        await make_watcher(connection, "r1")
        assert await connection.fetchval("SHOW jit") == "off"
    finally:
        await connection.close()


@pytest.mark.hazard("CIC-12")
async def test_a_parallel_build_is_one_build_and_its_workers_are_no_clients(database: Database) -> None:
    # Two rows a page: on a few pages the leader would have taken all of them before a worker is there.
    await database.execute(
        TABLE.replace("IMMUTABLE STRICT", "IMMUTABLE STRICT PARALLEL SAFE")
        + "CREATE TABLE wide (a int, filler text) WITH (parallel_workers = 2);"
        "ALTER TABLE wide ALTER filler SET STORAGE PLAIN;"
        "INSERT INTO wide SELECT i, repeat('x', 3000) FROM generate_series(1, 300) i"
    )
    looking = await database.connect()
    try:
        async with watched(database, "CREATE INDEX CONCURRENTLY i ON wide (slow(a))") as (monitor, busy):
            workers = "SELECT count(*) FROM pg_stat_activity WHERE leader_pid = $1"
            await until(lambda: looking.fetchval(workers, busy.get_server_pid()))
            progress = await progress_in(monitor, "building index")
            assert progress.percent is None or 0 <= progress.percent <= 100
            assert progress.waits_for == ()
            clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            async with session(database) as watching:
                counted = (await read_pool(watching, None)).pool.used
                assert counted == await looking.fetchval(clients)
    finally:
        await looking.close()

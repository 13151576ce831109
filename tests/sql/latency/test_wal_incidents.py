"""Runs that the WAL holds up, and a checkpoint beside them: planted on servers of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from profiles.manifest import ProbeEntry, Target
from sql.latency.evidence import Cause
from tests import servers
from tests.servers import Database
from tests.sql.latency.slow import scene
from tests.sql.latency.targets import SCHEMA
from tests.sql.standbys import primary
from tests.waiting import until

LOGGING = ProbeEntry("logging", "SELECT pg_logical_emit_message(true, 'probe', 'ran')", Target(5, 10, 50))
"""Reads nothing, changes nothing, and has its commit wait for the WAL as every write has."""
AT_WORK = (
    "SELECT wait_event_type IS DISTINCT FROM 'Activity' FROM pg_stat_activity"
    " WHERE backend_type = 'checkpointer'"
)


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One whose settings may be changed."""
    with primary(request.param) as made:
        asyncio.run(made.execute(SCHEMA))
        yield made


@asynccontextmanager
async def nobody_confirms(server: Database) -> AsyncIterator[None]:
    """Every commit waits for a synchronous standby that is not there, until left."""
    control, canary = await server.connect(), await server.connect(synchronous_commit="on")
    pid = canary.get_server_pid()
    waits: asyncio.Task[str] | None = None

    async def takes_effect() -> bool:
        nonlocal waits
        if waits is None or waits.done():
            waits = asyncio.create_task(canary.execute(LOGGING.sql))
        event = "SELECT wait_event FROM pg_stat_activity WHERE pid = $1"
        return bool(await control.fetchval(event, pid) == "SyncRep")

    await control.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await control.execute("SELECT pg_reload_conf()")
    try:
        await until(takes_effect)
        yield
    finally:
        await control.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await control.execute("SELECT pg_reload_conf()")
        if waits is not None:
            await waits
        await canary.close()
        await control.close()


@asynccontextmanager
async def checkpoint_that_takes_its_time(server: Database) -> AsyncIterator[None]:
    """One that is spread over minutes, as those are that nobody asked for; hurried when left."""
    backup = "pg_backup_start" if server.major >= 15 else "pg_start_backup"
    control, asking = await server.connect(), await server.connect()
    await control.execute("UPDATE leads SET score = score + 1")
    waits = asyncio.create_task(asking.fetch(f"SELECT {backup}('slowly', false)"))

    try:
        await until(lambda: control.fetchval(AT_WORK))
        yield
    finally:
        await control.execute("CHECKPOINT")
        await waits
        await asking.close()
        await control.close()


async def test_a_commit_that_waits_for_a_standby_is_the_wals(server: Database) -> None:
    async with scene(server, LOGGING, synchronous_commit="on", default_transaction_read_only="on") as made:
        async with nobody_confirms(server):
            running = asyncio.create_task(made.run())
            await made.seen_for(450)
        await running
    incident = made.newest
    assert incident.cause is Cause.WAL
    assert "ms for IPC/SyncRep" in incident.reason
    assert "checkpoint" not in incident.reason


async def test_a_checkpoint_beside_it_is_named(server: Database) -> None:
    async with scene(server, LOGGING, synchronous_commit="on") as made:
        async with checkpoint_that_takes_its_time(server), nobody_confirms(server):
            running = asyncio.create_task(made.run())
            await made.seen_for(450)
        await running
    incident = made.newest
    assert incident.cause is Cause.WAL
    assert incident.evidence.others is not None and incident.evidence.others.checkpointing
    assert incident.reason.endswith("for IPC/SyncRep; a checkpoint was going on")

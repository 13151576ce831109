"""Makes the demo's databases from the templates and plants their faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from sql.demo.cluster import Cluster
from sql.demo.faults import DATABASES, DemoDatabase, Fault
from sql.demo.seed import OWNER, Report, session

LAST_WAIT = """
SELECT EXISTS (
    SELECT FROM pg_stat_progress_create_index WHERE pid = $1 AND phase = 'waiting for old snapshots'
)
"""
LOOK_EVERY_S = 0.05


async def make_databases(cluster: Cluster, report: Report) -> None:
    """Drop the four databases, whoever uses them, and make them anew as the template and the faults say.

    Raises:
        asyncpg.PostgresError: the disk is full, or another refusal of the server.
        OSError: the server went away.
    """
    async with _unsynced(cluster) as connection:
        for done, database in enumerate(DATABASES.values()):
            report(f"database {database.database}", done / len(DATABASES))
            await _copy(connection, database)
            async with asyncio.timeout(120), session(cluster, database.database, role=OWNER) as owner:
                for fault in database.faults:
                    await _plant(cluster, database, fault, owner)
        report("databases", 1.0)


@asynccontextmanager
async def _unsynced(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """Copies need not reach the disk one by one: the keeper syncs the folder afterwards."""
    async with session(cluster) as connection:
        for name in ("fsync", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {name} = off")
        await connection.execute("SELECT pg_reload_conf()")
        try:
            yield connection
        finally:
            for name in ("fsync", "full_page_writes"):
                await connection.execute(f"ALTER SYSTEM RESET {name}")
            await connection.execute("SELECT pg_reload_conf()")


async def _copy(connection: asyncpg.Connection, database: DemoDatabase) -> None:
    name = database.database
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute("SET file_copy_method = clone")
    await connection.execute(
        f"CREATE DATABASE {name} TEMPLATE {database.template.database} STRATEGY FILE_COPY OWNER {OWNER}"
    )


async def _plant(cluster: Cluster, database: DemoDatabase, fault: Fault, owner: asyncpg.Connection) -> None:
    for statement in fault.statements:
        await owner.execute(statement)
    if fault.interrupted:
        definition = next(
            index
            for table in database.template.tables
            for index in database.template.indexes(table.name)
            if f" {fault.name} " in index
        )
        await owner.execute(f"DROP INDEX {fault.name}")
        await _interrupt(cluster, database.database, definition)


async def _interrupt(cluster: Cluster, database: str, definition: str) -> None:
    """Cancel a concurrent build in its last wait: the index is full, is kept up to date and serves nobody."""
    build = definition.replace("CREATE INDEX ", "CREATE INDEX CONCURRENTLY ", 1)
    async with (
        session(cluster, database) as reader,
        session(cluster, database, role=OWNER) as builder,
        session(cluster, database) as watcher,
        reader.transaction(isolation="repeatable_read", readonly=True),
    ):
        await reader.fetchval("SELECT count(*) FROM job_queue")
        building = asyncio.create_task(builder.execute(build))
        pid = builder.get_server_pid()
        while not building.done() and not await watcher.fetchval(LAST_WAIT, pid):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        await watcher.execute("SELECT pg_cancel_backend($1)", pid)
        with suppress(asyncpg.QueryCanceledError):
            await building

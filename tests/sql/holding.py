"""Second sessions that hold real locks, run real builds, and are stopped at a chosen moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.servers import Database
from tests.waiting import until

SLOW = """
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_sleep(0.05); RETURN $1; END';
"""
"""An IMMUTABLE function that lies: a build over it takes 50 ms a row, until it is cancelled."""


@asynccontextmanager
async def open_transaction(
    database: Database, *statements: str, isolation: str = "READ COMMITTED", user: str = "postgres"
) -> AsyncIterator[asyncpg.Connection]:
    """A session that has run these in a transaction and now sits idle in it."""
    connection = await database.connect(user)
    try:
        await connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        for statement in statements:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def running(database: Database, statement: str, **settings: str) -> AsyncIterator[int]:
    """A session that runs a statement which does not end by itself; cancelled at the end. Gives its pid."""
    connection = await database.connect(**settings)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    task = asyncio.ensure_future(connection.execute(statement))
    try:
        yield pid
    finally:
        other = await database.connect()
        await until(lambda: _cancelled(other, pid, task))
        with suppress(asyncpg.PostgresError):
            await task
        await other.close()
        await connection.close()


async def _cancelled(other: asyncpg.Connection, pid: int, task: asyncio.Future[str]) -> bool:
    await other.execute("SELECT pg_cancel_backend($1)".replace("$1", str(pid)))
    return task.done()


async def until_true(database: Database, question: str) -> None:
    """Wait until a query on a connection of its own gives true."""
    connection = await database.connect()
    try:
        await until(lambda: connection.fetchval(question))
    finally:
        await connection.close()


async def in_phase(database: Database, pid: int, phase: str) -> None:
    """Wait until a build has come to a phase of the progress view."""
    await until_true(
        database,
        f"SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE pid = {pid} AND phase = '{phase}')",
    )


async def waiting(database: Database, pid: int) -> None:
    """Wait until a backend waits for a lock."""
    await until_true(
        database,
        f"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock')",
    )


async def flags(database: Database, name: str) -> tuple[bool, bool, bool]:
    """(indisvalid, indisready, indislive) of an index."""
    connection = await database.connect()
    try:
        row = await connection.fetchrow(
            "SELECT indisvalid, indisready, indislive FROM pg_index WHERE indexrelid = $1::text::regclass",
            name,
        )
    finally:
        await connection.close()
    return tuple(row)


@asynccontextmanager
async def role(database: Database, *grants: str) -> AsyncIterator[str]:
    """A login role without any right but these, dropped at the end. `{role}` in a grant is its name."""
    name = f"watcher_{database.name}"
    await database.execute(f'CREATE ROLE "{name}" LOGIN')
    try:
        for grant in grants:
            await database.execute(grant.replace("{role}", f'"{name}"'))
        yield name
    finally:
        await database.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')

"""Sessions that hold something, and what really happens to a statement that meets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from sql.steps.step import Step
from tests.servers import Database
from tests.waiting import until

SCHEMA = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    CREATE TABLE other (id int);
    INSERT INTO t SELECT i, i, i % 7 FROM generate_series(1, 6000) i;
    INSERT INTO other SELECT i FROM generate_series(1, 6000) i;
    CREATE INDEX d ON t (b);
    CREATE FUNCTION held(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(600); RETURN $1; END';
    CREATE FUNCTION held_cmp(int, int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(600); RETURN $1 - $2; END';
    CREATE OPERATOR CLASS held_ops FOR TYPE int USING btree AS
        OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 held_cmp(int, int);
"""
"""held() and held_ops never end by themselves: whoever calls them is cancelled."""


@dataclass(frozen=True)
class Observed:
    """What became of a statement: done, or by whom it was held up, and in which phase."""

    done: bool
    blockers: frozenset[int] = frozenset()
    """0 stands for a prepared transaction."""
    phase: str | None = None
    """Of pg_stat_progress_create_index."""


@asynccontextmanager
async def holding(
    database: Database, *statements: str, forever: str | None = None, application: str = "holder"
) -> AsyncIterator[int]:
    """A session that has run some statements, and runs one `forever`, until it is cancelled; its pid."""
    connection = await database.connect(application_name=application)
    watcher = await database.connect()
    pid = connection.get_server_pid()
    running = None
    try:
        for statement in statements:
            await connection.execute(statement)
        if forever is not None:
            running = asyncio.ensure_future(connection.execute(forever))
            await until(lambda: _is_held(watcher, pid))
        yield pid
    finally:
        if running is not None:
            while not running.done():
                await watcher.fetchval("SELECT pg_cancel_backend($1::int)", pid)
                await asyncio.wait([running], timeout=0.05)
            with suppress(asyncpg.PostgresError):
                running.result()
        await connection.close()
        await watcher.close()


async def observe(database: Database, step: Step) -> Observed:
    """Send a step's statements for real, until they are done or held up; then take them back."""
    runner, watcher = await database.connect(), await database.connect()
    pid = runner.get_server_pid()
    task = asyncio.ensure_future(_send(runner, step))

    async def seen() -> Observed | None:
        if task.done():
            task.result()
            return Observed(True)
        return await _held_up(watcher, pid)

    try:
        return await until(seen)
    finally:
        while not task.done():
            await watcher.fetchval("SELECT pg_cancel_backend($1::int)", pid)
            await asyncio.wait([task], timeout=0.05)
        await runner.close()
        await watcher.close()


async def _send(connection: asyncpg.Connection, step: Step) -> None:
    with suppress(asyncpg.QueryCanceledError):
        for statement in step.statements:
            await connection.execute(statement)


async def _held_up(watcher: asyncpg.Connection, pid: int) -> Observed | None:
    # Two looks alike: a passing statement, such as this one, may hold a build up for an instant.
    looks = [
        await watcher.fetchrow(
            "SELECT pg_blocking_pids($1::int) AS blockers,"
            " (SELECT phase FROM pg_stat_progress_create_index WHERE pid = $1::int) AS phase",
            pid,
        )
        for _ in range(2)
    ]
    others = {frozenset(look["blockers"]) - {watcher.get_server_pid()} for look in looks}
    if len(others) > 1 or not (found := others.pop()) or looks[0]["phase"] != looks[1]["phase"]:
        return None
    return Observed(False, found, looks[0]["phase"])


async def _is_held(watcher: asyncpg.Connection, pid: int) -> bool:
    """Whether a session sleeps in held(), waits for a lock, or vacuums."""
    row = await watcher.fetchrow(
        "SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = $1::int AND state = 'active'",
        pid,
    )
    return row is not None and (
        row["wait_event_type"] == "Lock" or row["wait_event"] in ("PgSleep", "VacuumDelay")
    )

"""Sessions that wait for each other's locks, in shapes that a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from sql.demo.cluster import SUPERUSER
from tests.servers import Database
from tests.waiting import until

SCHEMA = """
    CREATE TABLE leads (id int PRIMARY KEY, score int);
    INSERT INTO leads SELECT n, n FROM generate_series(1, 200) n;
"""


class Crowd:
    """Opens sessions, lets them run or wait, and ends them all."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: list[asyncpg.Connection] = []
        self._tasks: list[asyncio.Future[str]] = []
        self._looking: asyncpg.Connection | None = None

    async def session(
        self, *statements: str, application: str = "crowd", user: str = SUPERUSER
    ) -> asyncpg.Connection:
        """A session that has run these."""
        connection = await self._database.connect(user, application_name=application)
        self._open.append(connection)
        for statement in statements:
            await connection.execute(statement)
        return connection

    async def idle(self, number: int, application: str = "crowd") -> None:
        """Sessions that do nothing."""
        for _ in range(number):
            await self.session(application=application)

    async def waits(
        self, statement: str, *before: str, application: str = "crowd", user: str = SUPERUSER
    ) -> int:
        """A session that waits for a lock in this statement; its pid."""
        connection = await self.session(*before, application=application, user=user)
        self._tasks.append(asyncio.ensure_future(connection.execute(statement)))
        pid = connection.get_server_pid()
        await until(lambda: self.is_waiting(pid))
        return int(pid)

    async def is_waiting(self, pid: int) -> bool:
        """Whether a backend waits for a lock."""
        if self._looking is None:
            self._looking = await self._database.connect(application_name="looking")
        question = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1::int AND NOT granted)"
        return bool(await self._looking.fetchval(question, pid))

    async def disperse(self) -> None:
        """End every session."""
        for connection in (*self._open, *([self._looking] if self._looking else [])):
            connection.terminate()
        for task in self._tasks:
            with suppress(Exception):
                await task


@asynccontextmanager
async def crowd(database: Database) -> AsyncIterator[Crowd]:
    """A table `leads` and nobody yet; all gone afterwards."""
    await database.execute(SCHEMA)
    gathered = Crowd(database)
    try:
        yield gathered
    finally:
        await gathered.disperse()

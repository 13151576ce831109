"""The demo's application sessions: a small, named, lively pool to look at.

They write to `job_queue` only, which no manifest requires, and hold a transaction or a lock for seconds,
never longer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg

from sql.demo.cluster import Cluster
from sql.demo.faults import DATABASES, PRODUCTION
from sql.demo.seed import APPLICATION, session
from sql.session import DRIVER_TROUBLE

Life: TypeAlias = Callable[[asyncpg.Connection, random.Random], Awaitable[None]]
"""What a session does, over and over."""

ONE_LEAD = "SELECT * FROM leads WHERE id = $1"
DASHBOARD = "SELECT id, status, score FROM leads WHERE status = 'offer' ORDER BY score DESC LIMIT 50"
NIGHTLY = "SELECT count(*) FROM communication_logs, pg_sleep(6) WHERE delivery_status = 'bounced'"
TAKE_JOB = "UPDATE job_queue SET attempts = attempts + 1 WHERE id = $1"
HOT_JOB = 7
"""The row that the workers fight for."""


async def applications(cluster: Cluster) -> None:
    """Hold all sessions until cancelled; one that is lost comes back by itself."""
    async with asyncio.TaskGroup() as group:
        for seed, (database, name, life) in enumerate(_sessions()):
            group.create_task(_stay(cluster, database, name, life, random.Random(seed)))


def _sessions() -> list[tuple[str, str, Life]]:
    wanted: list[tuple[str, str, Life]] = []
    for demo in DATABASES.values():
        busy = demo is PRODUCTION
        wanted += [(demo.database, f"sales-api-{n}", _serve) for n in range(1, 5 if busy else 3)]
        wanted += [(demo.database, "sales-api-idle", _rest)] * (3 if busy else 1)
        wanted.append((demo.database, "sales-worker-1", _work))
        if busy:
            wanted += [
                (demo.database, "sales-api-5", _dawdle),
                (demo.database, "sales-api-6", _rank),
                (demo.database, "sales-worker-2", _work),
                (demo.database, "sales-worker-3", _work),
                (demo.database, "nightly-report", _report),
            ]
    return wanted


async def _stay(cluster: Cluster, database: str, name: str, life: Life, chance: random.Random) -> None:
    while True:
        try:
            async with session(cluster, database, user=APPLICATION, application_name=name) as connection:
                while True:
                    await life(connection, chance)
        except DRIVER_TROUBLE:
            # The server restarts or the database is being made anew.
            await asyncio.sleep(1 + chance.random())


async def _serve(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Look up a lead twice a second."""
    await connection.fetch(ONE_LEAD, chance.randint(1, 1000))
    await asyncio.sleep(chance.uniform(0.3, 0.7))


async def _rest(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Sit in the pool, checked now and then."""
    await connection.fetchval("SELECT 1")
    await asyncio.sleep(chance.uniform(20, 40))


async def _rank(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Load the dashboard of somebody who has it open."""
    await connection.fetch(DASHBOARD)
    await asyncio.sleep(chance.uniform(4, 6))


async def _dawdle(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Read a lead and think about it inside a transaction."""
    async with connection.transaction():
        await connection.fetch(ONE_LEAD, chance.randint(1, 1000))
        await asyncio.sleep(chance.uniform(8, 15))
    await asyncio.sleep(chance.uniform(1, 3))


async def _work(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Take a job that the other workers want too."""
    async with connection.transaction():
        await connection.execute(TAKE_JOB, HOT_JOB)
        await asyncio.sleep(chance.uniform(2, 4))
    await asyncio.sleep(chance.uniform(0.5, 3))


async def _report(connection: asyncpg.Connection, chance: random.Random) -> None:
    """A long statement: one scan, then waiting."""
    await connection.fetchval(NIGHTLY)
    await asyncio.sleep(chance.uniform(1, 4))

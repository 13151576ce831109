"""What happens to servers: kill -9, a postmaster that stands still, and who is connected meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg

from sql.demo.cluster import SUPERUSER, Cluster
from sql.session import DRIVER_TROUBLE
from tests.waiting import until

OURS = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, $1)"


def postmaster(cluster: Cluster) -> int:
    """Its process id."""
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


async def kill_postmaster(cluster: Cluster) -> None:
    """SIGKILL; its children notice and end. What it leaves behind is cleared away, as an operator would."""
    pid = postmaster(cluster)
    gone = [pid, *children(pid)]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not any(map(alive, gone)))
    for lock in (cluster.data / "postmaster.pid", cluster.socket / f".s.PGSQL.{cluster.port}.lock"):
        lock.unlink(missing_ok=True)


def promote(cluster: Cluster) -> None:
    """Make a primary of a standby, and wait until it is one."""
    cluster._run([*cluster._pg_ctl("promote"), "--wait"])


def children(pid: int) -> list[int]:
    """Processes that it has started and that still run."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Census:
    """How many sessions of one application a server has had at most."""

    def __init__(self, cluster: Cluster, application: str) -> None:
        self.cluster = cluster
        self._application = application
        self.most = 0
        self.now = 0
        self.rounds = 0

    async def count(self) -> None:
        """Go on counting, also across restarts."""
        while True:
            with suppress(*DRIVER_TROUBLE):
                connection = await asyncpg.connect(
                    host=str(self.cluster.socket),
                    port=self.cluster.port,
                    user=SUPERUSER,
                    database="postgres",
                    timeout=5,
                )
                try:
                    while True:
                        self.now = int(await connection.fetchval(OURS, self._application, timeout=5))
                        self.most = max(self.most, self.now)
                        self.rounds += 1
                        await asyncio.sleep(0.02)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def census(cluster: Cluster, application: str) -> AsyncIterator[Census]:
    """Counts the sessions whose name begins so, until left; it has a session of its own as superuser."""
    made = Census(cluster, application)
    task = asyncio.create_task(made.count())
    try:
        await until(lambda: made.rounds)
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

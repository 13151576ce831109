"""`python -m sql.demo.keeper FOLDER`: stops the demo's server when its last user has left.

Detached from any terminal. Meanwhile it holds the application sessions that give the deck something to
show. SIGTERM makes it leave at once and the server stay: whoever sends it stops the server.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import sql
from sql.demo.applications import applications
from sql.demo.cluster import Cluster
from sql.demo.home import Home
from sql.demo.leases import exclusive, holders, locked

LOOK_EVERY_S = 1.0


def start_keeper(home: Home) -> None:
    """Start the keeper in a session of its own, unless there is one.

    It is born with the lock, so that there are never two, nor a moment without.
    """
    with ExitStack() as stack:
        file = _lock(home.keeper_lock, stack, patience_s=0.5)
        if file is None:
            return
        root = str(Path(sql.__file__).parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
        log = stack.enter_context(home.keeper_log.open("wb"))
        keeper = subprocess.Popen(
            [sys.executable, "-m", __name__, str(home.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=[file.fileno()],
            start_new_session=True,
        )
        file.truncate(0)
        file.write(str(keeper.pid))
        # It is nobody's child: init buries it.
        keeper.returncode = 0


def _lock(path: Path, stack: ExitStack, *, patience_s: float = 0.0) -> IO[str] | None:
    """Lock a file; None where another has it. Who only looks holds it for a moment: hence the patience."""
    limit = time.monotonic() + patience_s
    while True:
        with suppress(BlockingIOError):
            return stack.enter_context(exclusive(path, wait=False))
        if time.monotonic() >= limit:
            return None
        time.sleep(0.01)


def keeper_pid(home: Home) -> int | None:
    """The process id of the keeper; None where there is none."""
    if not locked(home.keeper_lock):
        return None
    written = home.keeper_lock.read_text().strip()
    return int(written) if written.isdigit() else None


def needed(home: Home) -> bool:
    """Whether somebody uses the demo, or wants it to stay."""
    return home.kept.exists() or bool(holders(home.users))


async def keep(home: Home, cluster: Cluster, stack: ExitStack) -> bool:
    """Hold the application sessions until the last user has left.

    Returns:
        True where the server is to be stopped, with the demo's lock in `stack`; False after SIGTERM.
    """
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    sessions = asyncio.create_task(applications(cluster))
    syncing = _start_sync(home, cluster)
    try:
        while not told.is_set():
            if syncing is not None and syncing.poll() is not None:
                if syncing.returncode == 0:
                    home.remember_synced()
                syncing = None
            # A user that starts at this moment holds the lock: then look again later.
            if not needed(home) and _lock(home.lock, stack):
                if not needed(home):
                    return True
                stack.close()
            try:
                await asyncio.wait_for(told.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue
        return False
    finally:
        if syncing is not None:
            syncing.kill()
            syncing.wait()
        sessions.cancel()
        await asyncio.wait([sessions], timeout=5)


def _start_sync(home: Home, cluster: Cluster) -> subprocess.Popen[bytes] | None:
    here = home.seeded()
    return None if here is None or here.synced else cluster.sync()


def main(folder: Path) -> None:
    """Keep until nobody is left, then stop the server."""
    home = Home(folder)
    cluster = home.cluster()
    with ExitStack() as stack:
        if asyncio.run(keep(home, cluster, stack)):
            cluster.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

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
from pathlib import Path

import sql
from sql.demo.applications import applications
from sql.demo.cluster import Cluster
from sql.demo.home import Home
from sql.demo.leases import exclusive, holders, locked

LOOK_EVERY_S = 1.0


def start_keeper(home: Home) -> None:
    """Start the keeper in a session of its own, unless there is one."""
    if locked(home.keeper_lock):
        return
    root = str(Path(sql.__file__).parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    with home.keeper_log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(home.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )


def keeper_pid(home: Home) -> int | None:
    """The process id of the keeper; None where there is none."""
    if not locked(home.keeper_lock):
        return None
    written = home.keeper_lock.read_text().strip()
    return int(written) if written.isdigit() else None


def needed(home: Home) -> bool:
    """Whether somebody uses the demo, or wants it to stay."""
    return home.kept.exists() or bool(holders(home.users))


async def keep(home: Home, cluster: Cluster) -> bool:
    """Hold the application sessions until the last user has left.

    Returns:
        True where the server is to be stopped, False after SIGTERM.
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
            if not await asyncio.to_thread(needed, home):
                return True
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
    """Keep until nobody is left, then stop the server; a second keeper leaves at once."""
    home = Home(folder)
    try:
        with exclusive(home.keeper_lock, wait=False) as file:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            cluster = home.cluster()
            while asyncio.run(keep(home, cluster)):
                try:
                    # A user that starts at this moment holds the lock: then look again.
                    with exclusive(home.lock, wait=False):
                        if not needed(home):
                            cluster.stop()
                            return
                except BlockingIOError:
                    continue
    except BlockingIOError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]))

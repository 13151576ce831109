"""One runner a run: a lock on a file that the kernel gives back when the runner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from profiles.locations import locations

ASKS = 20


def claim(run: str) -> int | None:
    """Become the runner of a run; None: another one is.

    Returns:
        A file descriptor; the claim lasts as long as any process has it open.
    """
    path = _path(run)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(ASKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Somebody may just be asking whether it is claimed.
            time.sleep(0.01)
        else:
            return descriptor
    os.close(descriptor)
    return None


def sign(descriptor: int, pid: int) -> None:
    """Write the runner's pid into its claim."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{pid}\n".encode(), 0)


def claimed(run: str) -> bool:
    """Whether a living runner has the run."""
    try:
        descriptor = os.open(_path(run), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the runner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def runner_pid(run: str) -> int | None:
    """The pid of the living runner of a run; None: there is none."""
    if not claimed(run):
        return None
    try:
        text = _path(run).read_text().strip()
    except FileNotFoundError:
        return None
    return int(text) if text else None


def drop(run: str) -> None:
    """Remove the file of a run that is over."""
    _path(run).unlink(missing_ok=True)


def _path(run: str) -> Path:
    return locations().state / "runs" / f"{run}.lock"

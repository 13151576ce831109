"""Who uses the demo: one locked file for each process, so that even a killed one counts as gone.

The kernel drops a file's lock (flock) with the last descriptor of the process that took it.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

HIDDEN = "."


class Lease:
    """A file that stays locked until it is released or the process ends."""

    def __init__(self, users: Path) -> None:
        self._path = users / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        # Locked under a name that nobody looks at: an unlocked lease would be taken for a dead one.
        new = self._path.with_name(f"{HIDDEN}{self._path.name}")
        self._file = new.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        new.rename(self._path)

    def release(self) -> None:
        """Leave; twice is once."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holders(users: Path) -> list[int]:
    """Process ids of the live users; what the dead left behind is removed."""
    pids = []
    for path in users.iterdir() if users.is_dir() else ():
        if path.name.startswith(HIDDEN):
            continue
        if locked(path):
            pids.append(int(path.name.partition("-")[0]))
        else:
            path.unlink(missing_ok=True)
    return sorted(pids)


def locked(path: Path) -> bool:
    """Whether a live process holds the lock of a file; a file that is not there is not locked."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[IO[str]]:
    """Hold the lock of a file, which is made if need be.

    Raises:
        BlockingIOError: another process holds it and `wait` is off.
    """
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file

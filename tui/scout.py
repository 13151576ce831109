"""A process that logs in and reads the server once, while this one imports what draws.

Either takes a tenth of a second of computing, and a login takes as many trips to the server: side by side,
the verdict is there when there is something to show it on. The process is forked: it knows what we know.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from profiles.model import CredentialSource

if TYPE_CHECKING:
    from asyncio import StreamReader

    from profiles.manifest import Manifest
    from profiles.model import Profile
    from sql.telling import Told

PATIENCE_S = 15.0
"""A scout that gives no sign of life for so long will give none: the deck tries for itself."""
LIFE_S = 20
"""Nothing keeps a scout longer after its last sign, not even a frozen server that its goodbye waits for."""
READ_BYTES = 2**18
SILENT_SOURCES = (None, CredentialSource.PASSFILE, CredentialSource.ENVIRONMENT)
"""Where a password can be had twice without anybody being asked twice; None: libpq's own order."""


class Scout:
    """The process, and what it tells."""

    def __init__(self, process: int, pipe: int) -> None:
        """
        Args:
            pipe: a descriptor to read from, ours to close.
        """
        self._process: int | None = process
        """None: it was told to leave, and somebody waits for it."""
        self._pipe = pipe
        self._closing = ExitStack()
        self._closing.callback(os.close, pipe)

    async def hear(self, take: Callable[[Told], None]) -> None:
        """Hand on what it tells, as it comes, until it has told all, has died, or gives no sign of life."""
        if self._process is None:
            return
        import asyncio

        from sql import telling

        told, loop = asyncio.StreamReader(), asyncio.get_running_loop()
        self._closing.callback(told.feed_eof)
        loop.add_reader(self._pipe, self._read, told)
        # Closed behind the loop's back, another file would get the number that the loop still knows.
        self._closing.callback(loop.remove_reader, self._pipe)
        try:
            with suppress(TimeoutError, asyncio.IncompleteReadError):
                while True:
                    async with asyncio.timeout(PATIENCE_S):
                        said = await telling.hear(told)
                    if said is not None:
                        take(said)
        finally:
            self.end()

    def _read(self, told: StreamReader) -> None:
        said = os.read(self._pipe, READ_BYTES)
        if said:
            told.feed_data(said)
        else:
            told.feed_eof()

    def end(self) -> None:
        """Let it say goodbye to the server, and leave; what it has not told yet stays untold."""
        process, self._process = self._process, None
        if process is None:
            return
        self._closing.close()
        # Where nobody wants to hear of ended children, the system has taken it away already.
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGTERM)
            ended, _ = os.waitpid(process, os.WNOHANG)
            if not ended:
                threading.Thread(target=_wait, args=(process,), daemon=True).start()


def _wait(process: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(process, 0)


@contextmanager
def scout_for(profile: Profile | None, manifest: Manifest | None) -> Iterator[Scout | None]:
    """Send one, and see that it is gone afterwards; None where the deck looks for itself.

    That is where the operator would notice the second login. It is for a process without other threads: a
    fork has only the one that forks.
    """
    scout = _send(profile, manifest) if profile is not None and manifest is not None else None
    try:
        yield scout
    finally:
        if scout is not None:
            scout.end()


def _send(profile: Profile, manifest: Manifest) -> Scout | None:
    source = profile.credentials.source if profile.credentials is not None else None
    # Apple's frameworks do not survive a fork.
    if source not in SILENT_SOURCES or sys.platform == "darwin":
        return None
    ours, its = os.pipe()
    try:
        process = os.fork()
    except OSError:
        # There is no room for one more process.
        os.close(ours)
        os.close(its)
        return None
    if process == 0:
        _scout(profile, manifest, ours, its)
    os.close(its)
    return Scout(process, ours)


def _scout(profile: Profile, manifest: Manifest, theirs: int, pipe: int) -> None:
    """Live and end as the scout: nothing of ours may run on in it."""
    try:
        lives = partial(signal.alarm, LIFE_S)
        lives()
        # Only the deck may hold its end: that is how a scout sees that the deck is gone.
        os.close(theirs)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        from sql.scouting import run

        run(profile, manifest, pipe, lives)
    finally:
        os._exit(0)

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
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from profiles.model import CredentialSource

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.model import Profile
    from sql.telling import Told

PATIENCE_S = 15.0
"""Longer than most logins may take to fail: then the deck tries for itself."""
LIFE_S = 20
"""Nothing keeps a scout longer, not even a frozen server that its goodbye waits for."""
SILENT_SOURCES = (None, CredentialSource.PASSFILE, CredentialSource.ENVIRONMENT)
"""Where a password can be had twice without anybody being asked twice; None: libpq's own order."""


class Scout:
    """The process, and what it tells."""

    def __init__(self, process: int, pipe: BinaryIO) -> None:
        self._process: int | None = process
        """None: it was told to leave, and somebody waits for it."""
        self._pipe = pipe

    async def hear(self, take: Callable[[Told], None]) -> None:
        """Hand on what it tells, as it comes, until it has told all, has died, or takes too long."""
        import asyncio

        from sql import telling

        told = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(told), self._pipe
        )
        try:
            with suppress(TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        take(await telling.hear(told))
        finally:
            transport.close()
            self.end()

    def end(self) -> None:
        """Let it say goodbye to the server, and leave."""
        process, self._process = self._process, None
        self._pipe.close()
        if process is None:
            return
        os.kill(process, signal.SIGTERM)
        ended, _ = os.waitpid(process, os.WNOHANG)
        if not ended:
            threading.Thread(target=os.waitpid, args=(process, 0), daemon=True).start()


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
    process = os.fork()
    if process == 0:
        _scout(profile, manifest, its)
    os.close(its)
    return Scout(process, os.fdopen(ours, "rb", buffering=0))


def _scout(profile: Profile, manifest: Manifest, pipe: int) -> None:
    """Live and end as the scout: nothing of ours may run on in it."""
    try:
        signal.alarm(LIFE_S)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        from sql.scouting import run

        run(profile, manifest, pipe)
    finally:
        os._exit(0)

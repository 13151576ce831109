"""Watching PgBouncer's console beside the server: it tells most where nothing comes through to that."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from sql.poller import wait_before
from sql.pool.pgbouncer import Console
from sql.pool.pgbouncer_reading import PgbouncerSnapshot

EVERY_S = 1.8
"""Rest between two readings: what clients wait for is to be on the screen within two seconds."""


class ConsoleWatch:
    """Reads a console again and again; belongs to the event loop that runs `run()`."""

    def __init__(
        self,
        console: Console,
        publish: Callable[[PgbouncerSnapshot], None],
        *,
        every_s: float = EVERY_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._console = console
        self._publish = publish
        self._every_s = every_s
        self._chance = chance
        self._failures = 0
        self._going = asyncio.Event()
        self._going.set()
        self._asked = asyncio.Event()

    def pause(self) -> None:
        """Ask nothing more."""
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._going.set()

    def refresh(self) -> None:
        """Read now, also where a back-off would still wait."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled; the connection is closed at the end."""
        try:
            while True:
                await self._going.wait()
                self._asked.clear()
                reading = await self._console.read()
                self._failures = self._failures + 1 if reading.unknown else 0
                self._publish(PgbouncerSnapshot(datetime.now(UTC), reading))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._rest_s()):
                        await self._asked.wait()
        finally:
            self._console.close()

    def _rest_s(self) -> float:
        if not self._failures:
            return self._every_s
        return wait_before(self._failures, refused=self._console.refused, chance=self._chance())

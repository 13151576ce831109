"""How long a run waits for what, in seconds; and how an operator stops it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """The time limits of a run; none of them ends a build that has begun."""

    look_s: float = 1.0
    """Between two looks of the monitor (pg_blocking_pids locks the lock table: not oftener)."""
    note_s: float = 15.0
    """Between two journal entries while nothing changes."""
    table_s: float = 30.0
    """For a table on which somebody builds or runs DDL, before anything is sent."""
    first_lock_s: float = 10.0
    """For a build's first lock; until it is granted nothing is made, and stopping is free."""
    cleanup_s: float = 60.0
    """For dropping what a failed build left."""
    attempts: int = 10
    """For the lock of a step that stops all traffic on its table while it waits."""
    short_lock_ms: int = 500
    """For such a lock; less than deadlock_timeout, so that nobody else becomes a deadlock's victim."""
    unreachable_s: float = 12 * 3600.0
    """For a server that is out of reach, before the outcome is called unknown."""


class Stop:
    """An operator's word to stop, which may come at any moment."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.why = ""

    @property
    def asked(self) -> bool:
        """Whether it was said and is not obeyed yet."""
        return self._event.is_set()

    @property
    def heard(self) -> bool:
        """Whether it was ever said."""
        return bool(self.why)

    def obey(self) -> None:
        """It was done: what tidies up afterwards stops only when it is said once more."""
        self._event.clear()

    def ask(self, why: str) -> None:
        """Say it."""
        self.why = self.why or why
        self._event.set()

    async def within(self, seconds: float) -> bool:
        """Wait that long, or until it is said; whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

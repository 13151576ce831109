"""Explains slow runs while probes are measured in this process: a second session that looks at the first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from profiles.errors import ConfigurationError
from profiles.manifest import ProbeEntry
from sql.errors import ReadingError, SessionError
from sql.latency.evidence import Incident
from sql.latency.incidents import Incidents
from sql.latency.looks import rehearse
from sql.latency.messages import Message

if TYPE_CHECKING:
    from profiles.model import Profile
    from profiles.secret import Secret
    from sql.session import Session

OPEN_S = 1.0
"""How long measuring waits for the second session; without one it goes on, and nothing is seen."""


class Onlooker:
    """Opened before the first sample, since connecting disturbs the measuring; used only if a run is slow."""

    def __init__(self, profile: Profile, password: Secret | None, probes: Sequence[ProbeEntry]) -> None:
        self._profile = profile
        self._password = password
        self._session: Session | None = None
        self._why_not = "there was no second session in time"
        self._incidents = Incidents(probes, self._ask, lambda _: None)
        self._opening: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What was slow and why, the oldest first."""
        return tuple(reversed(self._incidents.list.snapshot.incidents))

    def hear(self, message: Message) -> None:
        """Take what the sampler says."""
        self._incidents.hear(message, perf_counter())

    def begin(self) -> None:
        """Open the second session beside what is done before the first sample."""
        self._opening = asyncio.create_task(self._open(), name="open a second session")
        self._running = asyncio.create_task(self._incidents.run(), name="explain slow runs")

    async def ready(self) -> None:
        """Until it is open, or takes too long."""
        if self._opening is not None:
            await asyncio.wait([self._opening], timeout=OPEN_S)
            await _ended(self._opening)

    async def end(self) -> None:
        """Judge what is left, and close the session."""
        await self._incidents.settle()
        for task in (self._opening, self._running):
            if task is not None:
                await _ended(task)
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> None:
        from sql.connect import connect

        try:
            self._session = await connect(self._profile, self._password)
            await rehearse(self._session)
        except (SessionError, ReadingError, ConfigurationError) as error:
            self._why_not = f"there was no second session to look with: {error}"

    async def _ask(self, fetch: Callable[[Session], Awaitable[Any]]) -> Any:
        if self._session is None:
            raise SessionError(self._why_not)
        return await fetch(self._session)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

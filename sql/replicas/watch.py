"""Replicas for the deck: what the server says while a screen wants it, and now and then a look at each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from profiles.model import Profile
from profiles.secret import Secret
from sql.poller import Reading
from sql.replicas.looks import Look, look_at_replicas, with_scans
from sql.replicas.values import ReplicasSnapshot
from sql.snapshots import Event, IndexesSnapshot

if TYPE_CHECKING:
    from sql.session import Session

LOOKS = "replica looks"
LOOKS_S = 60.0
"""A look connects anew: seldom enough to be no load, often enough for counters that only grow."""
SCREEN = "replicas"
SCREEN_S = 2.0
INDEXES_S = 10.0
"""Longest wait of the first look for the indexes whose scans it is to read."""


class ReplicaWatch:
    """What is known of a profile's replicas; belongs to the event loop of the poller."""

    def __init__(self, profile: Profile, password: Callable[[], Secret | None]) -> None:
        """
        Args:
            password: what the watch logs in with; asked for every look.
        """
        self._profile = profile
        self._password = password
        self._looks: tuple[Look, ...] = ()
        self._indexes: tuple[int, ...] = ()
        self._known = asyncio.Event()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What is read all the time: looks at the replicas that the profile names, where it names any."""
        return (Reading(LOOKS, LOOKS_S, self._look),) if self._profile.replicas else ()

    @property
    def on_screen(self) -> Reading:
        """What a screen joins while it is open: the server's own view of them."""
        return Reading(SCREEN, SCREEN_S, self._read)

    def enriched(self, event: Event) -> Event:
        """The event, as it is to be published: indexes with their scans on the replicas."""
        if not isinstance(event, IndexesSnapshot):
            return event
        self._indexes = tuple(index.oid for index in event.indexes if index.oid is not None)
        self._known.set()
        return with_scans(event, self._looks)

    async def _look(self, session: Session) -> ReplicasSnapshot:
        with suppress(TimeoutError):
            async with asyncio.timeout(INDEXES_S):
                await self._known.wait()
        self._looks = await look_at_replicas(self._profile, self._password(), session, self._indexes)
        return await self._read(session)

    async def _read(self, session: Session) -> ReplicasSnapshot:
        from sql.replicas.reading import read_replicas

        return await read_replicas(session, self._looks)

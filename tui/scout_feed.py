"""The deck's side of a scout: what it tells is published, and the watch relies on it as far as it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from sql.errors import SessionError
from sql.snapshots import ConstraintsSnapshot, PoolSnapshot, ServerIdentity

if TYPE_CHECKING:
    from sql.snapshots import Event, PoolLimit
    from sql.telling import Told
    from tui.admission import Admission
    from tui.scout import Scout

SCOUTED_S = 0.05
"""A scout that needs longer is heard while everything else is imported."""


class ScoutFeed:
    """Hears the scout of one watch, if there is one."""

    def __init__(self, scout: Scout | None, admission: Admission, publish: Callable[[Event], None]) -> None:
        self._scout = scout
        self._admission = admission
        self._publish = publish
        self._hearing: asyncio.Task[None] | None = None
        self._relied_on = True
        self.server: ServerIdentity | None = None
        """Which one it has read; None: it is not in, or is not sent."""
        self._counted: ConstraintsSnapshot | None = None
        self._limits: tuple[PoolLimit, ...] | None = None

    async def start(self) -> bool:
        """Begin to hear; whether it has told all already."""
        if self._scout is None:
            return False
        self._hearing = asyncio.create_task(self._scout.hear(self._take), name="hear the scout")
        await asyncio.wait({self._hearing}, timeout=SCOUTED_S)
        return self.server is not None and self._hearing.done()

    async def wait(self) -> None:
        """Until it has told all, and is gone from the server."""
        if self._hearing is not None:
            await self._hearing

    def end(self) -> None:
        """Send nothing more to the server."""
        if self._scout is not None:
            self._scout.end()

    async def close(self) -> None:
        """Hear no more."""
        self.end()
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)

    def forget(self) -> None:
        """Rely on nothing of it: the operator wants everything read anew."""
        self._relied_on = False

    @property
    def counted(self) -> ConstraintsSnapshot | None:
        """The constraints with their violations, which need not be counted again: that reads whole tables."""
        return self._counted if self._relied_on else None

    @property
    def saw_room(self) -> bool:
        """Whether the prober may log in beside the watch, which takes the scout's place: neither is in then.

        Where there is one place, it must be the watch's.
        """
        return self._limits is not None and all(each.used < each.limit for each in self._limits)

    def has_read(self, found: ServerIdentity) -> bool:
        """Whether this is, as it is, the server that the scout has read; true where it has read none.

        Raises:
            AnotherServerError: it is another one; asked again, it is taken for the right one.
        """
        from sql.recognition import AnotherServerError, difference, movement

        if self.server is None or not self._relied_on:
            return True
        self._relied_on = False
        sentence = difference(self.server, found)
        if sentence is not None:
            raise AnotherServerError(sentence)
        return not movement(self.server, found)

    def _take(self, told: Told) -> None:
        if isinstance(told, SessionError):
            self._admission.refuse(told)
        elif isinstance(told, ServerIdentity):
            self.server = told
        else:
            if isinstance(told, ConstraintsSnapshot):
                self._counted = told
            elif isinstance(told, PoolSnapshot):
                self._limits = told.pool.limits
            self._publish(told)

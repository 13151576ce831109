"""Watching: one connection, one loop a reading, and a lost server that comes back by itself.

Pure asyncio; the connection is injected, so that a deck can paint before the driver is imported.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from sql.errors import LoginError, ReadingError, SessionError
from sql.loops import Loops
from sql.recognition import AnotherServerError, difference, movement
from sql.snapshots import Event, IdentitySnapshot, Lost, ServerIdentity, Snapshot, Unavailable

if TYPE_CHECKING:
    from sql.session import Session

T = TypeVar("T")

INSUFFICIENT_PRIVILEGE = "42501"
LONGEST_WAIT_S = 15.0
LOGIN_WAITS_S = (60.0, 300.0, 1800.0)
"""A refused login is tried again seldom: servers lock accounts after some refusals within half an hour."""
JITTER = 0.25


@dataclass(frozen=True)
class Reading:
    """One part of the server and how often it is read."""

    part: str
    """The word of `Unavailable.part`: `indexes`, `constraints`, `pool`, `migration`, `server`."""
    interval_s: float
    """Rest between the end of one reading and the start of the next."""
    fetch: Callable[[Session], Awaitable[Snapshot]]
    refreshed: Callable[[], None] = lambda: None
    """Called when the operator asks for everything anew: what was carried over must be forgotten."""


def wait_before(attempt: int, *, refused: bool, chance: float) -> float:
    """Seconds before connecting again.

    Args:
        attempt: how many connections in a row have failed, from 1.
        refused: whether the server refused the login.
        chance: from 0 to 1, spreads many decks that lost the same server.
    """
    if refused:
        return LOGIN_WAITS_S[min(attempt, len(LOGIN_WAITS_S)) - 1] * (1 + JITTER * chance)
    return min(2.0 ** min(attempt - 1, 10), LONGEST_WAIT_S) * (1 - JITTER * chance)


class Poller:
    """Runs readings on one watching connection and publishes snapshots, `Unavailable` and `Lost`.

    A reading never overlaps itself and is never queued: a late one is skipped. All methods belong to the
    event loop that runs `run()`.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Session]],
        readings: Sequence[Reading],
        publish: Callable[[Event], None],
        *,
        met: Callable[[ServerIdentity], None] = lambda _: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """
        Args:
            met: called after each connect, once the server was recognised.
        """
        self._connect = connect
        self._met = met
        self._readings = {reading.part: reading for reading in readings}
        self._session: Session | None = None
        self._loops: Loops | None = None
        self._publish = publish
        self._chance = chance
        self._known: ServerIdentity | None = None
        self._noted: ServerIdentity | None = None
        """What the operator knows: as the server was when the watch began, or was refreshed."""
        self._disabled: set[str] = set()
        self._failures = {True: 0, False: 0}
        """In a row: refused logins, and everything else."""
        self._going = asyncio.Event()
        self._going.set()
        self._refreshed = asyncio.Event()

    @property
    def paused(self) -> bool:
        """Whether no statement is sent."""
        return not self._going.is_set()

    @property
    def connected(self) -> bool:
        """Whether there is a session, and the server is the right one."""
        return self._session is not None

    def pause(self) -> None:
        """Send no further statement; one that runs is finished."""
        self._going.clear()

    def resume(self) -> None:
        """Go on; readings that are due are taken at once."""
        self._going.set()

    def refresh(self) -> None:
        """Take all readings now (on `resume()` where it is paused).

        Also ends a countdown, tries disabled readings again, accepts a server that turned out to be
        another one, and takes what has changed about it for known.
        """
        self._disabled.clear()
        self._noted = self._known
        for reading in self._readings.values():
            reading.refreshed()
        refreshed, self._refreshed = self._refreshed, asyncio.Event()
        refreshed.set()

    def join(self, reading: Reading) -> None:
        """Take one more reading, at once, until `leave()`: for a screen that wants it while it is open."""
        self._readings[reading.part] = reading
        self._disabled.discard(reading.part)
        if self._loops is not None and self._session is not None:
            self._loops.add(self._repeat(reading, self._session))

    def leave(self, part: str) -> None:
        """Take the reading of this part no more; one that is under way is finished."""
        self._readings.pop(part, None)

    async def ask(self, fetch: Callable[[Session], Awaitable[T]]) -> T:
        """Ask the watching session something once, between its readings.

        Raises:
            SessionError: there is no session just now, or it is lost.
            ReadingError: the watch is paused, or what `fetch` raises.
        """
        if self.paused:
            raise ReadingError("the watch is paused", sqlstate=None)
        if self._session is None:
            raise SessionError("the server is out of reach")
        return await fetch(self._session)

    async def run(self) -> None:
        """Watch until cancelled; the session is closed at the end.

        Raises:
            Exception: what `connect` or a reading raises besides `SessionError` and `ReadingError`.
        """
        while True:
            asked = self._refreshed
            try:
                await self._watch_once()
            except AnotherServerError as error:
                self._known = self._noted = None
                self._publish(Lost(f"{error}; refresh to watch it", math.inf))
                await self._rest(None, asked)
            except SessionError as error:
                refused = isinstance(error, LoginError) and error.credentials_refused
                self._failures[refused] += 1
                wait = wait_before(self._failures[refused], refused=refused, chance=self._chance())
                self._publish(Lost(error.user_message(), wait))
                await self._rest(wait, asked)

    async def _watch_once(self) -> None:
        """Connect and watch until the connection is lost."""
        await self._going.wait()
        session = await self._connect()
        try:
            self._recognise(session.identity)
            self._met(session.identity)
            self._session, self._loops = session, Loops()
            for reading in self._readings.values():
                self._loops.add(self._repeat(reading, session))
            await self._loops.run()
        finally:
            self._session = self._loops = None
            await session.close()

    async def _repeat(self, reading: Reading, session: Session) -> None:
        while self._readings.get(reading.part) is reading:
            await self._going.wait()
            asked = self._refreshed
            if reading.part not in self._disabled:
                await self._take(reading, session)
            await self._rest(None if reading.part in self._disabled else reading.interval_s, asked)

    async def _take(self, reading: Reading, session: Session) -> None:
        try:
            snapshot = await reading.fetch(session)
        except ReadingError as error:
            remedy = error.remedy
            if error.sqlstate == INSUFFICIENT_PRIVILEGE:
                self._disabled.add(reading.part)
                remedy = remedy or "grant that privilege to the role of this profile, then refresh"
            self._publish(Unavailable(reading.part, error.reason, remedy, datetime.now(UTC)))
        else:
            if isinstance(snapshot, IdentitySnapshot):
                snapshot = replace(snapshot, news=self._recognise(snapshot.server))
            self._failures = dict.fromkeys(self._failures, 0)
            self._publish(snapshot)

    def _recognise(self, found: ServerIdentity) -> str:
        """What has changed about the server.

        Raises:
            AnotherServerError: it is another one.
        """
        if self._known is not None:
            sentence = difference(self._known, found)
            if sentence is not None:
                raise AnotherServerError(sentence)
        self._known = self._latest(found)
        self._noted = self._noted or found
        return movement(self._noted, found)

    def _latest(self, found: ServerIdentity) -> ServerIdentity:
        """`found`, with the highest timeline that was seen: a standby may be behind it."""
        seen = [each.timeline for each in (self._known, found) if each and each.timeline is not None]
        return replace(found, timeline=max(seen, default=None))

    async def _rest(self, seconds: float | None, asked: asyncio.Event) -> None:
        """Sleep, for ever where `seconds` is None; `refresh()` since `asked` was taken ends it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asked.wait()

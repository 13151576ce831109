"""Feeds a deck from a recording: what a watch would publish, by a clock that can be held and turned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

from sql.errors import SessionError
from sql.recording.entries import Heard, Ran, part_of
from sql.recording.player import SINCE_THE_START, Player
from sql.recording.state import Shown
from sql.snapshots import Event
from tui.audience import Audience
from tui.background import in_background

if TYPE_CHECKING:
    from profiles.secret import Secret
    from sql.poller import Reading
    from sql.requirements import Requirements
    from sql.session import Session

T = TypeVar("T")

STEP_S = 0.25
"""Between two looks into the recording."""
SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
RECORDED = "this is a recording: nothing can be asked of the server, or done to it"


class Host(Protocol):
    """What the replay needs of the app."""

    def arrived(self, event: Event) -> None:
        """A reading arrived then."""

    def moved(self) -> None:
        """The place, the speed or the state of the replay changed."""

    def ran(self) -> None:
        """A run began, went on or ended."""

    def jumped(self) -> None:
        """Another place was gone to: what is known is the player's state, and nothing else."""


class ReplayFeed:
    """Stands where `tui.feed.Feed` does; never speaks to a server."""

    requirements: Requirements | None = None
    password: Secret | None = None

    def __init__(self, player: Player, host: Host) -> None:
        self.player = player
        self._host = host
        self._speed = SPEEDS.index(1.0)
        self.paused = False
        self.seeking = False
        self._wanted: float | None = None
        self._window: list[float | None] = []
        self._turned = asyncio.Event()
        self.audience = Audience()

    @property
    def speed(self) -> float:
        """Seconds of the recording a second."""
        return SPEEDS[self._speed]

    async def run(self) -> None:
        """Play until cancelled; at the end it waits for a key."""
        at = monotonic()
        while True:
            self._turned.clear()
            if self._wanted is not None or self._window:
                await self._jump()
                at = monotonic()
                continue
            still = self.paused or self.player.is_over
            with suppress(TimeoutError):
                async with asyncio.timeout(None if still else STEP_S):
                    await self._turned.wait()
            now = monotonic()
            if not still:
                self._play((now - at) * self.speed)
            at = now

    def _play(self, seconds: float) -> None:
        """Go on so far. The deck gets the newest of each part, those who listen get all."""
        events: dict[str, Event] = {}
        ran = False
        for happened in self.player.advance(self.player.position + seconds):
            if isinstance(happened, Heard):
                self.audience.hear(happened.message, happened.at)
            elif isinstance(happened, Shown):
                key = part_of(happened.event)
                events.pop(key, None)
                events[key] = happened.event
                self.audience.take(happened.event)
            elif isinstance(happened, Ran):
                ran = True
        for event in events.values():
            self._host.arrived(event)
        if ran:
            self._host.ran()
        self._host.moved()

    async def _jump(self) -> None:
        """Go to the place that is wanted last; in a thread, since a long recording takes a while."""
        self.seeking = True
        self._host.moved()
        while self._wanted is not None or self._window:
            wanted, self._wanted = self._wanted, None
            window, self._window = self._window, []
            if wanted is not None:
                await in_background(partial(self.player.seek, wanted), "pgdeck seek")
            if window:
                self.player.look(*window)
        self.seeking = False
        self._host.jumped()

    # -- keys -------------------------------------------------------------------------------------------

    def pause(self, paused: bool) -> None:
        """Hold it, or go on."""
        self.paused = paused
        self._turn()

    def seek(self, to: float) -> None:
        """Go to this place, seconds since the beginning."""
        self._wanted = min(max(to, 0.0), self.player.duration_s)
        self._turn()

    def seek_by(self, seconds: float) -> None:
        """Go so far on, or back; presses that come while it goes add up."""
        self.seek((self.player.position if self._wanted is None else self._wanted) + seconds)

    def faster(self, steps: int) -> bool:
        """Another speed; False where there is none in that direction."""
        index = self._speed + steps
        if not 0 <= index < len(SPEEDS):
            return False
        self._speed = index
        self._turn()
        return True

    def _turn(self) -> None:
        self._turned.set()
        self._host.moved()

    # -- what a watch has too ---------------------------------------------------------------------------

    def window(self, seconds: float | None) -> None:
        """Count another stretch of time in the figures; None: since the start."""
        self._window = [SINCE_THE_START if seconds is None else seconds]
        self._turned.set()

    def refresh(self) -> None:
        """There is nothing to read anew."""

    def join(self, reading: Reading) -> None:
        """What was recorded is there; nothing more can be read."""
        del reading

    def leave(self, part: str) -> None:
        """See `join`."""
        del part

    async def ask(self, fetch: Callable[[Session], Awaitable[T]]) -> T:
        """Nothing can be asked.

        Raises:
            SessionError: always.
        """
        del fetch
        raise SessionError(RECORDED)

    def once_begun(self, act: Callable[[], None]) -> None:
        """Do it: a replay has begun from the start."""
        act()

"""A second connection for the probes that one of them would keep waiting, opened when that is so."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import perf_counter as now

from sql.errors import SessionError
from sql.latency.asides import Asides
from sql.latency.lane import Lane
from sql.latency.lanes import HEAVY_S, harm, heavy
from sql.latency.query import Query
from sql.latency.schedule import Ticks
from sql.latency.track import Track

STUCK_S = 0.5
"""A run that takes so long lets the others go to the other connection."""
CALM_S = 60.0
"""For so long one connection must have been enough before the second is closed."""
RETRY_S = 60.0
"""A server that had no connection left is asked again after this."""


class SecondLane:
    """Opens, fills, empties and closes the second connection."""

    def __init__(
        self,
        main: Track,
        make: Callable[[Lane], Track],
        asides: Asides,
        open_lane: Callable[[], Awaitable[Lane]],
    ) -> None:
        self.track: Track | None = None
        self._main = main
        self._make = make
        self._asides = asides
        self._open_lane = open_lane
        self._opening: asyncio.Task[Lane] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._not_before = -math.inf
        self._needed_at = -math.inf
        self._here: set[int] = set()
        """The probes that are on it, or on their way."""

    def arrange(self, costs: Mapping[int, float]) -> None:
        """Put every probe where it keeps nobody waiting; their samples must have been taken.

        Args:
            costs: by number, what a run of each probe takes, seconds.
        """
        wanted = self._wanted(costs)
        self._settle_opening()
        if self.track is None:
            closing = self._closing is not None and not self._closing.done()
            if wanted and self._opening is None and not closing and now() >= self._not_before:
                self._opening = asyncio.create_task(self._open())
            return
        self._move(wanted - self._here, self._main, self.track)
        self._move(self._here - wanted, self.track, self._main)
        if not wanted and not self._here and self.track.idle:
            self._close(self.track)

    async def give_up(self) -> None:
        """Close it at once."""
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, SessionError):
                await (await self._opening).close()
        if self.track is not None:
            await self.track.give_up()
            await self.track.lane.close()
        if self._closing is not None:
            await asyncio.wait([self._closing])

    def _wanted(self, costs: Mapping[int, float]) -> set[int]:
        """The probes that should be on the second connection."""
        before, self._needed_at = self._needed_at, now()
        if self._main.stuck(STUCK_S):
            if self.track is not None and self.track.stuck(STUCK_S):
                return set(self._here)
            return self._here | (set(self._main.passengers) - self._main.in_flight)
        if self.track is not None and self.track.stuck(STUCK_S):
            return set(self.track.in_flight)
        best = set(heavy(costs))
        if best:
            better = self._harm(costs, best) < self._harm(costs, self._here) / 2
            return best if better or not self._here else set(self._here)
        if max(costs.values(), default=0.0) < HEAVY_S / 2:
            self._needed_at = before
            if now() - before >= CALM_S:
                return set()
        return set(self._here)

    def _harm(self, costs: Mapping[int, float], second: set[int]) -> float:
        here = [cost for number, cost in costs.items() if number in second]
        return harm([here, [cost for number, cost in costs.items() if number not in second]])

    async def _open(self) -> Lane:
        lane = await self._open_lane()
        try:
            await self._asides.attached(lane)
        except BaseException:
            await lane.close()
            raise
        return lane

    def _settle_opening(self) -> None:
        if self._opening is None or not self._opening.done():
            return
        opening, self._opening = self._opening, None
        try:
            self.track = self._make(opening.result())
        except SessionError:
            # One connection measures as well, only less often.
            self._not_before = now() + RETRY_S
            return
        self.track.start()

    def _move(self, numbers: set[int], source: Track, target: Track) -> None:
        for number in numbers & set(source.passengers) - source.in_flight:
            query, ticks = source.release(number)
            self._here.symmetric_difference_update({number})
            target.errand(self._arrival(target, number, query, ticks))

    def _arrival(
        self, target: Track, number: int, query: Query, ticks: Ticks
    ) -> Callable[[], Awaitable[None]]:
        left = now()

        async def arrive() -> None:
            waited = now() - left
            await self._asides.settle(target.lane, query)
            target.admit(number, query, ticks, waited)

        return arrive

    def _close(self, track: Track) -> None:
        self.track = None
        self._closing = asyncio.create_task(track.finish(close=True))

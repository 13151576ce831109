"""One connection and the probes whose turns are on it, each run when its schedule says."""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter as now
from typing import TypeAlias

from sql.latency.heartbeat import Heartbeat
from sql.latency.lane import Lane
from sql.latency.messages import Sample
from sql.latency.query import RETRY_S, Query
from sql.latency.schedule import Schedule, Ticks

LONGEST_SLEEP_S = 0.5
GIVE_UP_S = 1.0

Errand: TypeAlias = Callable[[], Awaitable[None]]
"""What is done on the connection besides probes."""


@dataclass(frozen=True)
class Run:
    """A run that has ended."""

    number: int
    query: Query
    arguments: tuple[object, ...]
    sample: Sample
    overdue: bool
    """Whether it was said to take too long."""


@dataclass
class Passenger:
    """A probe on a track."""

    query: Query
    unsent: list[Sample] = field(default_factory=list)


class Track:
    """Runs its probes until it is told to end; one statement at a time.

    Args:
        overdue: called with probe, start and exceeded ms while a run takes too long.
        after: what is done on the connection after a run, before the next.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        overdue: Callable[[Track, int, float, float], None],
        after: Callable[[Track, Run], Awaitable[None]],
        heartbeat: Heartbeat,
        going: asyncio.Event | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.lane = lane
        self.schedule = Schedule(chance)
        self.passengers: dict[int, Passenger] = {}
        self.running: tuple[int, float] | None = None
        """The probe that is in flight, and since when."""
        self._overdue = overdue
        self._after = after
        self._heartbeat = heartbeat
        self._going = going
        self._errands: deque[Errand] = deque()
        self._ended = False
        self._asleep: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._said_overdue = False
        self._slept_at = math.inf
        """Since when what comes due was not counted."""

    @property
    def in_flight(self) -> set[int]:
        """The probe that runs now."""
        return set() if self.running is None else {self.running[0]}

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, now or later."""
        return not self.passengers and not self._errands and self.running is None

    @property
    def asked(self) -> bool:
        """Whether an errand waits."""
        return bool(self._errands)

    def queries(self) -> list[tuple[int, Query]]:
        """The probes, each with its number."""
        return [(number, passenger.query) for number, passenger in self.passengers.items()]

    def stuck(self, seconds: float) -> bool:
        """Whether a run has been in flight for so long."""
        return self.running is not None and now() - self.running[1] >= seconds

    def admit(self, number: int, query: Query, ticks: Ticks, waited_s: float = 0.0) -> None:
        """Take a probe in, which has waited for us for so long."""
        self.passengers[number] = Passenger(query)
        self.schedule.admit(number, ticks, waited_s)
        self._wake()

    def release(self, number: int) -> tuple[Query, Ticks]:
        """Let a probe go that is not in flight; its samples were taken."""
        return self.passengers.pop(number).query, self.schedule.release(number)

    def errand(self, doing: Errand) -> None:
        """Do this next; probes that wait meanwhile wait for us."""
        self._errands.append(doing)
        self._wake()

    def start(self) -> None:
        """Begin to run what is due; `task` ends by an error or by `finish()`."""
        self.task = asyncio.create_task(self._run(), name="probes of a connection")

    async def finish(self, *, close: bool = False) -> None:
        """Begin nothing more and wait for what runs.

        Raises:
            SessionError: the connection is lost.
        """
        self._ended = True
        self._wake()
        assert self.task is not None
        await self.task
        if close:
            await self.lane.close()

    async def give_up(self) -> None:
        """Cancel what runs; a server that does not confirm that is not waited for."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=GIVE_UP_S)

    def take(self, number: int) -> tuple[int, int, tuple[Sample, ...]] | None:
        """Ticks that came due, runs, and samples since this was last asked; None where there is no sample."""
        passenger = self.passengers[number]
        if not passenger.unsent:
            return None
        samples, passenger.unsent = tuple(passenger.unsent), []
        return (*self.schedule.taken(number), samples)

    async def _run(self) -> None:
        self.schedule.start(now())
        while not self._ended:
            if self._going is not None and not self._going.is_set():
                await self._going.wait()
                self.schedule.start(now())
                continue
            if self._errands:
                await self.aside(self._errands.popleft())
            if not await self._run_due() and not self._errands:
                await self._sleep()

    async def aside(self, doing: Errand) -> None:
        """Between two runs, use the connection for something else; probes that wait meanwhile wait for us."""
        start = now()
        await doing()
        self.schedule.end(None, start, now(), self._heartbeat.stood_still_since(start))

    async def _run_due(self) -> bool:
        """Run the probe that is due; whether there was one."""
        number, due = self.schedule.next() or (-1, math.inf)
        moment = now()
        if due > moment:
            return False
        answered = self.schedule.begin(number, moment, self._heartbeat.stood_still_since(self._slept_at))
        self._slept_at = moment
        passenger = self.passengers[number]
        query = passenger.query
        if query.obstacle:
            self.schedule.hold(number, RETRY_S[1])
            return True
        self._said_overdue, arguments = False, query.arguments
        self.running = (number, moment)
        try:
            sample = await query.run(self.lane, partial(self._say_overdue, number))
        finally:
            self.running = None
        still = self._heartbeat.stood_still_since(sample.start)
        self.schedule.end(number, sample.start, sample.end, still)
        self.schedule.hold(number, query.pause)
        query.note_cost(sample)
        query.counted += 1
        # What pgdeck did between its decision and the first byte is not the server's.
        ours = sample.start - moment
        passenger.unsent += [
            replace(sample, due=due + ours, shared=place > 0) for place, due in enumerate(answered)
        ]
        await self._after(self, Run(number, query, arguments, sample, self._said_overdue))
        return True

    def _say_overdue(self, number: int, start: float, threshold_ms: float) -> None:
        self._said_overdue = True
        self._overdue(self, number, start, threshold_ms)

    async def _sleep(self) -> None:
        """Until a probe is due, or somebody calls."""
        _, due = self.schedule.next() or (-1, math.inf)
        loop = asyncio.get_running_loop()
        self._slept_at = now()
        self._asleep = loop.create_future()
        seconds = max(0.0, min(due - self._slept_at, LONGEST_SLEEP_S))
        # uvloop rounds to milliseconds: what it rounds down rings too early, again and again.
        timer = loop.call_later(math.ceil(seconds * 1000) / 1000, self._wake)
        try:
            await self._asleep
        finally:
            timer.cancel()
            self._asleep = None

    def _wake(self) -> None:
        if self._asleep is not None and not self._asleep.done():
            self._asleep.set_result(None)

"""Runs probes on a fixed schedule, on one connection or two, and tells what it measured.

The same class serves `verify`, in process, and the deck's prober, in a process of its own.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter as now

from profiles.manifest import ProbeEntry, Target
from sql.latency.asides import Asides
from sql.latency.heartbeat import Heartbeat
from sql.latency.lane import Lane
from sql.latency.messages import Floor, Message, Overdue, Samples, Standstill, Unmeasured
from sql.latency.query import Query
from sql.latency.schedule import Pace, Ticks, periods
from sql.latency.second_lane import SecondLane
from sql.latency.track import Run, Track
from sql.latency.window import LEAST_SAMPLES

QUERY_TIMEOUT_S = 10.0
"""How long an application waits for an answer, where nothing says so."""
TARGETS_OVER = 10
"""A probe may take this many times its p99 target before it is cut off."""
FLUSH_S = 1.0
FIRST_FLUSH_S = 0.55
"""An operator who has just opened the deck waits for the first median: five samples."""
FIRST_S = 12.0
"""How long the first pace holds: five cheap probes have their p99 by then."""
REPLAN_S = 60.0
MEANS_S = 10.0
FLOOR_S = 1.0
FLOOR = ProbeEntry("floor", "SELECT 1", Target())
SLOWED = 1.05
"""A period so many times the shortest is that of a heavy probe."""
LACKING_S = 0.05
"""How often it is looked whether a slow probe has its samples."""
EXPLAIN_AGAIN_S = 5.0
"""A probe that is overdue again and again is explained no more often."""


def probe_settings(
    probes: Sequence[ProbeEntry], search_path: str, query_timeout_s: float | None
) -> Mapping[str, str]:
    """Start-up parameters of the probing connection."""
    limits = [entry.target.p99_ms for entry in probes if entry.target.p99_ms is not None]
    slowest_ms = max(limits, default=0.0) * TARGETS_OVER
    timeout_ms = max((query_timeout_s or QUERY_TIMEOUT_S) * 1000, slowest_ms)
    return {
        "search_path": search_path,
        "statement_timeout": str(math.ceil(timeout_ms)),
        # A user who waits for a lock waits for the answer: only the time limit ends it.
        "lock_timeout": "0",
        "default_transaction_read_only": "on",
    }


class Sampler:
    """Measures probes; all messages go to `tell`, in the order of what happened.

    While `going` is cleared no statement is sent; what was due meanwhile was not missed.
    """

    def __init__(
        self,
        lane: Lane,
        probes: Sequence[ProbeEntry],
        tell: Callable[[Message], None],
        pace: Pace,
        *,
        going: asyncio.Event | None = None,
        chance: Callable[[], float] = random.random,
        open_lane: Callable[[], Awaitable[Lane]] | None = None,
        first: Pace | None = None,
    ) -> None:
        """
        Args:
            first: how hard the probes may press at the beginning, where that is not `pace`.
            open_lane: gives a second lane, for when one probe would keep others waiting; closed by us.
        """
        self._tell = tell
        self._pace = pace
        self._first = pace if first is None else first
        self._first_until = 0.0
        self._going = going
        self._chance = chance
        self._heartbeat = Heartbeat(pace.standstill_s, lambda *when: tell(Standstill(*when)))
        self._queries = [Query(entry) for entry in probes]
        self._floor = Query(FLOOR)
        self._asides = Asides(lane, tell)
        self._explained = [-math.inf] * len(self._queries)
        self._planned = self._meant = self._floored = 0.0
        """When plans, the server's means and the floor were last asked for."""
        self._main = self._track(lane)
        self._second: SecondLane | None = None
        if open_lane is not None:
            self._second = SecondLane(self._main, self._track, self._asides, open_lane)

    async def prepare(self) -> None:
        """Fetch the arguments, warm every probe up with one run that is not counted, and explain it.

        Raises:
            SessionError: the connection is lost.
        """
        lane = self._main.lane
        await self._asides.attached(lane)
        await self._asides.find_means()
        for number, query in enumerate(self._queries):
            await self._asides.arguments(lane, query)
            if query.obstacle:
                self._tell(Unmeasured(number, query.obstacle))
                continue
            sample = await query.run(lane)
            if sample.error is None:
                sample = await query.run(lane)
            query.note_cost(sample)
            await self._asides.grants(lane, number, query, sample)
            await self._asides.plan(lane, number, query)
        await self._asides.begin_means()

    async def run(self, seconds: float | None = None) -> None:
        """Measure for so long, or until cancelled; a run that has begun is finished and counted.

        Probes so slow that they lack the samples of a median then get up to as long again.

        Raises:
            SessionError: the connection is lost.
        """
        for number, query in enumerate(self._queries):
            self._main.admit(number, query, Ticks(self._first.fastest_s))
        self._first_until = now() + FIRST_S
        self._adapt(now())
        self._heartbeat.start()
        self._main.start()
        try:
            await self._conduct(seconds)
            await self._main.finish()
        finally:
            self._heartbeat.stop()
            await self._main.give_up()
            if self._second is not None:
                await self._second.give_up()
        self._flush()
        await self._asides.means()

    async def _conduct(self, seconds: float | None) -> None:
        """What is done beside the runs, until it is time to end."""
        began = self._planned = self._meant = self._floored = now()
        until = math.inf if seconds is None else began + seconds
        latest = math.inf if seconds is None else began + 2 * seconds
        flushed = began - FLUSH_S + FIRST_FLUSH_S
        while (moment := now()) < until or (moment < latest and self._lacks_samples()):
            if self._going is not None and not self._going.is_set():
                self._flush()
                await self._going.wait()
                moment = now()
            if moment - flushed >= FLUSH_S:
                self._flush()
                self._adapt(moment)
                flushed = moment
                if self._second is not None:
                    self._second.arrange({number: query.cost for number, query in enumerate(self._queries)})
            if seconds is None:
                self._look_around(moment)
            await self._rest(min(flushed + FLUSH_S, until) if moment < until else moment + LACKING_S)

    def _look_around(self, moment: float) -> None:
        """Ask, from time to time, what is not a probe; not while an earlier question waits."""
        if self._main.asked:
            return
        if moment - self._floored >= FLOOR_S:
            self._floored = moment
            self._main.errand(self._measure_floor)
        if moment - self._meant >= MEANS_S:
            self._meant = moment
            self._main.errand(self._asides.means)
        if moment - self._planned >= REPLAN_S:
            self._planned = moment
            for track in self._tracks():
                for number, query in track.queries():
                    track.errand(partial(self._asides.again, track.lane, number, query))

    async def _rest(self, until: float) -> None:
        """Sleep, unless a connection is lost."""
        tracks = [track.task for track in self._tracks() if track.task is not None]
        done, _ = await asyncio.wait(tracks, timeout=until - now(), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def _tracks(self) -> list[Track]:
        second = self._second.track if self._second is not None else None
        return [self._main] if second is None else [self._main, second]

    def _track(self, lane: Lane) -> Track:
        return Track(
            lane,
            overdue=self._say_overdue,
            after=self._after,
            heartbeat=self._heartbeat,
            going=self._going,
            chance=self._chance,
        )

    def _lacks_samples(self) -> bool:
        """Whether a probe that answers has too few samples for a median."""
        answering = (query for query in self._queries if not query.obstacle and not query.failures)
        return any(query.counted < LEAST_SAMPLES[50] for query in answering)

    def _say_overdue(self, track: Track, number: int, start: float, threshold_ms: float) -> None:
        self._tell(Overdue(number, start, threshold_ms, track.lane.pid, track.lane.application))

    async def _after(self, track: Track, run: Run) -> None:
        """What a run asks for at once: the grants that it lacks; its time and plan where it took too long."""
        if run.sample.error is not None:
            await track.aside(lambda: self._asides.grants(track.lane, run.number, run.query, run.sample))
        if not run.overdue:
            return
        self._flush()
        if now() - self._explained[run.number] >= EXPLAIN_AGAIN_S:
            self._explained[run.number] = now()
            await track.aside(lambda: self._asides.plan(track.lane, run.number, run.query, run.arguments))

    async def _measure_floor(self) -> None:
        warm = self._floor.statement is not None
        sample = await self._floor.run(self._main.lane)
        if warm and sample.error is None:
            self._tell(Floor((sample,)))

    def _adapt(self, moment: float) -> None:
        pace = self._first if moment < self._first_until else self._pace
        found = periods([query.cost for query in self._queries], pace)
        for track in self._tracks():
            track.schedule.adapt(found, moment)

    def _flush(self) -> None:
        fastest = self._pace.fastest(len(self._queries))
        for track in self._tracks():
            for number in track.passengers:
                if taken := track.take(number):
                    every = track.schedule.every(number)
                    self._tell(Samples(number, *taken, every, every > fastest * SLOWED))

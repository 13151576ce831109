"""Runs probes on a fixed schedule on one connection and tells what it measured.

The same class serves `verify`, in process, and the deck's prober, in a process of its own.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import perf_counter as now

from profiles.manifest import ProbeEntry
from sql.latency.grants import may_be_a_grant, missing_grants
from sql.latency.lane import Lane, RefusedError
from sql.latency.messages import (
    Message,
    Overdue,
    Planned,
    Sample,
    Samples,
    ServerMean,
    Ungranted,
    Unmeasured,
)
from sql.latency.probe_plan import explain
from sql.latency.query import FIRST_COST_S, RETRY_S, Query
from sql.latency.schedule import Pace, Schedule
from sql.latency.server_means import ServerMeans
from sql.latency.window import LEAST_SAMPLES

MOST_ARGUMENTS = 1000
"""Argument sets that are rotated; what the query gives beyond is not used."""
QUERY_TIMEOUT_S = 10.0
"""How long an application waits for an answer, where nothing says so."""
TARGETS_OVER = 10
"""A probe may take this many times its p99 target before it is cut off."""
FLUSH_S = 0.5
FIRST_FLUSH_S = 0.2
"""An operator who has just opened the deck waits for the first numbers."""
REPLAN_S = 60.0
MEANS_S = 10.0
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
        "statement_timeout": str(round(timeout_ms)),
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
    ) -> None:
        self._lane = lane
        self._tell = tell
        self._queries = [Query(entry) for entry in probes]
        self._schedule = Schedule([FIRST_COST_S] * len(self._queries), pace, chance)
        self._means = ServerMeans(lane)
        self._has_means = False
        self._unsent: list[list[Sample]] = [[] for _ in self._queries]
        self._going = going
        self._overdue = False
        """Whether the run that is under way, or was last, took longer than it should."""
        self._explained = [-math.inf] * len(self._queries)

    async def prepare(self) -> None:
        """Fetch the arguments, warm every probe up with one run that is not counted, and explain it.

        Raises:
            SessionError: the connection is lost.
        """
        await self._say_who_measures()
        self._has_means = await self._means.find()
        for index, query in enumerate(self._queries):
            await self._fetch_arguments(query)
            if query.obstacle:
                self._tell(Unmeasured(index, query.obstacle))
                continue
            sample = await query.run(self._lane)
            if sample.error is None:
                sample = await query.run(self._lane)
            query.costs.append(sample.end - sample.start)
            await self._ask_for_grants(index, query, sample)
            await self._replan(index, query)
        if self._has_means:
            await self._means.read()

    async def run(self, seconds: float | None = None) -> None:
        """Measure for so long, or until cancelled; a run that has begun is finished and counted.

        Probes so slow that they lack the samples of a median then get up to as long again.

        Raises:
            SessionError: the connection is lost.
        """
        began = planned = meant = now()
        flushed = began - FLUSH_S + FIRST_FLUSH_S
        until = math.inf if seconds is None else began + seconds
        latest = math.inf if seconds is None else began + 2 * seconds
        self._adapt(began)
        self._schedule.start(began)
        while (moment := now()) < until or (moment < latest and self._lacks_samples()):
            await self._pause_if_asked()
            moment = now()
            if moment - flushed >= FLUSH_S:
                self._flush()
                self._adapt(moment)
                flushed = moment
            if seconds is None and moment - planned >= REPLAN_S:
                planned = moment
                await self._aside(self._replan_all)
            if seconds is None and moment - meant >= MEANS_S:
                meant = moment
                await self._aside(self._tell_means)
            await self._step(min(flushed + FLUSH_S, until if moment < until else latest))
        self._flush()
        await self._tell_means()

    def _lacks_samples(self) -> bool:
        """Whether a probe that answers has too few samples for a median."""
        answering = (query for query in self._queries if not query.obstacle and not query.failures)
        return any(query.counted < LEAST_SAMPLES[50] for query in answering)

    async def _step(self, wake: float) -> None:
        """Run the probe that is due, or sleep until one is, at the latest until `wake`."""
        index, due = self._schedule.next()
        moment = now()
        if due > moment:
            await asyncio.sleep(min(due, wake) - moment)
            return
        query = self._queries[index]
        answered = self._schedule.begin(index, moment)
        if query.obstacle:
            self._schedule.hold(index, RETRY_S[1])
            return
        self._overdue, arguments = False, query.arguments
        sample = await query.run(self._lane, partial(self._say_overdue, index))
        self._schedule.end(index, sample.start, sample.end)
        self._schedule.hold(index, query.pause)
        query.costs.append(sample.end - sample.start)
        query.counted += 1
        if sample.error is not None:
            await self._aside(lambda: self._ask_for_grants(index, query, sample))
        # What pgdeck did between its decision and the first byte is not the server's.
        ours = sample.start - moment
        self._unsent[index] += [
            replace(sample, due=due + ours, shared=place > 0) for place, due in enumerate(answered)
        ]
        if self._overdue:
            await self._explain_overdue(index, query, arguments)

    async def _say_who_measures(self) -> None:
        with suppress(RefusedError):
            if (attached := await self._lane.attached()) is not None:
                self._tell(attached)

    def _say_overdue(self, index: int, start: float, threshold_ms: float) -> None:
        self._overdue = True
        self._tell(Overdue(index, start, threshold_ms, self._lane.pid))

    async def _explain_overdue(self, index: int, query: Query, arguments: tuple[object, ...]) -> None:
        """Say at once how long it took, and how the planner would run it now."""
        self._flush()
        if now() - self._explained[index] >= EXPLAIN_AGAIN_S:
            self._explained[index] = now()
            await self._aside(lambda: self._replan(index, query, arguments))

    async def _ask_for_grants(self, index: int, query: Query, sample: Sample) -> None:
        """Say which grants are missing where that could be why a run failed."""
        if sample.error is None or not may_be_a_grant(sample.error):
            return
        try:
            grants = await missing_grants(self._lane, query.entry.sql)
        except RefusedError:
            return
        self._tell(Ungranted(index, grants))

    async def _fetch_arguments(self, query: Query) -> None:
        if query.entry.arguments is None:
            return
        query.obstacle = ""
        try:
            query.rows = await self._lane.first_rows(query.entry.arguments, MOST_ARGUMENTS)
        except RefusedError as error:
            query.obstacle = f"its arguments could not be read: {error}"
            with suppress(RefusedError):
                grants = await missing_grants(self._lane, query.entry.arguments)
                if grants:
                    query.obstacle += f"; what mends it: {'; '.join(grants)}"
            return
        if not query.rows:
            query.obstacle = "its arguments query gives no rows, so there is nothing to run it with"

    async def _replan_all(self) -> None:
        for index, query in enumerate(self._queries):
            if query.obstacle:
                await self._fetch_arguments(query)
            if not query.obstacle:
                await self._replan(index, query)

    async def _replan(self, index: int, query: Query, arguments: tuple[object, ...] | None = None) -> None:
        try:
            explained = await explain(
                self._lane, query.entry, query.arguments if arguments is None else arguments
            )
        except RefusedError:
            return
        self._means.know(index, explained.query_id)
        self._tell(Planned(index, explained.plan))

    async def _tell_means(self) -> None:
        if self._has_means:
            for index, mean in (await self._means.read()).items():
                self._tell(ServerMean(index, mean))

    async def _aside(self, doing: Callable[[], Awaitable[None]]) -> None:
        """Use the connection for something else; probes that wait meanwhile wait for us."""
        start = now()
        await doing()
        self._schedule.end(None, start, now())

    async def _pause_if_asked(self) -> None:
        if self._going is not None and not self._going.is_set():
            self._flush()
            await self._going.wait()
            self._schedule.start(now())

    def _adapt(self, moment: float) -> None:
        self._schedule.adapt([query.cost for query in self._queries], moment)

    def _flush(self) -> None:
        for index, samples in enumerate(self._unsent):
            if samples:
                due, runs = self._schedule.taken(index)
                self._tell(Samples(index, due, runs, tuple(samples)))
                self._unsent[index] = []

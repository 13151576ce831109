"""One probe on its way to the server: its statement, its arguments in turn, and what a run of it takes."""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Callable
from time import perf_counter as now

from profiles.manifest import ProbeEntry
from sql.latency.lane import Lane, RefusedError, StaleStatementError, Statement
from sql.latency.messages import Sample

COST_RUNS = 15
FIRST_COST_S = 0.002
RETRY_S = (1.0, 30.0)
"""The first and the longest pause after a run that failed."""
TIMED_OUT = "57014"
OVERDUE_MEDIANS = 3
OVERDUE_LEAST_MS = 20.0
LATE_S = 0.005
"""A timer that rings later than this rings in a process that stood still."""
GRACE_S = 0.02
"""How long such a process gets to read what came meanwhile."""


class Query:
    """One probe: its statement, its arguments in turn, and what it cost lately."""

    def __init__(self, entry: ProbeEntry) -> None:
        self.entry = entry
        self.statement: Statement | None = None
        self.rows: list[tuple[object, ...]] = [()]
        self.turn = 0
        self.counted = 0
        """Runs that became samples."""
        self.costs: deque[float] = deque(maxlen=COST_RUNS)
        self.failures = 0
        self.obstacle = ""

    def note_cost(self, sample: Sample) -> None:
        """Remember what a run took. One that failed says nothing of it: its pause is what spares the server.

        Two runs in a row at less than half of what was usual are a better plan, and what was usual is over.
        """
        if sample.error is not None:
            return
        took = sample.end - sample.start
        usual, last = self.cost, self.costs[-1] if self.costs else took
        if max(last, took) < usual / 2:
            self.costs.clear()
            self.costs.append(last)
        self.costs.append(took)

    @property
    def arguments(self) -> tuple[object, ...]:
        """The set of arguments whose turn it is."""
        return self.rows[self.turn % len(self.rows)]

    @property
    def cost(self) -> float:
        """Seconds a run takes; the median, so that one stall does not slow the schedule."""
        return statistics.median(self.costs) if self.costs else FIRST_COST_S

    @property
    def pause(self) -> float:
        """Seconds that a probe which fails is left alone."""
        first, longest = RETRY_S
        return min(first * 2.0 ** min(self.failures - 1, 10), longest) if self.failures else 0.0

    @property
    def threshold_ms(self) -> float:
        """From when on a run in flight is overdue: its p99 target or three medians, whichever is less."""
        limits = [OVERDUE_MEDIANS * self.cost * 1000]
        if self.entry.target.p99_ms is not None:
            limits.append(self.entry.target.p99_ms)
        return max(min(limits), OVERDUE_LEAST_MS)

    async def run(self, lane: Lane, overdue: Callable[[float, float], None] | None = None) -> Sample:
        """Send it with its next arguments.

        Args:
            overdue: called while the run is in flight, once, with its start and what it has exceeded, ms.

        Raises:
            SessionError: the connection is lost.
        """
        arguments = self.arguments
        self.turn += 1
        alarm = None if overdue is None else _Alarm(overdue, self.threshold_ms)
        start: float | None = None
        while True:
            end = now()
            error: RefusedError | None = None
            try:
                await lane.begin_probe()
                # The timer costs as much as a part of a quick run: it is set before that begins.
                if alarm is not None:
                    alarm.set(now() if start is None else start)
                # Set once: an application that must prepare anew has waited since its first try.
                start = now() if start is None else start
                if alarm is not None:
                    alarm.start = start
                try:
                    if self.statement is None:
                        self.statement = await lane.prepare(self.entry.sql)
                    await lane.send(self.statement, arguments)
                finally:
                    end = now()
                    if alarm is not None:
                        alarm.cancel()
                    await lane.end_probe()
            except StaleStatementError:
                self.statement = None
                continue
            except RefusedError as refused:
                error, end = refused, max(end, now())
            start = end if start is None else start
            if error is None:
                self.failures = 0
                return Sample(start, start, end)
            self.failures += 1
            self.statement = None
            # One that was cut off has waited as long as it says; any other error is no answer at all.
            return Sample(start, start, end, str(error), error.sqlstate == TIMED_OUT)


class _Alarm:
    """Says that a run is overdue, once, unless it is cancelled before."""

    def __init__(self, overdue: Callable[[float, float], None], threshold_ms: float) -> None:
        self._overdue = overdue
        self._threshold_ms = threshold_ms
        self.start = self._at = 0.0
        self._said = False
        self._timer: asyncio.TimerHandle | None = None

    def set(self, start: float) -> None:
        """Ring when a run that begins at `start` has taken too long."""
        self._at = start + self._threshold_ms / 1000
        self._timer = asyncio.get_running_loop().call_later(self._at - now(), self._ring)

    def cancel(self) -> None:
        """The run is over."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        if now() - self._at <= LATE_S:
            self._say()
            return
        # After a standstill of ours the answer may lie unread in the socket: it is read first.
        self._timer = asyncio.get_running_loop().call_later(GRACE_S, self._say)

    def _say(self) -> None:
        if not self._said:
            self._said = True
            self._overdue(self.start, self._threshold_ms)

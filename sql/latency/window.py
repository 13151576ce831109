"""Exact percentiles over a sliding window: nearest rank on ordered values, the oldest leave first.

One history a probe serves every window: the samples are kept once, and those of the window that is looked at
are kept in order beside them. Changing the window orders them anew.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

WINDOWS: tuple[float | None, ...] = (60.0, 300.0, 900.0, None)
"""Seconds that can be chosen; None is since the start."""
LEAST_SAMPLES = {50: 5, 95: 20, 99: 100}
"""From how many samples on a percentile is more than its window's maximum."""
MOST_SAMPLES = 36_000
"""The newest samples of a probe that are kept, two hours at the deck's pace: 1.2 MB, and half
a MB more while all of them are in order."""
FAILED = -1.0
TRIMMED = 1024
"""So many are let go at once: moving what stays costs the same for one as for many."""


class Ranks:
    """Values in order; infinity is an answer that never came."""

    def __init__(self) -> None:
        self._ordered = array("d")

    def __len__(self) -> int:
        return len(self._ordered)

    def fill(self, values: Iterable[float]) -> None:
        """Hold these values and no others."""
        self._ordered = array("d", sorted(values))

    def add(self, value: float) -> None:
        """Take a value in."""
        insort(self._ordered, value)

    def remove(self, value: float) -> None:
        """Let go of a value that is held."""
        del self._ordered[bisect_left(self._ordered, value)]

    def percentile(self, percent: int) -> float | None:
        """The nearest rank: the smallest value that at least `percent` % of the values do not exceed.

        None where the samples do not carry it.
        """
        count = len(self._ordered)
        if count < LEAST_SAMPLES.get(percent, 1):
            return None
        return self._ordered[math.ceil(percent * count / 100) - 1]

    def minimum(self) -> float:
        """The smallest value; infinity where there is none or none was answered."""
        return self._ordered[0] if self._ordered else math.inf

    def maximum(self) -> float | None:
        """The largest finite value."""
        place = bisect_left(self._ordered, math.inf)
        return self._ordered[place - 1] if place else None


class Window:
    """The newest samples of a probe, oldest first, and the order and sums of those in the window.

    `at` is a time of the samples' clock, seconds; one that goes back counts as the time before it.
    """

    def __init__(self, seconds: float = math.inf, most: int = MOST_SAMPLES) -> None:
        self._seconds = seconds
        self._most = most
        self._at = array("d")
        self._latency = array("d")
        self._service = array("d")
        """NaN where the run is another sample's too, `FAILED` where it failed."""
        self._due = array("I")
        self._runs = array("I")
        self._columns = (self._at, self._latency, self._service, self._due, self._runs)
        self._first = 0
        """Where the window begins."""
        self._horizon = -math.inf
        self._beyond = math.nan
        """When the newest was made of the samples that are too many to be kept."""
        self.latencies = Ranks()
        self.services = Ranks()
        self.due = 0
        """Ticks that came due."""
        self.runs = 0
        self.failed = 0
        """Runs that failed."""

    def __len__(self) -> int:
        return len(self.latencies)

    @property
    def bytes(self) -> int:
        """What the samples in memory take, and the order of those in the window."""
        ordered = 8 * (len(self.latencies) + len(self.services))
        return sum(len(column) * column.itemsize for column in self._columns) + ordered

    @property
    def since(self) -> float | None:
        """When the oldest sample of the window was made; None where there is none."""
        return self._at[self._first] if self._first < len(self._at) else None

    @property
    def cut(self) -> bool:
        """Whether the window asks for samples that were too many to be kept."""
        return self._beyond >= self._horizon

    def add(
        self,
        at: float,
        latency: float,
        service: float | None = None,
        *,
        failed: bool = False,
        due: int = 0,
        runs: int = 0,
    ) -> None:
        """Take a sample in.

        Args:
            service: None where the run is counted elsewhere.
            failed: there is no service time then.
            due: ticks that came due since the last sample that said so, and so `runs`.
        """
        at = max(at, self._at[-1]) if self._at else at
        kept = FAILED if failed else math.nan if service is None else service
        self._at.append(at)
        self._latency.append(latency)
        self._service.append(kept)
        self._due.append(due)
        self._runs.append(runs)
        self.latencies.add(latency)
        if kept >= 0:
            self.services.add(kept)
        self.failed += failed
        self.due += due
        self.runs += runs
        self.forget(at)

    def look(self, seconds: float, now: float) -> None:
        """Order and sum the samples of another window."""
        self._seconds, self._horizon = seconds, now - seconds
        self._first = bisect_left(self._at, self._horizon, max(0, len(self._at) - self._most))
        services = self._service[self._first :]
        self.latencies.fill(self._latency[self._first :])
        self.services.fill(value for value in services if value >= 0)
        self.failed = services.count(FAILED)
        self.due = sum(self._due[self._first :])
        self.runs = sum(self._runs[self._first :])

    def forget(self, now: float) -> None:
        """Let go of what is older than the window, and of the oldest where there are too many."""
        self._horizon, count = now - self._seconds, len(self._at)
        while self._first < count and self._at[self._first] < self._horizon:
            self._leave()
        surplus = count - self._most
        if surplus <= 0:
            return
        self._beyond = self._at[surplus - 1]
        while self._first < surplus:
            self._leave()
        if surplus > TRIMMED:
            for column in self._columns:
                del column[:surplus]
            self._first -= surplus

    def newest(self, count: int) -> tuple[float, ...]:
        """The newest finite latencies of the window, oldest first."""
        found: list[float] = []
        for place in range(len(self._latency) - 1, self._first - 1, -1):
            if len(found) == count:
                break
            if self._latency[place] != math.inf:
                found.append(self._latency[place])
        return tuple(reversed(found))

    def _leave(self) -> None:
        place = self._first
        self.latencies.remove(self._latency[place])
        service = self._service[place]
        if service >= 0:
            self.services.remove(service)
        self.failed -= service == FAILED
        self.due -= self._due[place]
        self.runs -= self._runs[place]
        self._first += 1

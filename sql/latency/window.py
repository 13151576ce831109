"""Exact percentiles over a sliding window: nearest rank on an ordered list, the oldest leave first."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

LEAST_SAMPLES = {50: 5, 95: 20, 99: 100}
"""From how many samples on a percentile is more than its window's maximum."""


class Window:
    """The values of the last `seconds`; infinity is an answer that never came."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = seconds
        self._arrived: deque[tuple[float, float]] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, at: float, value: float) -> None:
        """Take a value in; `at` never goes back."""
        self._arrived.append((at, value))
        insort(self._ordered, value)
        self.forget(at)

    def forget(self, now: float) -> None:
        """Let go of what is older than the window."""
        while self._arrived and self._arrived[0][0] < now - self._seconds:
            _, value = self._arrived.popleft()
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

    def newest(self, count: int) -> tuple[float, ...]:
        """The newest finite values, oldest first."""
        found: list[float] = []
        for _, value in reversed(self._arrived):
            if len(found) == count:
                break
            if value != math.inf:
                found.append(value)
        return tuple(reversed(found))

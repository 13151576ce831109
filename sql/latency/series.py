"""What a plot shows of one probe: its samples in buckets of time, the median and the worst of each.

Young buckets come from the samples themselves. Old ones were summed up while their samples were still
there, so that a day costs no more memory than an hour. Times are seconds of the samples' clock; buckets begin
at whole multiples of their width by the wall's clock, so that they stay where they are while time goes on.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sql.latency.messages import Sample
from sql.latency.trend import Trend, trend

RAW_S = 1260.0
"""How long samples are kept: the longest bucket that is summed up, and some room."""
OLD_WIDTHS = (60, 300, 900)
"""Widths of the buckets that are summed up when they end, seconds; they go on when the samples are gone."""
OLD_KEPT = {60: 480, 300: 480, 900: 960}
"""Buckets kept of each width: 8 hours, 40 hours, 10 days."""
WIDTHS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, *OLD_WIDTHS)
"""Widths that `buckets` can give, seconds."""
REMEMBERED = 512
TRIM_AT = 4096


@dataclass(frozen=True, slots=True)
class Bucket:
    """The samples of a stretch of time; latencies in ms from when each was due."""

    samples: int
    failed: int
    """Of `samples`, those that the server refused: they have no latency."""
    median_ms: float | None
    """Nearest rank; None where most of them failed."""
    max_ms: float | None
    """The longest that was answered."""


class Series:
    """The samples of one probe, to be asked for in buckets."""

    def __init__(self) -> None:
        self._ends = array("d")
        self._values = array("f")
        self._old: dict[int, OrderedDict[int, Bucket]] = {width: OrderedDict() for width in OLD_WIDTHS}
        self._summed: dict[int, int] = {}
        """By width, the first bucket that is not summed up yet."""
        self._remembered: dict[tuple[int, int], Bucket | None] = {}
        self.first: float | None = None
        """When the first sample ended; None: there is none yet."""

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, samples: Sequence[Sample], wall: float) -> None:
        """Take samples in, in the order in which they ended.

        Args:
            wall: what the wall's clock is ahead of the samples', seconds.
        """
        for sample in samples:
            # Whatever came between, the order of the clock holds: looking up is by bisection.
            end = max(sample.end, self._ends[-1]) if self._ends else sample.end
            self._ends.append(end)
            self._values.append((sample.end - sample.due) * 1000 if sample.answered else math.inf)
        if self._ends:
            self.first = self._ends[0] if self.first is None else self.first
            self._sum_up(self._ends[-1], wall)
            self._trim(self._ends[-1])

    def buckets(self, first: int, width: int, count: int, wall: float) -> list[Bucket | None]:
        """`count` buckets in a row; None where there is no sample.

        Args:
            first: the number of the first bucket: its beginning by the wall's clock, divided by `width`.
            width: one of `WIDTHS`.
        """
        return [self._bucket(number, width, wall) for number in range(first, first + count)]

    def trend(self, seconds: float, now: float) -> Trend | None:
        """Which way the median went in the `seconds` before `now`, as far as the samples reach back."""
        begin = max(now - min(seconds, RAW_S), self._ends[0]) if self._ends else now
        low, middle = bisect_left(self._ends, begin), bisect_left(self._ends, (begin + now) / 2)
        return trend(self._values[low:middle], self._values[middle:])

    def _bucket(self, number: int, width: int, wall: float) -> Bucket | None:
        old = self._old.get(width)
        if old is not None and number in old:
            return old[number]
        newest = self._ends[-1] if self._ends else -math.inf
        open_still = (number + 1) * width - wall >= newest
        key = (width, number)
        if open_still or key not in self._remembered:
            bucket = self._made(number, width, wall)
            if open_still:
                return bucket
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = bucket
        return self._remembered[key]

    def _made(self, number: int, width: int, wall: float) -> Bucket | None:
        begin = number * width - wall
        low, high = bisect_left(self._ends, begin), bisect_left(self._ends, begin + width)
        if low == high:
            return None
        ordered = sorted(self._values[low:high])
        median = ordered[math.ceil(len(ordered) / 2) - 1]
        answered = bisect_left(ordered, math.inf)
        return Bucket(
            samples=len(ordered),
            failed=len(ordered) - answered,
            median_ms=None if math.isinf(median) else median,
            max_ms=ordered[answered - 1] if answered else None,
        )

    def _sum_up(self, now: float, wall: float) -> None:
        for width, kept in OLD_KEPT.items():
            current = math.floor((now + wall) / width)
            # After a pause of any length there is nothing to sum up but what the samples reach back to.
            reach = math.floor((self._ends[0] + wall) / width)
            for number in range(max(self._summed.get(width, reach), reach), current):
                bucket = self._made(number, width, wall)
                if bucket is not None:
                    self._old[width][number] = bucket
            self._summed[width] = current
            while len(self._old[width]) > kept:
                self._old[width].popitem(last=False)

    def _trim(self, now: float) -> None:
        past = bisect_left(self._ends, now - RAW_S)
        if past >= TRIM_AT or (past and past * 2 >= len(self._ends)):
            del self._ends[:past]
            del self._values[:past]

"""The axes of the time plot: which stretch of time a column shows, and in which row a value stands.

The time axis does not slide: it stays until its right edge is reached, then moves on by several columns at
once. The newest column grows in place meanwhile, so that a slow line carries a few cells and not a screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sql.latency.series import RAW_S, WIDTHS

RESERVE = 1 / 12
"""Of the window: by how much more the axis shows at least, to have room to grow into."""
LEAST_WINDOW_S = 60.0
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Stretches of time that people count in: distances of labels, and by how much the axis moves on."""
SECONDS_LABEL, MINUTES_LABEL = 8, 5
LABEL_GAP = 3
LEVELS = 4
"""Steps that can be told apart within a row."""
NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
ROOMY = 5.0
"""A bound that was chosen before stays while values come this near to it: the scale must not flicker."""


@dataclass(frozen=True)
class TimeAxis:
    """Columns of equal width in time; UTC, seconds since 1970."""

    first: int
    """Number of the first column: its beginning divided by `bucket_s`."""
    bucket_s: int
    count: int

    @property
    def begin(self) -> float:
        """Where the first column begins."""
        return float(self.first * self.bucket_s)

    def column(self, at: float) -> int | None:
        """The column of a time; None: it is not on the axis."""
        place = math.floor(at / self.bucket_s) - self.first
        return place if 0 <= place < self.count else None

    def begin_of(self, column: int) -> float:
        """Where a column begins."""
        return float((self.first + column) * self.bucket_s)

    def labels(self) -> Iterator[tuple[int, str]]:
        """Columns with the time at which each begins, as far apart as is readable."""
        for step in STEPS_S:
            width = SECONDS_LABEL if step < 60 else MINUTES_LABEL
            if step % self.bucket_s == 0 and step // self.bucket_s >= width + LABEL_GAP:
                break
        at = math.ceil(self.begin / step) * step
        while (column := self.column(at)) is not None:
            moment = datetime.fromtimestamp(at, UTC)
            text = f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
            if column + len(text) <= self.count:
                yield column, text
            at += step


def time_axis(window_s: float, now: float, count: int) -> TimeAxis:
    """An axis of `count` columns that shows at least `window_s` seconds before `now`, and `now` itself.

    What is longer than ten days at most is cut: the axis then begins later.
    """
    window_s = max(window_s, LEAST_WINDOW_S)
    wanted = window_s * (1 + RESERVE)
    fitting = [
        width
        for width in WIDTHS
        # Narrow buckets are made of samples, which do not reach back further than this.
        if width * count >= wanted and (width >= 60 or window_s + width <= RAW_S)
    ]
    bucket_s = fitting[0] if fitting else WIDTHS[-1]
    room = max(bucket_s * count - window_s, bucket_s)
    moves = [step for step in STEPS_S if step % bucket_s == 0 and step <= room]
    move = moves[-1] if moves else bucket_s
    end = (math.floor(now / move) + 1) * move
    return TimeAxis(first=end // bucket_s - count, bucket_s=bucket_s, count=count)


@dataclass(frozen=True)
class ValueAxis:
    """A logarithmic scale from the lowest row's lowest level to the highest row's highest; ms."""

    low: float
    high: float
    rows: int

    def level(self, value: float) -> int:
        """0 at the bottom, `rows * LEVELS - 1` at the top; what is beyond is at the edge."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return min(round(share * (self.rows * LEVELS - 1)), self.rows * LEVELS - 1)

    def row(self, value: float) -> int:
        """The row from the top, 0 is the first."""
        return self.rows - 1 - self.level(value) // LEVELS

    def labels(self) -> dict[int, float]:
        """Rows with the round value that stands there; powers of ten first."""
        found: dict[int, float] = {}
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factor in (1.0, 5.0, 2.0):
            for decade in decades:
                value = factor * 10.0**decade
                if not self.low * 0.999 <= value <= self.high * 1.001:
                    continue
                row = self.row(value)
                if all(abs(row - other) > 1 for other in found):
                    found[row] = value
        return found


def value_axis(
    values: Iterable[float], targets: Iterable[float], rows: int, before: ValueAxis | None = None
) -> ValueAxis:
    """The scale for what is shown, with room for the targets.

    Args:
        before: the scale so far; it stays as long as it fits.
    """
    wanted = [value for value in (*values, *targets) if value > 0]
    low, high = (min(wanted), max(wanted)) if wanted else (1.0, 100.0)
    nice_low, nice_high = _nice_below(low), _nice_above(high)
    if nice_high <= nice_low:
        nice_high = nice_low * 10
    if before is not None and before.low <= low < before.low * ROOMY:
        nice_low = before.low
    if before is not None and before.high / ROOMY / 2 < high <= before.high:
        nice_high = before.high
    return ValueAxis(nice_low, nice_high, rows)


def _nice_below(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value * 0.95))
    return max(factor * decade for factor in NICE if factor * decade <= value * 0.95)


def _nice_above(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value))
    # A little room, so that neither the highest target nor noise is the frame.
    return next(each * decade for each in (*NICE, 10.0, 15.0) if each * decade >= value * 1.05)

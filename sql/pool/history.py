"""How full the server was: one point a reading of the pool, the last half hour of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sql.snapshots import PoolReading

KEPT = 900
"""Points: half an hour at one in two seconds, some 100 kB."""


@dataclass(frozen=True)
class Point:
    """One reading."""

    at: float
    """Seconds of a clock that nobody sets."""
    used: int
    waiting: int
    """On locks."""
    running: int | None
    """Active and waiting for nothing; None where states are hidden."""
    queued: int
    """Clients that wait before PgBouncer."""


class PoolHistory:
    """A ring of points, the newest last."""

    def __init__(self, kept: int = KEPT) -> None:
        self._points: deque[Point] = deque(maxlen=kept)

    def take(self, pool: PoolReading, at: float) -> None:
        """Remember a reading; an earlier one than the last, as after going back in a recording, begins anew.

        Args:
            at: seconds of a clock that nobody sets: the wall's would lose or stretch the history.
        """
        if self._points and at < self._points[-1].at:
            self._points.clear()
        if pool.used is None or (self._points and at == self._points[-1].at):
            return
        queued = sum(each.cl_waiting for each in pool.pgbouncer.pools) if pool.pgbouncer is not None else 0
        self._points.append(Point(at, pool.used, pool.waiting_on_locks or 0, pool.running, queued))

    @property
    def points(self) -> Sequence[Point]:
        """Oldest first."""
        return tuple(self._points)

    @property
    def span_s(self) -> float:
        """From the first to the last point."""
        return self._points[-1].at - self._points[0].at if self._points else 0.0

    def last(self, seconds: float) -> tuple[Point, ...]:
        """The points of the last so many seconds."""
        if not self._points:
            return ()
        since = self._points[-1].at - seconds
        return tuple(point for point in self._points if point.at >= since)


def columns(points: Sequence[Point], number: int, seconds: float) -> tuple[int | None, ...]:
    """The most connections in each of so many equal parts of the time; None where nothing was read."""
    if not points or number < 1:
        return ()
    end, width = points[-1].at, seconds / number
    found: list[int | None] = [None] * number
    for point in points:
        place = number - 1 - int((end - point.at) / width)
        if 0 <= place < number:
            found[place] = max(point.used, found[place] or 0)
    return tuple(found)

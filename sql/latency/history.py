"""What a deck remembers of its probes: samples in buckets, trends, and what happened when."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sql.latency.marks import Timeline, at_wall
from sql.latency.messages import Message, Samples
from sql.latency.series import Series

if TYPE_CHECKING:
    from sql.latency.trend import Trend
    from sql.snapshots import Event, ProbesSnapshot

DRIFT_S = 0.5
"""How far the two clocks may drift apart before old samples are put elsewhere on the axis."""
TREND_S = 5.0


class History:
    """Fed with all that the prober says and all that is published; asked by screens. Belongs to the loop."""

    def __init__(
        self,
        probes: Sequence[str],
        *,
        wall: Callable[[], float] = time.time,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            probes: names, in the order of the prober's messages.
            now: the samples' clock, seconds.
        """
        self.series = {name: Series() for name in probes}
        self.timeline = Timeline(probes)
        self._in_order = list(self.series.values())
        self._wall = wall
        self._now = now
        self._ahead = wall() - now()
        self._trends: dict[str, Trend | None] = {}
        self._trends_at = -math.inf
        self._trends_over: float | None = None

    @property
    def ahead(self) -> float:
        """What the wall's clock is ahead of the samples', seconds; it moves when the wall's was set."""
        ahead = self._wall() - self._now()
        if abs(ahead - self._ahead) > DRIFT_S:
            self._ahead = ahead
        return self._ahead

    def with_trends(self, snapshot: ProbesSnapshot) -> ProbesSnapshot:
        """The same readings with the trend of each, which is looked at every few seconds."""
        now = self._now()
        if now - self._trends_at >= TREND_S or snapshot.window_s != self._trends_over:
            self._trends_at, self._trends_over = now, snapshot.window_s
            seconds = math.inf if snapshot.window_s is None else snapshot.window_s
            self._trends = {name: series.trend(seconds, now) for name, series in self.series.items()}
        probes = tuple(replace(each, trend=self._trends.get(each.name)) for each in snapshot.probes)
        return replace(snapshot, probes=probes)

    def take(self, message: Message, at: float) -> None:
        """Note what the prober said at `at`, a time of the samples' clock."""
        if isinstance(message, Samples):
            self._in_order[message.probe].add(message.rows, self.ahead)
        self.timeline.take(message, at_wall(at + self.ahead))

    def hear(self, event: Event) -> None:
        """Note what was published."""
        self.timeline.hear(event, at_wall(self._wall()))

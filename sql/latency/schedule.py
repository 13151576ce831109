"""When each probe is due, and from when its latency counts.

All probes share one connection. A tick that comes due while its own probe still runs waits for the server: it
counts from the moment it was due, and the next run of that probe answers it (no coordinated omission). A tick
that comes due while another probe runs waits for pgdeck: it counts from when the connection is free. So does
one that the timer woke too late for. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pace:
    """How hard the probes may press."""

    share: float
    """Of one backend's time, all probes together."""
    fastest_s: float
    """The shortest period of one probe."""
    most_per_s: float
    """Runs a second, all probes together."""


VERIFY = Pace(share=0.5, fastest_s=0.025, most_per_s=400)
DECK = Pace(share=0.2, fastest_s=0.1, most_per_s=50)


def periods(costs: Sequence[float], pace: Pace) -> list[float]:
    """Each probe's period in seconds, from what a run of it costs in seconds.

    What cheap probes leave of the share goes to the dear ones.
    """
    fastest = max(pace.fastest_s, len(costs) / pace.most_per_s)
    found = [fastest] * len(costs)
    share = pace.share
    for done, index in enumerate(sorted(range(len(costs)), key=costs.__getitem__)):
        use = min(costs[index] / fastest, share / (len(costs) - done))
        if use > 0:
            found[index] = max(fastest, costs[index] / use)
        share -= use
    return found


@dataclass
class Ticks:
    """One probe's part of the schedule."""

    period: float
    next_due: float = 0.0
    waiting: list[float] = field(default_factory=list)
    """From when each tick counts that the next run answers."""
    due: int = 0
    """Ticks that came due since `taken()`."""
    runs: int = 0
    least_period: float = 0.0
    """A failing probe is tried seldom."""

    def pass_until(self, now: float) -> list[float]:
        """The ticks that came due up to `now`, which are thereby counted."""
        passed = []
        while self.next_due <= now:
            passed.append(self.next_due)
            self.next_due += max(self.period, self.least_period)
        self.due += len(passed)
        return passed


class Schedule:
    """The ticks of all probes on one connection."""

    def __init__(
        self, costs: Sequence[float], pace: Pace, chance: Callable[[], float] = random.random
    ) -> None:
        self._pace = pace
        self._chance = chance
        self.probes = [Ticks(period) for period in periods(costs, pace)]

    def start(self, now: float) -> None:
        """Begin, or begin again after a pause: each probe with a random phase."""
        for ticks in self.probes:
            ticks.waiting.clear()
            ticks.next_due = now + self._chance() * max(ticks.period, ticks.least_period)

    def adapt(self, costs: Sequence[float], now: float) -> None:
        """Follow what the probes cost now."""
        for ticks, period in zip(self.probes, periods(costs, self._pace), strict=True):
            ticks.period = period
            ticks.next_due = min(ticks.next_due, now + max(period, ticks.least_period))

    def next(self) -> tuple[int, float]:
        """Which probe runs next, and when: now for one that waits, the longest waiting first."""
        return min(
            (
                (index, ticks.waiting[0] if ticks.waiting else ticks.next_due)
                for index, ticks in enumerate(self.probes)
            ),
            key=lambda choice: choice[1],
        )

    def begin(self, index: int, now: float) -> list[float]:
        """Start a run on the free connection; gives the times from which its ticks count."""
        for ticks in self.probes:
            # The connection was free: whoever comes late here is pgdeck, not the server.
            if ticks.pass_until(now) and not ticks.waiting:
                ticks.waiting.append(now)
        ticks = self.probes[index]
        answered, ticks.waiting = ticks.waiting, []
        ticks.runs += 1
        return answered

    def end(self, index: int | None, start: float, end: float) -> None:
        """A run has ended; `index` is None where pgdeck used the connection for something else."""
        for number, ticks in enumerate(self.probes):
            passed = ticks.pass_until(end)
            if number == index:
                ticks.waiting += passed
            else:
                ticks.waiting = [due + (end - start) for due in ticks.waiting]
                if passed and not ticks.waiting:
                    ticks.waiting.append(end)

    def hold(self, index: int, seconds: float) -> None:
        """Leave a failing probe alone for so long; 0 lets it run at its pace again."""
        ticks = self.probes[index]
        ticks.least_period = seconds
        if seconds:
            ticks.waiting.clear()
            ticks.next_due += seconds

    def taken(self, index: int) -> tuple[int, int]:
        """Ticks that came due, and runs, since this was last asked."""
        ticks = self.probes[index]
        counts = ticks.due, ticks.runs
        ticks.due = ticks.runs = 0
        return counts

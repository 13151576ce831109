"""When each probe is due, and from when its latency counts.

The probes of a schedule share one connection. A tick that comes due while its own probe still runs waits for
the server: it counts from the moment it was due, and the next run of that probe answers it (no coordinated
omission). A tick that comes due while another probe runs waits for pgdeck: it counts from when the connection
is free. So does one that the timer woke too late for. One that came due while the whole process stood still
counts from when it was due: a gap in the measurement must not look like a quiet time. Times are seconds of
one monotonic clock.
"""

from __future__ import annotations

import math
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
    standstill_s: float = math.inf
    """A process that did not run for so long was stopped: what came due meanwhile counts."""

    def fastest(self, count: int) -> float:
        """The period of a cheap probe among so many, seconds."""
        return max(self.fastest_s, count / self.most_per_s)


VERIFY = Pace(share=0.5, fastest_s=0.025, most_per_s=400)
DECK = Pace(share=0.2, fastest_s=0.2, most_per_s=25, standstill_s=0.5)
"""A wake-up costs this machine as much as the run that it is for, so a deck that stays open has few."""
DECK_FIRST = Pace(share=0.2, fastest_s=0.1, most_per_s=50, standstill_s=0.5)
"""While somebody waits for the first percentiles."""


def periods(costs: Sequence[float], pace: Pace) -> list[float]:
    """Each probe's period in seconds, from what a run of it costs in seconds.

    What cheap probes leave of the share goes to the dear ones.
    """
    fastest = pace.fastest(len(costs))
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

    def count(self, passed: list[float], now: float, stood_still_from: float) -> None:
        """Let ticks wait that came due while pgdeck kept them waiting, and are not charged with that.

        Those that came due while the whole process stood still are: each counts from when it was due.
        """
        still = [due for due in passed if due >= stood_still_from]
        if still:
            self.waiting += still
        elif passed and not self.waiting:
            self.waiting.append(now)


class Schedule:
    """The ticks of the probes on one connection, each known by its number."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self.probes: dict[int, Ticks] = {}

    def admit(self, number: int, ticks: Ticks, waited_s: float = 0.0) -> None:
        """Take a probe in; what waits has waited for so long for pgdeck, which is not charged."""
        ticks.waiting = [due + waited_s for due in ticks.waiting]
        self.probes[number] = ticks

    def release(self, number: int) -> Ticks:
        """Let a probe go to another connection."""
        return self.probes.pop(number)

    def start(self, now: float) -> None:
        """Begin, or begin again after a pause: each probe with a random phase."""
        for ticks in self.probes.values():
            ticks.waiting.clear()
            ticks.next_due = now + self._chance() * max(ticks.period, ticks.least_period)

    def adapt(self, found: Sequence[float], now: float) -> None:
        """Follow what the probes cost now.

        Args:
            found: by number, the period of every probe, seconds.
        """
        for number, ticks in self.probes.items():
            ticks.period = found[number]
            ticks.next_due = min(ticks.next_due, now + max(ticks.period, ticks.least_period))

    def next(self) -> tuple[int, float] | None:
        """Which probe runs next, and when: now for one that waits, the longest waiting first.

        None where there is no probe.
        """
        return min(
            (
                (number, ticks.waiting[0] if ticks.waiting else ticks.next_due)
                for number, ticks in self.probes.items()
            ),
            key=lambda choice: choice[1],
            default=None,
        )

    def begin(self, number: int, now: float, stood_still_from: float = math.inf) -> list[float]:
        """Start a run on the free connection; gives the times from which its ticks count.

        Args:
            stood_still_from: since when the process did not run, until just now.
        """
        for ticks in self.probes.values():
            # The connection was free: whoever comes late here is pgdeck, not the server.
            ticks.count(ticks.pass_until(now), now, stood_still_from)
        ticks = self.probes[number]
        answered, ticks.waiting = ticks.waiting, []
        ticks.runs += 1
        return answered

    def end(self, number: int | None, start: float, end: float, stood_still_from: float = math.inf) -> None:
        """A run has ended; `number` is None where pgdeck used the connection for something else.

        Args:
            stood_still_from: since when the process did not run, until the end.
        """
        for each, ticks in self.probes.items():
            passed = ticks.pass_until(end)
            if each == number:
                ticks.waiting += passed
                continue
            ticks.waiting = [due + (end - start) for due in ticks.waiting]
            ticks.count(passed, end, stood_still_from)

    def every(self, number: int) -> float:
        """How often a probe is due now, seconds."""
        ticks = self.probes[number]
        return max(ticks.period, ticks.least_period)

    def hold(self, number: int, seconds: float) -> None:
        """Leave a failing probe alone for so long; 0 lets it run at its pace again."""
        ticks = self.probes[number]
        ticks.least_period = seconds
        if seconds:
            ticks.waiting.clear()
            ticks.next_due += seconds

    def taken(self, number: int) -> tuple[int, int]:
        """Ticks that came due, and runs, since this was last asked."""
        ticks = self.probes[number]
        counts = ticks.due, ticks.runs
        ticks.due = ticks.runs = 0
        return counts

"""A probe over a whole recorded session: exact percentiles, and what a plot shows."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace

from profiles.manifest import ProbeEntry
from sql.findings import ProbeFinding
from sql.latency.messages import Samples
from sql.latency.window import LEAST_SAMPLES

MOST_POINTS = 240
"""Of a plot."""
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
FEW = 0.01
"""So small a share of failed runs is said, but does not make a whole session fail."""


@dataclass(frozen=True)
class Point:
    """The samples of one stretch of a plot; ms."""

    median_ms: float
    max_ms: float


@dataclass(frozen=True)
class ProbeStory:
    """One probe over the whole session; latencies in ms, None where the samples do not carry it."""

    entry: ProbeEntry
    samples: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    finding: ProbeFinding
    error: str = ""
    """What failed most often."""
    points: tuple[Point | None, ...] = ()

    @property
    def figures(self) -> tuple[tuple[str, float | None, float | None], ...]:
        """(name, measured, target) of each percentile."""
        target = self.entry.target
        return (
            ("p50", self.p50_ms, target.p50_ms),
            ("p95", self.p95_ms, target.p95_ms),
            ("p99", self.p99_ms, target.p99_ms),
        )


@dataclass
class Measured:
    """The samples of one probe."""

    at: array[float] = field(default_factory=lambda: array("d"))
    ms: array[float] = field(default_factory=lambda: array("d"))
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, samples: Samples) -> None:
        """Take samples in."""
        for sample in samples.rows:
            self.at.append(sample.end)
            self.ms.append((sample.end - sample.due) * 1000 if sample.answered else math.inf)
            if sample.error is not None and not sample.shared:
                self.failed += 1
                self.errors[sample.error] += 1


def width_of(seconds: float) -> float:
    """How long a stretch of a plot is."""
    fitting = (width for width in WIDTHS_S if seconds / width <= MOST_POINTS)
    return next(fitting, seconds / MOST_POINTS)


def rank(ordered: list[float], percent: int) -> float | None:
    """The nearest rank; None where the samples do not carry it, or where it was never answered."""
    if len(ordered) < LEAST_SAMPLES.get(percent, 1):
        return None
    value = ordered[math.ceil(percent * len(ordered) / 100) - 1]
    return None if math.isinf(value) else value


def story_of(entry: ProbeEntry, measured: Measured, clock: float, width_s: float, count: int) -> ProbeStory:
    ordered = sorted(measured.ms)
    answered = bisect_left(ordered, math.inf)
    story = ProbeStory(
        entry=entry,
        samples=len(ordered),
        failed=measured.failed,
        p50_ms=rank(ordered, 50),
        p95_ms=rank(ordered, 95),
        p99_ms=rank(ordered, 99),
        max_ms=ordered[answered - 1] if answered else None,
        finding=ProbeFinding.NOT_MEASURED,
        error=max(measured.errors, key=measured.errors.__getitem__, default=""),
        points=_points(measured, clock, width_s, count),
    )
    return replace(story, finding=_finding(story))


def _finding(story: ProbeStory) -> ProbeFinding:
    if story.failed > FEW * story.samples:
        return ProbeFinding.FAILING
    judged = [
        measured <= target
        for _, measured, target in story.figures
        if measured is not None and target is not None
    ]
    if not judged:
        return ProbeFinding.NOT_MEASURED
    return ProbeFinding.MET if all(judged) else ProbeFinding.MISSED


def _points(measured: Measured, clock: float, width_s: float, count: int) -> tuple[Point | None, ...]:
    held: dict[int, list[float]] = {}
    for at, value in zip(measured.at, measured.ms, strict=True):
        place = min(max(int((at - clock) / width_s), 0), count - 1)
        if not math.isinf(value):
            held.setdefault(place, []).append(value)
    points: list[Point | None] = []
    for place in range(count):
        values = sorted(held.get(place, ()))
        points.append(Point(values[math.ceil(len(values) / 2) - 1], values[-1]) if values else None)
    return tuple(points)

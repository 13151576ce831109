"""One measured figure beside its goal and its reference."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """What was measured, in ms, what it is measured against, and the goal."""

    metric: str
    measured_ms: float
    reference: str
    reference_ms: float
    goal: str
    missed: bool

    def line(self) -> str:
        """One line of the table."""
        verdict = "MISSED" if self.missed else "met"
        figures = f"{self.measured_ms:8.0f} ms  {self.reference} {self.reference_ms:.0f} ms"
        return f"{self.metric:<46} {figures:<44} goal {self.goal:<28} {verdict}"


def over(metric: str, measured_ms: float, reference: str, reference_ms: float, goal_ms: float) -> Figure:
    """A goal on the difference to the reference."""
    missed = measured_ms - reference_ms > goal_ms
    return Figure(metric, measured_ms, reference, reference_ms, f"+{goal_ms:.0f} ms", missed)


def ratio(metric: str, measured_ms: float, reference: str, reference_ms: float, goal: float) -> Figure:
    """A goal on the ratio to the reference."""
    missed = measured_ms / reference_ms > goal
    said = f"{goal:.2f} x, is {measured_ms / reference_ms:.2f} x"
    return Figure(metric, measured_ms, reference, reference_ms, said, missed)


def alternated(*measures: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """Medians of measurements taken in turn, so that a noisy moment hits all of them."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, series in zip(measures, taken, strict=True):
            series.append(measure())
    return [statistics.median(series) for series in taken]

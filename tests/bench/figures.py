"""One measured figure beside its goals and its reference."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

ROUNDS = 5
HEAD = f"{'':<40}{'measured':>14}{'reference':>26}{'figure':>11}{'must':>8}{'aim':>8}"


class Goal(StrEnum):
    """What of measured value and reference is held against the goals."""

    ALONE = ""
    OVER = "+"
    RATIO = "x"


@dataclass(frozen=True)
class Figure:
    """What was measured, what it is measured against, what it must be at most and what is aimed at."""

    metric: str
    measured: float
    unit: str
    must: float
    aim: float
    goal: Goal = Goal.ALONE
    reference: str = ""
    reference_value: float = 0.0

    @property
    def value(self) -> float:
        """What is held against the goals."""
        if self.goal is Goal.RATIO:
            return self.measured / self.reference_value
        return self.measured - self.reference_value if self.goal is Goal.OVER else self.measured

    @property
    def missed(self) -> bool:
        """Whether it is worse than it must be."""
        return self.value > self.must

    def line(self) -> str:
        """One line of the table under `HEAD`."""
        verdict = "MISSED" if self.missed else "met" if self.value > self.aim else "aim met"
        measured = f"{self.measured:,.{_places(self.measured)}f} {self.unit}"
        beside = f"{self.reference} {self.reference_value:,.{_places(self.reference_value)}f}"
        value = f"{self.goal}{self.value:,.{_places(self.value)}f}"
        goals = f"{self.must:>8g}{self.aim:>8g}"
        reference = beside if self.reference else ""
        return f"{self.metric:<40}{measured:>14}{reference:>26}{value:>11}{goals}  {verdict}"


def alternated(*measures: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """Medians of measurements taken in turn: a noisy moment hits all of them. The first round warms up."""
    taken: list[list[float]] = [[] for _ in measures]
    for turn in range(rounds + 1):
        for measure, series in zip(measures, taken, strict=True):
            measured = measure()
            if turn > 0:
                series.append(measured)
    return [statistics.median(series) for series in taken]


def _places(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2

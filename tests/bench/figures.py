"""One measured figure beside its goals and its reference."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

ROUNDS = 5
HEAD = f"{'':<44}{'measured':>14}{'reference':>26}{'figure':>11}{'must':>8}{'aim':>8}"
MARKDOWN_HEAD = "| | measured | reference | figure | must | aim | |\n|---|---:|---:|---:|---:|---:|---|"


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
    """Infinite: none, or its reference is in another figure."""
    aim: float
    goal: Goal = Goal.ALONE
    reference: str = ""
    reference_value: float = 0.0

    @property
    def value(self) -> float:
        """What is held against the goals."""
        if self.goal is Goal.RATIO:
            return self.measured / self.reference_value if self.reference_value else math.inf
        return self.measured - self.reference_value if self.goal is Goal.OVER else self.measured

    @property
    def missed(self) -> bool:
        """Whether it is worse than it must be."""
        return self.value > self.must

    @property
    def verdict(self) -> str:
        """In words."""
        if self.missed:
            return "MISSED"
        if math.isinf(self.aim):
            return ""
        if self.value <= self.aim:
            return "aim met"
        return "aim missed" if math.isinf(self.must) else "met"

    def line(self) -> str:
        """One line of the table under `HEAD`."""
        measured, beside, value, must, aim = self._cells()
        return f"{self.metric:<44}{measured:>14}{beside:>26}{value:>11}{must:>8}{aim:>8}  {self.verdict}"

    def markdown(self) -> str:
        """One line of the table under `MARKDOWN_HEAD`."""
        return f"| {self.metric} | {' | '.join(self._cells())} | {self.verdict} |"

    def _cells(self) -> tuple[str, ...]:
        beside = f"{self.reference} {_number(self.reference_value)}" if self.reference else ""
        goals = ("–" if math.isinf(each) else f"{each:g}" for each in (self.must, self.aim))
        sign = "" if self.goal is Goal.OVER and self.value < 0 else self.goal
        return f"{_number(self.measured)} {self.unit}", beside, f"{sign}{_number(self.value)}", *goals


def alternated(*measures: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """Medians of measurements taken in turn: a noisy moment hits all of them. The first round warms up."""
    taken: list[list[float]] = [[] for _ in measures]
    for turn in range(rounds + 1):
        for measure, series in zip(measures, taken, strict=True):
            measured = measure()
            if turn > 0:
                series.append(measured)
    return [statistics.median(series) for series in taken]


def quantile(values: Sequence[float], part: float) -> float:
    """By nearest rank; `part` is 0.95 for the 95th percentile."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def _number(value: float) -> str:
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{places}f}"

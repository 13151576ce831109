from __future__ import annotations

import math
import random

import pytest

from sql.latency.window import LEAST_SAMPLES, Window


def nearest_rank(values: list[float], percent: int) -> float:
    """The definition, word for word: the smallest value that at least percent % do not exceed."""
    return min(
        value for value in values if sum(other <= value for other in values) * 100 >= percent * len(values)
    )


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_are_exact_over_a_sliding_window(seed: int) -> None:
    chance = random.Random(seed)
    window = Window(seconds=10)
    kept: list[tuple[float, float]] = []
    at = 0.0
    for _ in range(600):
        at += chance.expovariate(20)
        value = chance.choice([round(chance.lognormvariate(0, 1), 1), math.inf, 1.0])
        window.add(at, value)
        kept = [(when, one) for when, one in [*kept, (at, value)] if when >= at - 10]
        assert len(window) == len(kept)
    values = [value for _, value in kept]
    for percent in (50, 95, 99):
        assert window.percentile(percent) == nearest_rank(values, percent)
    finite = [value for value in values if value != math.inf]
    assert window.maximum() == max(finite)
    assert window.newest(7) == tuple(finite[-7:])


@pytest.mark.parametrize(("percent", "least"), LEAST_SAMPLES.items())
def test_a_percentile_needs_samples_that_carry_it(percent: int, least: int) -> None:
    window = Window()
    for number in range(least - 1):
        window.add(number, number)
    assert window.percentile(percent) is None
    window.add(least, least)
    assert window.percentile(percent) is not None


def test_an_empty_window_says_nothing() -> None:
    window = Window(1.0)
    window.add(0.0, math.inf)
    assert window.maximum() is None
    window.forget(2.0)
    assert len(window) == 0
    assert window.percentile(50) is None

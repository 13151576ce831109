from __future__ import annotations

import math

import pytest

from sql.latency.trend import LEAST_SAMPLES, Trend, trend

MANY = LEAST_SAMPLES


@pytest.mark.parametrize(
    ("older", "newer", "said"),
    [
        (1.0, 1.3, Trend.RISING),
        (1.0, 1.2, Trend.STEADY),
        (1.3, 1.0, Trend.FALLING),
        (0.10, 0.15, Trend.STEADY),  # half again as much, and nobody would notice
        (500.0, 400.0, Trend.FALLING),
    ],
)
def test_which_way_the_median_goes(older: float, newer: float, said: Trend) -> None:
    assert trend([older] * MANY, [newer] * MANY) is said


def test_one_slow_sample_is_no_trend() -> None:
    assert trend([1.0] * MANY, [1.0] * MANY + [900.0]) is Trend.STEADY


def test_too_few_or_unanswered_tell_nothing() -> None:
    assert trend([1.0] * (MANY - 1), [9.0] * MANY) is None
    assert trend([1.0] * MANY, [math.inf] * MANY) is None

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from sql.latency.window import LEAST_SAMPLES, MOST_SAMPLES, TRIMMED, WINDOWS, Window

HOUR_AT_20 = 72_000
SAMPLE_BYTES = 32
"""A time, two durations and two counts."""
ORDER_BYTES = 16
"""Twice the duration, in order."""


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
        window.add(at, value, value)
        kept = [(when, one) for when, one in [*kept, (at, value)] if when >= at - 10]
        assert len(window) == len(window.services) == len(kept)
        assert window.since == kept[0][0]
    values = [value for _, value in kept]
    for percent in (50, 95, 99):
        assert window.latencies.percentile(percent) == nearest_rank(values, percent)
        assert window.services.percentile(percent) == nearest_rank(values, percent)
    finite = [value for value in values if value != math.inf]
    assert window.latencies.maximum() == max(finite)
    assert window.newest(7) == tuple(finite[-7:])


@pytest.mark.parametrize("seed", range(10))
def test_another_window_is_as_exact_as_one_that_was_looked_at_all_along(seed: int) -> None:
    chance = random.Random(seed)
    every = {seconds: Window(seconds) for seconds in (1.0, 5.0, 15.0, math.inf)}
    switched = Window(5.0)
    at = 0.0
    for _ in range(500):
        at += chance.expovariate(20)
        latency = chance.choice([chance.lognormvariate(0, 1), math.inf])
        service = chance.choice([None, 1.0])
        failed = service is None and chance.random() < 0.3
        more = {"failed": failed, "due": chance.randint(0, 3), "runs": chance.randint(0, 1)}
        for window in (*every.values(), switched):
            window.add(at, latency, service, **more)  # type: ignore[arg-type]
        seconds = chance.choice(list(every))
        switched.look(seconds, at)
        assert said(switched) == said(every[seconds])


def said(window: Window) -> tuple[object, ...]:
    """Everything that a window says."""
    ranks = (window.latencies, window.services)
    percentiles = [each.percentile(percent) for each in ranks for percent in (50, 95, 99)]
    counts = (len(window), len(window.services), window.failed, window.due, window.runs, window.since)
    return (*percentiles, *counts, window.newest(5), window.latencies.minimum())


@pytest.mark.parametrize(("percent", "least"), LEAST_SAMPLES.items())
def test_a_percentile_needs_samples_that_carry_it(percent: int, least: int) -> None:
    window = Window()
    for number in range(least - 1):
        window.add(number, number)
    assert window.latencies.percentile(percent) is None
    window.add(least, least)
    assert window.latencies.percentile(percent) is not None


def test_an_empty_window_says_nothing() -> None:
    window = Window(1.0)
    window.add(0.0, math.inf)
    assert window.latencies.maximum() is None
    window.forget(2.0)
    assert len(window) == 0
    assert window.latencies.percentile(50) is None
    assert window.since is None


def test_runs_that_failed_leave_with_the_window() -> None:
    window = Window(10.0)
    window.add(0.0, math.inf, failed=True, due=4, runs=1)
    window.add(6.0, 1.0, 1.0, due=1, runs=1)
    assert (window.failed, window.due, window.runs) == (1, 5, 2)
    window.forget(12.0)
    assert (window.failed, window.due, window.runs) == (0, 1, 1)


@pytest.mark.parametrize("seconds", WINDOWS)
def test_an_hour_at_twenty_a_second_takes_no_more_memory_than_its_bound(seconds: float | None) -> None:
    window = Window(seconds or math.inf)
    sizes = []
    for number in range(HOUR_AT_20):
        window.add(number / 20, number % 97, number % 89, due=1, runs=1)
        sizes.append(window.bytes)
    in_window = min(int((seconds or math.inf) * 20) + 1 if seconds else MOST_SAMPLES, MOST_SAMPLES)
    assert len(window) == in_window
    bound = (MOST_SAMPLES + TRIMMED) * SAMPLE_BYTES + (in_window + 1) * ORDER_BYTES
    assert max(sizes) <= bound
    # It does not grow any more from when it is full: a second half hour like the first.
    assert max(sizes[HOUR_AT_20 // 2 + TRIMMED :]) == max(sizes)
    assert window.due == window.runs == in_window
    assert window.cut == (seconds is None)


def test_what_was_too_much_to_be_kept_is_said_only_where_it_is_asked_for() -> None:
    window = Window(5.0, most=100)
    for number in range(300):
        window.add(number / 20, 1.0)
    # A hundred samples are five seconds: one more is asked for than is there.
    assert (len(window), window.cut) == (100, True)
    window.look(4.0, 299 / 20)
    assert window.cut is False
    window.look(math.inf, 299 / 20)
    assert (len(window), window.cut, window.since) == (100, True, 10.0)


def test_the_windows_are_in_the_order_in_which_they_are_chosen() -> None:
    lengths = [seconds or math.inf for seconds in WINDOWS]
    assert all(shorter < longer for shorter, longer in pairwise(lengths))

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterable

import pytest

from sql.latency.messages import Sample
from sql.latency.series import OLD_KEPT, RAW_S, TRIM_AT, Bucket, Series
from sql.latency.trend import Trend

WALL = 1_800_000_000.0
"""Of the wall's clock, when the samples' clock says 0: a whole hour."""


def sample(end: float, latency_ms: float, *, answered: bool = True) -> Sample:
    return Sample(end - latency_ms / 1000, end - latency_ms / 1000, end, None, answered)


def series(samples: Iterable[tuple[float, float]]) -> Series:
    """Of pairs of end and latency in ms."""
    made = Series()
    for end, latency_ms in samples:
        made.add([sample(end, latency_ms)], WALL)
    return made


def number(at: float, width: int) -> int:
    return math.floor((WALL + at) / width)


def test_a_bucket_has_the_nearest_rank_and_the_slowest() -> None:
    made = series([(10.1, 3.0), (10.2, 1.0), (10.3, 9.0), (10.4, 2.0), (12.0, 7.0)])
    first, gap, last = made.buckets(number(10, 1), 1, 3, WALL)
    assert first is not None
    assert (first.samples, first.failed) == (4, 0)
    assert first.median_ms == pytest.approx(2.0)
    assert first.max_ms == pytest.approx(9.0)
    assert gap is None
    assert last is not None and last.samples == 1


def test_what_is_due_counts_and_not_what_was_sent() -> None:
    made = Series()
    made.add([Sample(due=1.0, start=3.9, end=4.0)], WALL)
    (bucket,) = made.buckets(number(4, 1), 1, 1, WALL)
    assert bucket is not None and bucket.max_ms == pytest.approx(3000)


def test_failures_are_counted_and_have_no_latency() -> None:
    made = Series()
    made.add([sample(1.1, 5.0), sample(1.2, 5.0, answered=False), sample(1.3, 5.0, answered=False)], WALL)
    (bucket,) = made.buckets(number(1, 1), 1, 1, WALL)
    assert bucket == Bucket(samples=3, failed=2, median_ms=None, max_ms=pytest.approx(5.0))


def test_the_newest_bucket_grows_and_a_closed_one_stays() -> None:
    made = series([(0.5, 1.0)])
    assert made.buckets(number(0, 1), 1, 1, WALL)[0].samples == 1  # type: ignore[union-attr]
    made.add([sample(0.9, 2.0), sample(1.1, 3.0)], WALL)
    closed = made.buckets(number(0, 1), 1, 2, WALL)
    assert [each.samples for each in closed if each] == [2, 1]
    made.add([sample(1.5, 3.0)], WALL)
    again = made.buckets(number(0, 1), 1, 2, WALL)
    assert again[0] is closed[0]
    assert again[1] is not None and again[1].samples == 2


def test_old_buckets_outlive_their_samples_with_the_same_figures() -> None:
    random.seed(3)
    pairs = [(at / 4, random.lognormvariate(0, 1)) for at in range(4 * 3600)]
    made = series(pairs)
    assert made._ends[0] > 3600 - RAW_S - TRIM_AT / 4
    for width in OLD_KEPT:
        for place, bucket in enumerate(made.buckets(number(0, width), width, 3600 // width, WALL)):
            inside = sorted(value for end, value in pairs if place * width <= end < (place + 1) * width)
            assert bucket is not None
            assert bucket.samples == len(inside)
            assert bucket.max_ms == pytest.approx(inside[-1], rel=1e-4)
            assert bucket.median_ms == pytest.approx(inside[(len(inside) - 1) // 2], rel=1e-4)


def test_an_hour_of_twenty_a_second_is_bounded() -> None:
    made = Series()
    sizes = []
    for minute in range(60):
        at = minute * 60
        made.add([sample(at + tick / 20, 1.0) for tick in range(1200)], WALL)
        made.buckets(number(at, 5), 5, 60, WALL)
        sizes.append(sys.getsizeof(made._ends) + sys.getsizeof(made._values))
    assert max(sizes) == max(sizes[: int(RAW_S // 60) + 10]), "it goes on growing"
    assert max(sizes) < 600_000
    assert sum(len(kept) for kept in made._old.values()) <= sum(OLD_KEPT.values())
    assert len(made._remembered) <= 512


def test_a_day_later_there_is_a_gap_and_no_work() -> None:
    made = series([(1.0, 1.0)])
    made.add([sample(86_400.0, 2.0)], WALL)
    minutes = made.buckets(number(0, 60), 60, 1441, WALL)
    assert [place for place, bucket in enumerate(minutes) if bucket] == [0, 1440]


def test_a_clock_that_goes_back_breaks_nothing() -> None:
    made = series([(5.0, 1.0), (4.0, 2.0), (6.0, 3.0)])
    assert sum(bucket.samples for bucket in made.buckets(number(4, 1), 1, 3, WALL) if bucket) == 3


def test_the_trend_compares_the_halves_of_the_window() -> None:
    slower = series([(at / 10, 1.0 if at < 300 else 2.0) for at in range(600)])
    assert slower.trend(60, 60.0) is Trend.RISING
    assert slower.trend(20, 60.0) is Trend.STEADY
    faster = series([(at / 10, 3.0 if at < 300 else 2.0) for at in range(600)])
    assert faster.trend(60, 60.0) is Trend.FALLING
    assert series([(1.0, 1.0)]).trend(60, 60.0) is None
    assert Series().trend(60, 60.0) is None

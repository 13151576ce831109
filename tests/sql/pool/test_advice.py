"""When a read replica is worth it, with the figures behind it; and the history that they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sql.pool.advice import Weight, read_replica
from sql.pool.history import Point, PoolHistory, columns
from sql.pool.pgbouncer_reading import PgbouncerPool, PgbouncerReading
from tests.tui import samples


def history(minutes: float, running: Callable[[float], int | None], queued: int = 0) -> list[Point]:
    """One point in two seconds; `running` by the share of the time, 0 to 1."""
    number = int(minutes * 30) + 1
    return [Point(2.0 * at, 10, 0, running(at / number), queued) for at in range(number)]


CALM = history(6, lambda _: 1)


@pytest.mark.parametrize(
    ("processors", "running", "weight"),
    [(None, 8, Weight.UNKNOWN), (4, 3, Weight.HOLDS), (8, 3, Weight.NOT), (4, None, Weight.UNKNOWN)],
)
def test_cpu_is_judged_only_where_the_processors_are_known(
    processors: int | None, running: int | None, weight: Weight
) -> None:
    rule = read_replica(history(6, lambda _: running), None, None, 0, processors).rules[0]
    assert rule.weight is weight
    if processors is None:
        assert "not visible through SQL" in rule.sentence and "8.0 backends ran" in rule.sentence


def test_a_short_peak_is_not_sustained() -> None:
    assert read_replica(history(1, lambda _: 4), None, None, 0, 4).rules[0].weight is Weight.NOT


@pytest.mark.parametrize(
    ("points", "weight"),
    [
        (CALM, Weight.NOT),
        (history(6, lambda at: int(1 + 9 * at)), Weight.HOLDS),
        (history(6, lambda at: int(10 - 9 * at)), Weight.NOT),
        (history(1, lambda at: int(1 + 9 * at)), Weight.UNKNOWN),
        ([], Weight.UNKNOWN),
    ],
)
def test_a_queue_must_build_up_for_a_while(points: list[Point], weight: Weight) -> None:
    assert read_replica(points, None, None).rules[1].weight is weight


@pytest.mark.parametrize(
    ("leads", "weight"), [(None, Weight.UNKNOWN), (10_000, Weight.NOT), (10_001, Weight.HOLDS)]
)
def test_ten_thousand_leads(leads: int | None, weight: Weight) -> None:
    assert read_replica(CALM, leads, None).rules[2].weight is weight


@pytest.mark.parametrize(
    ("leads", "reads", "replicas", "part"),
    [
        (5, 0.9, 0, "no rule asks for one; not known: CPU"),
        (20_000, 0.9, 0, "1 of 3 rules hold (client > 10K leads); 90% of the rows are reads"),
        (20_000, 0.2, 0, "only 20% of the rows are read, not written: a replica takes reads only"),
        (20_000, 0.9, 1, "1 streams already: send reads there"),
        (20_000, None, 2, "2 stream already"),
    ],
)
def test_the_rules_in_one_line(leads: int, reads: float | None, replicas: int, part: str) -> None:
    advice = read_replica(CALM, leads, reads, replicas)
    assert part in advice.sentence
    assert advice.worth is (leads > 10_000)


def test_the_history_is_a_ring_without_repetitions() -> None:
    kept = PoolHistory(3)
    for at in (0.0, 1.0, 2.0, 3.0, 4.0, 4.0):
        kept.take(samples.POOL.pool, at)
    assert len(kept.points) == 3 and kept.span_s == 2
    assert [point.used for point in kept.last(1)] == [14, 14]
    kept.take(samples.POOL.pool, 0.5)
    assert len(kept.points) == 1, "going back in a recording begins anew"


def test_clients_before_the_pooler_are_remembered() -> None:
    pools = (PgbouncerPool("sales", "app", 5, 3, 0.5, 2, 0), PgbouncerPool("sales", "b", 1, 1, 0.5, 2, 0))
    pool = replace(samples.POOL.pool, pgbouncer=PgbouncerReading(pools=pools))
    kept = PoolHistory()
    kept.take(pool, 0.0)
    assert kept.points[0].queued == 4


def test_a_plot_shows_the_most_of_each_part_and_gaps() -> None:
    points = [Point(float(at), used, 0, None, 0) for at, used in ((0, 5), (1, 9), (20, 3), (39, 7))]
    assert columns(points, 4, 40) == (9, 3, None, 7) or columns(points, 4, 40) == (9, None, 3, 7)
    assert columns([], 4, 40) == ()

"""Differences of counters: across which changes they are given, and across which not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sql.slow_statements import Totals
from sql.statement_counters import SPAN_S, Counted, Deltas, Entries

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
LATER = SINCE + timedelta(days=1)


def counted(calls: int, total_ms: float = 0.0, **more: object) -> Counted:
    return Counted(Totals(calls, total_ms, 0, 0, 0), Entries(**more))  # type: ignore[arg-type]


def calls_between(first: Counted, last: Counted, evicted: int = 0) -> int | None:
    """The calls of the difference of two readings."""
    deltas = Deltas()
    deltas.take(0.0, {1: first}, since=SINCE, evicted=0)
    deltas.take(5.0, {1: last}, since=SINCE, evicted=evicted)
    found = deltas.of(1)
    return None if found is None else found.calls


def test_differences_are_of_the_last_minute() -> None:
    deltas = Deltas()
    for second in range(0, 200, 10):
        deltas.take(float(second), {1: counted(second)}, since=SINCE, evicted=0)
    found = deltas.of(1)
    assert found is not None and found.calls == SPAN_S


def test_a_statement_that_is_new_counts_from_nought_only_where_nothing_was_evicted() -> None:
    deltas = Deltas()
    deltas.take(0.0, {}, since=SINCE, evicted=0)
    deltas.take(5.0, {1: counted(3)}, since=SINCE, evicted=0)
    assert deltas.of(1) == counted(3).totals
    deltas.take(6.0, {1: counted(4), 2: counted(9)}, since=SINCE, evicted=5)
    assert deltas.of(2) is None


def test_a_counter_that_went_back_tells_nothing() -> None:
    deltas = Deltas()
    deltas.take(0.0, {1: counted(50, 10.0)}, since=SINCE, evicted=0)
    deltas.take(5.0, {1: counted(3, 1.0)}, since=SINCE, evicted=1)
    assert deltas.of(1) is None
    assert not deltas.reset_seen


def test_an_entry_that_was_made_anew_tells_nothing_however_far_it_has_come() -> None:
    before = counted(5, 10.0, made_at=SINCE)
    assert calls_between(before, counted(9, 20.0, made_at=SINCE), evicted=3) == 4
    assert calls_between(before, counted(9, 20.0, made_at=LATER), evicted=1) is None
    # Reset alone, by its id: nothing was evicted.
    assert calls_between(before, counted(9, 20.0, made_at=LATER)) is None


def test_an_entry_of_another_role_counts_from_nought_only_where_nothing_was_evicted() -> None:
    before = counted(5, 10.0, made_at=SINCE)
    two = counted(9, 20.0, made_at=LATER, count=2)
    assert calls_between(before, two) == 4
    assert calls_between(before, two, evicted=1) is None
    assert calls_between(two, counted(12, 30.0, made_at=LATER)) is None


def test_before_17_an_entry_that_was_made_anew_is_known_by_extremes_that_it_has_forgotten() -> None:
    before = counted(5, 10.0, least_ms=1.0, most_ms=4.0)
    assert calls_between(before, counted(9, 20.0, least_ms=0.5, most_ms=4.0), evicted=3) == 4
    assert calls_between(before, counted(9, 20.0, least_ms=1.0, most_ms=3.0), evicted=3) is None
    assert calls_between(before, counted(9, 20.0, least_ms=1.5, most_ms=5.0)) is None
    planned = counted(0)
    assert calls_between(planned, counted(2, 4.0, least_ms=2.0, most_ms=2.0)) == 2
    assert calls_between(before, planned) is None

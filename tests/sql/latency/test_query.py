"""What a run costs decides how often a probe runs: failures and old plans must not."""

from __future__ import annotations

from sql.latency.messages import Sample
from sql.latency.query import COST_RUNS, Query
from tests.sql.latency.targets import DASHBOARD


def query(*took_s: float) -> Query:
    made = Query(DASHBOARD)
    for seconds in took_s:
        made.note_cost(Sample(0.0, 0.0, seconds))
    return made


def test_a_run_that_was_cut_off_does_not_make_the_probe_dear() -> None:
    asked = query(*[0.002] * COST_RUNS)
    for _ in range(COST_RUNS):
        asked.note_cost(Sample(0.0, 0.0, 10.0, "57014: canceling statement due to statement timeout", True))
    assert asked.cost == 0.002


def test_one_stall_changes_nothing() -> None:
    assert query(*[0.002] * COST_RUNS, 5.0).cost == 0.002


def test_a_better_plan_counts_from_its_second_run_on() -> None:
    slow = [10.0] * COST_RUNS
    assert query(*slow, 0.002).cost == 10.0
    assert query(*slow, 0.002, 0.004).cost == 0.003


def test_one_quick_run_between_slow_ones_is_luck() -> None:
    assert query(*[10.0] * COST_RUNS, 0.002, 10.0, 0.002).cost == 10.0

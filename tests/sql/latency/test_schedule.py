from __future__ import annotations

import random

import pytest

from sql.latency.schedule import DECK, VERIFY, Pace, Schedule, Ticks, periods


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("pace", [VERIFY, DECK], ids=["verify", "deck"])
def test_all_probes_together_use_no_more_than_their_share(seed: int, pace: Pace) -> None:
    chance = random.Random(seed)
    costs = [chance.lognormvariate(-6, 2) for _ in range(chance.randint(1, 30))]
    found = periods(costs, pace)
    assert sum(cost / period for cost, period in zip(costs, found, strict=True)) <= pace.share * 1.000001
    assert sum(1 / period for period in found) <= pace.most_per_s * 1.000001
    assert min(found) >= pace.fastest_s


def test_cheap_probes_keep_their_pace_beside_a_dear_one() -> None:
    cheap, dear = periods([0.001, 2.0], VERIFY)
    assert cheap == VERIFY.fastest_s
    assert dear == pytest.approx(2.0 / (0.5 - 0.001 / 0.025))


def test_ten_seconds_of_verify_carry_a_p99_for_cheap_probes() -> None:
    for period in periods([0.002] * 5, VERIFY):
        assert 10 / period >= 200


def schedule(count: int) -> Schedule:
    made = Schedule(chance=lambda: 0.0)
    for number in range(count):
        made.admit(number, Ticks(1.0))
    made.start(0.0)
    return made


@pytest.mark.hazard("LAT-06")
def test_a_tick_counts_from_when_it_is_due() -> None:
    made = schedule(1)
    assert made.next() == (0, 0.0)
    assert made.begin(0, 0.0) == [0.0]
    made.end(0, 0.0, 0.5)
    assert made.next() == (0, 1.0)


@pytest.mark.hazard("LAT-06")
def test_ticks_that_come_due_while_their_own_probe_stalls_count_in_full() -> None:
    made = schedule(1)
    made.begin(0, 0.0)
    made.end(0, 0.0, 3.5)
    assert made.next() == (0, 1.0)
    assert made.begin(0, 3.5) == [1.0, 2.0, 3.0]
    assert made.taken(0) == (4, 2)


def test_a_tick_that_waits_for_another_probe_counts_from_the_free_connection() -> None:
    made = schedule(2)
    assert made.begin(0, 0.0) == [0.0]
    made.end(0, 0.0, 0.4)
    assert made.begin(1, 0.4) == pytest.approx([0.4])
    made.end(1, 0.4, 3.5)
    # Three ticks of the first came due meanwhile: one is run, and none is charged with the wait.
    assert made.begin(0, 3.5) == [3.5]
    assert made.taken(0) == (4, 2)


def test_a_stall_is_not_hidden_by_a_probe_that_runs_in_between() -> None:
    made = schedule(2)
    made.begin(0, 0.0)
    made.end(0, 0.0, 2.5)
    made.begin(1, 2.5)
    made.end(1, 2.5, 2.75)
    # Waited 1.5 s and 0.5 s for the server, 0.25 s for the other probe.
    assert made.begin(0, 2.75) == [1.25, 2.25]


def test_what_pgdeck_does_on_the_side_is_charged_to_no_probe() -> None:
    made = schedule(1)
    made.end(None, 0.5, 2.5)
    assert made.begin(0, 2.5) == [2.5]


@pytest.mark.hazard("LAT-05")
def test_a_process_that_wakes_late_charges_no_probe_and_misses_ticks() -> None:
    made = schedule(1)
    assert made.begin(0, 2.25) == [2.25]
    assert made.taken(0) == (3, 1)


def test_a_failing_probe_is_left_alone() -> None:
    made = schedule(1)
    made.begin(0, 0.0)
    made.end(0, 0.0, 2.5)
    made.hold(0, 8.0)
    assert made.next() == (0, 11.0)


def test_a_pause_misses_nothing() -> None:
    made = schedule(1)
    made.begin(0, 0.0)
    made.end(0, 0.0, 0.1)
    made.start(100.0)
    assert made.begin(0, 100.0) == [100.0]
    assert made.taken(0) == (2, 2)


@pytest.mark.hazard("LAT-06")
def test_what_came_due_while_the_process_was_stopped_counts_from_when_it_was_due() -> None:
    made = schedule(2)
    assert made.begin(0, 2.25, stood_still_from=0.0) == [0.0, 1.0, 2.0]
    made.end(0, 2.25, 2.26)
    # The other one was as much held up by us, which is said and not hidden; the run before it is not charged.
    assert made.begin(1, 2.26) == pytest.approx([0.01, 1.01, 2.01])
    assert made.taken(0) == (3, 1)


@pytest.mark.hazard("LAT-06")
def test_a_standstill_while_another_probe_runs_counts_too() -> None:
    made = schedule(2)
    made.begin(0, 0.0)
    made.end(0, 0.0, 0.1)
    made.begin(1, 0.1)
    made.end(1, 0.1, 3.5, stood_still_from=0.2)
    assert made.begin(0, 3.5) == [1.0, 2.0, 3.0]


def test_a_probe_takes_its_ticks_along_to_another_connection() -> None:
    here, there = schedule(2), Schedule()
    here.begin(0, 0.0)
    here.end(0, 0.0, 2.5)
    there.admit(0, here.release(0), waited_s=0.2)
    assert here.next() == (1, 0.0 + 2.5)
    assert there.next() == (0, 1.2)
    assert there.begin(0, 2.7) == pytest.approx([1.2, 2.2])
    assert there.taken(0) == (3, 2)


def test_a_schedule_without_probes_has_nothing_to_do() -> None:
    assert Schedule().next() is None

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from profiles.manifest import ProbeEntry, Target
from sql.findings import ProbeFinding
from sql.latency.messages import (
    Attached,
    Floor,
    Message,
    Overdue,
    Planned,
    Sample,
    Samples,
    ServerMean,
    Standstill,
    Stopped,
    Ungranted,
    Unmeasured,
    decode,
    encode,
)
from sql.latency.readings import ProbePlan, ProbeReading
from sql.latency.record import RECENT, Records
from sql.latency.window import MOST_SAMPLES, TRIMMED

ENTRY = ProbeEntry("dash", "SELECT 1", Target(25, 35, 50))


def samples(latencies_ms: list[float], **more: object) -> Samples:
    rows = tuple(Sample(number, number, number + ms / 1000, **more) for number, ms in enumerate(latencies_ms))  # type: ignore[arg-type]
    return Samples(0, len(rows), len(rows), rows)


def read(*messages: object, entry: ProbeEntry = ENTRY, now: float = 1000.0) -> ProbeReading:
    records = Records([entry])
    for message in messages:
        records.take(message, now)  # type: ignore[arg-type]
    return records.snapshot(now).probes[0]


def test_met() -> None:
    reading = read(samples([10.0] * 200))
    assert (reading.finding, reading.samples, reading.kept, reading.detail) == (
        ProbeFinding.MET,
        200,
        1.0,
        "",
    )
    assert [reading.p50_ms, reading.p99_ms, reading.service_p99_ms] == pytest.approx([10.0] * 3)


def test_missed_names_the_percentile_and_the_target() -> None:
    reading = read(samples([10.0] * 90 + [40.0] * 10))
    assert reading.finding is ProbeFinding.MISSED
    assert reading.detail == "p95 is 40.0 ms, 35 ms wanted"


def test_a_percentile_that_is_not_carried_is_not_judged_and_said() -> None:
    reading = read(samples([10.0] * 99))
    assert (reading.finding, reading.p99_ms) == (ProbeFinding.MET, None)
    assert reading.detail == "p99 not judged: it needs 100 samples, there are 99"
    only_p99 = ProbeEntry("x", "SELECT 1", Target(p99_ms=50))
    assert read(samples([10.0] * 99), entry=only_p99).finding is ProbeFinding.NOT_MEASURED


def test_a_few_samples_all_above_the_target_are_enough_to_miss_it() -> None:
    reading = read(samples([90.0, 80.0, 70.0]))
    assert (reading.finding, reading.p50_ms) == (ProbeFinding.MISSED, None)
    assert "p50: each of 3 samples is above 25 ms" in reading.detail
    assert read(samples([90.0, 80.0])).finding is ProbeFinding.NOT_MEASURED
    assert read(samples([90.0, 20.0, 70.0])).finding is ProbeFinding.NOT_MEASURED


def test_an_error_is_slow_and_fails_the_probe() -> None:
    failed = samples([0.1] * 10, error="42P01: no table", answered=False)
    reading = read(samples([10.0] * 90), failed)
    assert reading.finding is ProbeFinding.FAILING
    assert reading.detail == "10 of 100 runs failed: 42P01: no table"
    assert (reading.samples, reading.errors) == (100, 10)
    assert reading.p50_ms == pytest.approx(10.0)
    assert reading.p95_ms is None
    assert reading.max_ms == pytest.approx(10.0)
    assert json.dumps(reading.p95_ms, allow_nan=False) == "null"


def test_a_run_that_was_cut_off_counts_with_the_time_it_took() -> None:
    reading = read(samples([10_000.0] * 5, error="57014: canceled"))
    assert (reading.errors, reading.p50_ms) == (5, pytest.approx(10_000.0))


def test_ticks_that_share_a_run_count_once_as_service() -> None:
    run = Sample(0.0, 2.0, 3.0)
    shared = Sample(1.0, 2.0, 3.0, shared=True)
    reading = read(Samples(0, 2, 1, (run, shared)))
    assert (reading.samples, reading.kept) == (2, 0.5)
    assert reading.recent_ms == (3000.0, 2000.0)


def test_what_cannot_be_measured_says_why_until_it_can() -> None:
    obstacle = Unmeasured(0, "no rows")
    assert (read(obstacle).finding, read(obstacle).detail) == (ProbeFinding.NOT_MEASURED, "no rows")
    assert read(obstacle, samples([1.0] * 200)).finding is ProbeFinding.MET


OVERDUE = Overdue(0, 10.0, 20.0, pid=41)


def test_a_run_in_flight_that_takes_too_long_is_said_until_it_ends() -> None:
    assert read(OVERDUE, now=15.0).waits_s == 5.0
    before = Samples(0, 1, 1, (Sample(9.0, 9.0, 9.1),))
    assert read(OVERDUE, before, now=15.0).waits_s == 5.0
    its = Samples(0, 1, 1, (Sample(10.0, 10.0, 15.0),))
    assert read(OVERDUE, its, now=15.0).waits_s is None
    other = Samples(1, 1, 1, (Sample(10.0, 10.0, 15.0),))
    records = Records([ENTRY, ENTRY])
    for message in (OVERDUE, other):
        records.take(message, 15.0)
    assert [each.waits_s for each in records.snapshot(15.0).probes] == [5.0, None]


def test_a_run_whose_connection_is_lost_does_not_wait_for_ever() -> None:
    attached, again, second = Attached(41, "", 0), Attached(42, "", 0), Attached(43, "", 1)
    assert read(attached, OVERDUE, second, now=15.0).waits_s == 5.0
    assert read(attached, OVERDUE, again, now=15.0).waits_s is None
    assert read(attached, OVERDUE, Stopped("lost", refused=False), now=15.0).waits_s is None


def refused(error: str) -> Samples:
    return samples([1.0], error=error, answered=False)


def test_only_a_missing_grant_leaves_a_refused_probe_unmeasured() -> None:
    absent, denied = refused("42P01: no table t"), refused("42501: permission denied for table t")
    grant = Ungranted(0, ("GRANT SELECT ON s.t TO r",))
    assert read(absent).finding is ProbeFinding.FAILING
    assert read(absent, grant).detail == "no table t; what mends it: GRANT SELECT ON s.t TO r"
    assert read(denied).finding is ProbeFinding.NOT_MEASURED
    assert read(denied, grant, Ungranted(0, ())).detail.endswith(
        "this profile's role needs the right to that"
    )
    assert read(denied, refused("22012: division by zero"), grant).finding is ProbeFinding.FAILING
    assert read(samples([1.0]), absent, grant).finding is ProbeFinding.FAILING


def test_errors_leave_with_the_window() -> None:
    records = Records([ENTRY], window_s=300)
    records.take(samples([1.0], error="x", answered=False), 0.0)
    assert records.snapshot(200.0).probes[0].finding is ProbeFinding.FAILING
    assert records.snapshot(400.0).probes[0].finding is ProbeFinding.NOT_MEASURED


@pytest.mark.parametrize(
    "message",
    [
        samples([1.0, 2.0], error='42P01: "x"\n', answered=False),
        Planned(3, ProbePlan("Seq Scan", False, "i", "note")),
        Unmeasured(0, "why"),
        Ungranted(1, ("GRANT SELECT ON t TO r",)),
        ServerMean(1, None),
        Attached(4242, "2026-01-02T03:04:05.678901+00:00", 1),
        Overdue(2, 12.5, 20.0, 4242),
        Floor((Sample(0.0, 0.0, 0.001),)),
        Standstill(1.0, 4.0),
        Samples(1, 5, 2, (Sample(0.0, 0.0, 0.001),), every_s=2.1, slowed=True),
        Stopped("lost", refused=True),
    ],
)
def test_messages_survive_the_pipe(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


def test_another_window_counts_what_was_measured_in_it() -> None:
    records = Records([ENTRY], window_s=300)
    for minute in range(20):
        rows = tuple(Sample(at, at, at + 0.001 * (minute + 1)) for at in range(minute * 60, minute * 60 + 60))
        records.take(Samples(0, 60, 60, rows), minute * 60 + 60)
    counted = {}
    for window_s in (60, 300, 900, None):
        records.look(window_s, 1200.0)
        found = records.snapshot(1200.0)
        assert found.window_s == window_s
        counted[window_s] = (found.probes[0].samples, found.probes[0].p50_ms)
    assert counted[60] == (60, pytest.approx(20.0))
    assert counted[300] == (300, pytest.approx(18.0))
    assert counted[900] == (900, pytest.approx(13.0))
    assert counted[None][0] == 1200


def test_since_the_start_says_from_when_it_counts() -> None:
    records = Records([ENTRY], window_s=60)
    records.take(samples([1.0] * 100), 100.0)
    records.look(None, 200.0)
    found = records.snapshot(200.0)
    assert found.since is not None and found.clock == 200.0
    assert (found.taken_at - found.since).total_seconds() == pytest.approx(200.0, abs=0.01)
    assert found.cut is False
    rows = tuple(Sample(at, at, at) for at in range(100, MOST_SAMPLES + 100))
    records.take(Samples(0, len(rows), len(rows), rows), rows[-1].end)
    found = records.snapshot(rows[-1].end)
    assert (found.cut, found.probes[0].samples) == (True, MOST_SAMPLES)
    assert (found.taken_at - found.since).total_seconds() == pytest.approx(MOST_SAMPLES - 1, abs=0.01)  # type: ignore[operator]


def test_the_floor_is_shown_beside_and_changes_nothing() -> None:
    records = Records([ENTRY])
    records.take(samples([10.0] * 200), 0.0)
    without = records.snapshot(200.0)
    records.take(Floor(tuple(Sample(at, at, at + 0.0002) for at in range(30))), 30.0)
    found = records.snapshot(200.0)
    assert found.probes == without.probes
    assert without.floor is None and found.floor is not None
    assert (found.floor.samples, found.floor.p99_ms) == (30, None)
    assert found.floor.p95_ms == pytest.approx(0.2)


def test_a_heavy_probe_says_how_often_it_is_due() -> None:
    heavy = Samples(0, 1, 1, (Sample(0.0, 0.0, 0.4),), every_s=2.1, slowed=True)
    reading = read(heavy)
    assert (reading.every_s, reading.slowed) == (2.1, True)
    assert read(samples([1.0])).every_s is None


def test_an_hour_of_ten_probes_at_twenty_a_second_is_bounded() -> None:
    probes = [replace(ENTRY, name=f"probe_{number}") for number in range(10)]
    records = Records(probes)
    sizes = []
    for second in range(3600):
        for number in range(10):
            rows = tuple(Sample(at, at, at + 0.01) for at in (second + turn / 20 for turn in range(20)))
            records.take(Samples(number, 20, 20, rows), second + 1)
        if second % 60 == 59:
            found = records.snapshot(second + 1)
            # What is drawn does not grow either.
            assert all(len(reading.recent_ms) <= RECENT for reading in found.probes)
            sizes.append(records.bytes)
    # A sample takes 32 bytes, and 16 more where it is in the window, which is the longest here.
    assert max(sizes) <= 10 * ((MOST_SAMPLES + TRIMMED) * 32 + MOST_SAMPLES * 16) <= 20_000_000
    # Full after half an hour; the second half adds nothing.
    assert max(sizes[32:]) == max(sizes)
    assert records.snapshot(3600).cut

"""What is known of the server: what changed, what is stale, what the verdict is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sql.findings import IndexFinding, PoolFinding, Verdict
from sql.latency.plan_notes import WITHOUT
from sql.latency.readings import ProbePlan
from sql.pool.pgbouncer_reading import PgbouncerPool, PgbouncerReading, PgbouncerSnapshot
from sql.snapshots import Lost, PoolSnapshot, ProbesSnapshot, Unavailable
from tests.tui import samples
from tui.watching import Readings

LATER = samples.NOW + timedelta(seconds=10)


def test_only_what_changed_is_named() -> None:
    readings = Readings(samples.MANIFEST)
    assert readings.apply(samples.INDEXES, samples.NOW) == {"indexes"}
    assert readings.apply(replace(samples.INDEXES, taken_at=LATER), LATER) == set()
    assert readings.known("indexes").taken_at == LATER
    assert readings.apply(samples.many(3), LATER) == {"indexes"}


def test_a_lost_server_makes_everything_stale_until_it_is_read_again() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(samples.INDEXES, samples.NOW)
    assert "indexes" in readings.apply(Lost("cut", 2.0), LATER)
    assert readings.is_stale("indexes")
    assert readings.apply(Lost("cut", 4.0), LATER) == set()
    judgement = readings.judged()
    assert judgement is not None
    assert judgement.verdict is Verdict.UNKNOWN
    assert "indexes" in readings.apply(samples.POOL, LATER)
    assert not readings.is_stale("indexes")


def test_an_unreadable_part_keeps_its_last_reading_and_obscures_the_verdict() -> None:
    readings = Readings(samples.MANIFEST)
    for event in samples.EVERYTHING:
        readings.apply(event, samples.NOW)
    judgement = readings.judged()
    assert judgement is not None
    assert judgement.verdict is Verdict.NOT_READY
    gone = Unavailable("indexes", "permission denied")
    assert readings.apply(gone, LATER) == {"indexes"}
    assert readings.apply(gone, LATER) == set()
    assert readings.is_stale("indexes")
    assert readings.known("indexes").snapshot is samples.INDEXES
    assert readings.judged_parts().indexes is gone


def test_what_a_plan_proves_of_an_index_depends_on_what_the_index_is() -> None:
    readings = Readings(samples.MANIFEST)
    name = samples.INDEXES.indexes[0].name
    plan = ProbePlan("Seq Scan", False, name, f"index {name} {WITHOUT}")
    probe = replace(samples.PROBES.probes[0], plan=plan)
    measured = replace(samples.PROBES, probes=(probe,))
    drifted = replace(samples.INDEXES.indexes[0], finding=IndexFinding.DRIFTED)
    readings.apply(measured, samples.NOW)
    assert readings.apply(replace(samples.INDEXES, indexes=(drifted,)), samples.NOW) == {"indexes", "probes"}
    assert "is not as declared" in note_of(readings)
    as_declared = replace(drifted, finding=IndexFinding.PRESENT)
    readings.apply(replace(samples.INDEXES, indexes=(as_declared,)), samples.NOW)
    assert "could serve" in note_of(readings)
    assert readings.apply(replace(samples.INDEXES, indexes=()), samples.NOW) == {"indexes", "probes"}
    assert readings.apply(measured, samples.NOW) == set()
    assert note_of(readings) == plan.note


def note_of(readings: Readings) -> str:
    snapshot = readings.known("probes").snapshot
    assert isinstance(snapshot, ProbesSnapshot)
    plan = snapshot.probes[0].plan
    assert plan is not None
    return plan.note


def test_the_pools_before_the_server_are_part_of_its_pool() -> None:
    readings = Readings(samples.MANIFEST)
    full = PgbouncerPool("sales", "api", 9, 2, 3.0, 5, 0, sv_busy=5, pool_size=5)
    assert "pool" in readings.apply(
        PgbouncerSnapshot(samples.NOW, PgbouncerReading(pools=(full,))), samples.NOW
    )
    readings.apply(samples.POOL, samples.NOW)
    assert found(readings) is PoolFinding.FULL
    calm = replace(full, cl_waiting=0, sv_active=1, sv_busy=1)
    changed = readings.apply(PgbouncerSnapshot(LATER, PgbouncerReading(pools=(calm,))), LATER)
    assert changed == {"pgbouncer", "pool"}
    assert found(readings) is samples.POOL.pool.finding
    assert readings.apply(replace(samples.POOL, taken_at=LATER), LATER) == set()


def found(readings: Readings) -> PoolFinding:
    snapshot = readings.known("pool").snapshot
    assert isinstance(snapshot, PoolSnapshot)
    return snapshot.pool.finding


def test_a_console_that_answers_is_no_server_that_is_back() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(Lost("cut", 2.0), LATER)
    readings.apply(PgbouncerSnapshot(LATER, PgbouncerReading()), LATER)
    assert readings.lost is not None


def test_there_is_no_verdict_before_everything_was_read() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(samples.POOL, samples.NOW)
    assert readings.judged() is None
    assert not readings.is_complete
    readings.apply(samples.INDEXES, samples.NOW)
    early = readings.judged()
    assert early is not None, "what is wrong is wrong already"
    assert early.verdict is Verdict.NOT_READY


def test_the_oldest_reading_counts() -> None:
    readings = Readings(samples.MANIFEST)
    assert readings.oldest() is None
    readings.apply(samples.INDEXES, samples.NOW)
    readings.apply(replace(samples.POOL, taken_at=LATER), LATER)
    assert readings.oldest() == samples.NOW


def test_a_clock_that_is_set_back_and_forth_costs_no_history_of_the_pool() -> None:
    steady = iter(range(0, 100, 2))
    readings = Readings(samples.MANIFEST, clock=lambda: float(next(steady)))
    for wall_s in (0, 2, -3600, -3598, 7200, 7202):
        taken_at = samples.NOW + timedelta(seconds=wall_s)
        readings.apply(replace(samples.POOL, taken_at=taken_at), taken_at)
    assert len(readings.pool_history.points) == 6
    assert readings.pool_history.span_s == 10


def test_what_was_forgotten_is_joined_to_nothing() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(samples.POOL, samples.NOW)
    readings.apply(samples.PROBES, samples.NOW)
    readings.forget()
    assert readings.apply(samples.INDEXES, samples.NOW) == {"indexes"}
    pools = PgbouncerSnapshot(samples.NOW, PgbouncerReading())
    assert "pgbouncer" in readings.apply(pools, samples.NOW)
    assert readings.known("pool").snapshot is None and readings.known("probes").snapshot is None

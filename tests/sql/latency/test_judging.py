"""What the looks at a slow run say: where its time went, and its cause; nothing is claimed beyond them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sql.latency.causes import judge
from sql.latency.evidence import (
    Cause,
    Evidence,
    Incident,
    IncidentsSnapshot,
    LockWait,
    Others,
    ServerCall,
)
from sql.latency.incident_list import AGAIN_S, ENOUGH, MOST, IncidentList
from sql.latency.looks import IDLE, NO_WAIT, Look, cause_of
from sql.latency.messages import Overdue, Planned
from sql.latency.overdue import ANSWERED, MOST_LOOKS, NOT_ASKED, OverdueRun
from sql.latency.plan_watch import CALM_S, PlanWatch
from sql.latency.readings import RIGHT_TO_SCAN, ProbePlan
from sql.latency.server_calls import Counters, difference
from sql.steps.blockers import Blocker

NOBODY = Others(0, None, 0, 0, 0, 0, 0, None)
NOW = datetime(2026, 1, 19, 14, 3, 12, tzinfo=UTC)
START = 100.0


def seen(ms: float, doing: str, cause: Cause, **more: object) -> Look:
    return Look(START + ms / 1000, 7, doing, cause, NOBODY, **{"query_ms": ms, **more})  # type: ignore[arg-type]


def run(*looks: Look) -> OverdueRun:
    made = OverdueRun(Overdue(0, START, 20.0, 7), NOW)
    for each in looks:
        made.take(each)
    return made


def judged(ms: float, *looks: Look, **more: object) -> tuple[Cause, str]:
    return judge(replace(run(*looks).evidence(ms), **more), ms)  # type: ignore[arg-type]


def test_a_look_stands_for_the_time_halfway_to_its_neighbours() -> None:
    shares = (
        run(
            seen(40, NO_WAIT, Cause.CPU),
            seen(100, "IO/DataFileRead", Cause.IO),
            seen(160, "IO/DataFileRead", Cause.IO),
            seen(220, NO_WAIT, Cause.CPU),
        )
        .evidence(240)
        .shares
    )
    assert [(each.doing, each.looks, round(each.ms)) for each in shares] == [
        ("IO/DataFileRead", 2, 120),
        (NO_WAIT, 2, 80),
    ]


def test_the_time_before_the_first_look_and_long_after_the_last_is_nobodys() -> None:
    (share,) = run(seen(500, NO_WAIT, Cause.CPU)).evidence(5000).shares
    assert share.ms <= 100


def test_a_lock_is_waited_for_since_the_server_says_so() -> None:
    lock = LockWait("relation", "AccessShareLock", "public.t", 55.0)
    (share,) = run(seen(60, "Lock/relation", Cause.LOCK, lock=lock)).evidence(110).shares
    assert share.ms == pytest.approx(105)


def test_looks_after_the_end_and_at_another_run_do_not_count() -> None:
    evidence = run(
        seen(40, NO_WAIT, Cause.CPU),
        seen(45, NO_WAIT, Cause.CPU, query_ms=90.0),
        seen(300, IDLE, Cause.NETWORK),
    ).evidence(100)
    assert evidence.looks == 1


def test_an_idle_backend_had_answered_or_had_not_been_asked() -> None:
    answered = judged(
        300, seen(100, IDLE, Cause.NETWORK, query_ms=90), seen(200, IDLE, Cause.NETWORK, query_ms=190)
    )
    assert answered[0] is Cause.NETWORK
    assert ANSWERED.partition(": ")[2] in answered[1]
    waiting = judged(300, seen(100, IDLE, Cause.NETWORK, query_ms=900.0))
    assert NOT_ASKED.partition(": ")[2] in waiting[1]


def test_a_statement_that_came_late_was_held_up_on_its_way() -> None:
    cause, reason = judged(
        500, seen(450, NO_WAIT, Cause.CPU, query_ms=10.0), seen(490, NO_WAIT, Cause.CPU, query_ms=50.0)
    )
    assert cause is Cause.NETWORK
    assert "for about 440 ms the server was idle, it had not got the statement" in reason


def test_a_look_at_the_very_end_says_nothing_of_the_run() -> None:
    cause, reason = judged(103, seen(102, IDLE, Cause.NETWORK, query_ms=101))
    assert (cause, reason) == (Cause.UNKNOWN, "nothing seen: the only look came 1 ms before its end")


def test_memory_is_bounded() -> None:
    made = run(*(seen(each, NO_WAIT, Cause.CPU) for each in range(2 * MOST_LOOKS)))
    assert made.evidence(1e9).looks == MOST_LOOKS


@pytest.mark.parametrize(
    ("kind", "event", "cause"),
    [
        ("Lock", "relation", Cause.LOCK),
        ("IO", "DataFileRead", Cause.IO),
        ("IO", "AioIoCompletion", Cause.IO),
        ("IO", "WALSync", Cause.WAL),
        ("LWLock", "WALWrite", Cause.WAL),
        ("IPC", "SyncRep", Cause.WAL),
        ("LWLock", "BufferMapping", Cause.CONTENTION),
        ("BufferPin", "BufferPin", Cause.CONTENTION),
        ("Client", "ClientWrite", Cause.NETWORK),
        ("Timeout", "PgSleep", Cause.OTHER),
        ("Extension", "Extension", Cause.OTHER),
    ],
)
def test_wait_events_belong_to_causes(kind: str, event: str, cause: Cause) -> None:
    assert cause_of(kind, event) is cause


BUSY = seen(40, NO_WAIT, Cause.CPU), seen(100, NO_WAIT, Cause.CPU)
OLD = ProbePlan("Index Scan", True, "i", shape="Index Scan using i on t", indexes=("i",))
NEW = ProbePlan("Seq Scan", False, "i", "index i is missing", "Seq Scan on t")


def test_a_changed_plan_explains_work_and_not_a_wait_for_a_lock() -> None:
    cause, reason = judged(150, *BUSY, plan=NEW, plan_before=OLD, indexes=("index i is gone",))
    assert cause is Cause.PLAN
    assert reason.startswith(
        "its plan changed to Seq Scan on t from Index Scan using i on t; index i is gone;"
    )
    cause, _ = judged(150, seen(40, "Lock/relation", Cause.LOCK), plan=NEW, plan_before=OLD)
    assert cause is Cause.LOCK


def test_a_plan_that_always_lacked_its_index_is_no_change() -> None:
    cause, reason = judged(150, *BUSY, plan=NEW)
    assert cause is Cause.CPU
    assert reason.endswith("Seq Scan: index i is missing")


def test_a_run_that_is_as_slow_as_all_others_is_slow_for_want_of_its_index() -> None:
    cause, reason = judged(150, *BUSY, plan=NEW, usual_ms=120.0)
    assert cause is Cause.NO_INDEX
    assert reason.startswith("Seq Scan: index i is missing; no wait event in 2 of 2 looks")
    small = replace(NEW, note=f"{RIGHT_TO_SCAN} (7 rows on 1 page); the index serves at scale")
    cause, reason = judged(150, *BUSY, plan=small, usual_ms=120.0)
    assert cause is Cause.CPU
    assert reason.endswith("; it usually takes 120 ms")


def test_what_the_server_measured_of_reading_weighs_more_than_few_looks() -> None:
    once = seen(60, "IO/DataFileRead", Cause.IO)
    little = ServerCall(1, 150.0, 9000, 90, 0, read_ms=10.0)
    cause, reason = judged(155, once, call=little)
    assert cause is Cause.CPU
    assert reason == "at work: reading took 10 of 150 ms, as the server measured"
    cause, _ = judged(155, once, call=replace(little, read_ms=140.0))
    assert cause is Cause.IO
    cause, _ = judged(155, once, call=replace(little, calls=3))
    assert cause is Cause.IO


def test_a_checkpoint_is_named_beside_a_wait_for_io_as_what_it_is() -> None:
    others = replace(NOBODY, checkpointing=True)
    cause, reason = judged(150, seen(40, "IO/DataFileRead", Cause.IO), others=others)
    assert cause is Cause.IO
    assert reason.endswith("for IO/DataFileRead; a checkpoint was going on")


def test_no_look_and_no_count_is_nothing_seen() -> None:
    assert judge(Evidence(None, 20.0), 25.0) == (
        Cause.UNKNOWN,
        "nothing seen: it ended before the first look",
    )


def test_what_the_server_counted_tells_of_a_cold_cache_where_nothing_was_seen() -> None:
    cold = ServerCall(1, 30.0, 20, 480, 0, usual_read=3.0)
    cause, reason = judge(Evidence(None, 20.0, call=cold), 35.0)
    assert cause is Cause.COLD_CACHE
    assert reason == "read 480 of 500 blocks from disk or the system's cache; nothing was seen while it ran"
    always = replace(cold, usual_read=470.0)
    assert judge(Evidence(None, 20.0, call=always), 35.0)[0] is Cause.UNKNOWN


def test_temporary_files_are_named() -> None:
    call = ServerCall(1, 90.0, 20, 0, 4000)
    _, reason = judged(150, seen(40, "IO/BufFileWrite", Cause.IO), call=call)
    assert reason.endswith("for IO/BufFileWrite; it wrote 4000 blocks of temporary files (work_mem)")


def test_a_lock_whose_holder_was_gone_before_it_was_asked_for() -> None:
    _, reason = judged(150, seen(40, "Lock/relation", Cause.LOCK))
    assert reason.endswith("who held it was not seen")


def test_half_of_the_time_elsewhere_is_said() -> None:
    cause, reason = judged(
        250,
        seen(40, "IO/DataFileRead", Cause.IO),
        seen(100, NO_WAIT, Cause.CPU),
        seen(160, "LWLock/BufferMapping", Cause.CONTENTION),
        seen(220, "IO/DataFileRead", Cause.IO),
    )
    assert cause is Cause.IO
    assert "about 60 ms" in reason


@pytest.mark.hazard("LAT-07")
def test_counters_that_were_reset_say_nothing() -> None:
    before = Counters(10, 100.0, 50, 50, 0, 0.0)
    assert difference(before, Counters(1, 5.0, 3, 2, 0, 0.0)) is None
    assert difference(before, before) is None
    after = Counters(11, 130.0, 50, 90, 0, 0.0)
    assert difference(before, after) == ServerCall(1, 30.0, 0, 40, 0, None, usual_read=5.0)


# -- which plan is the usual one ------------------------------------------------------------------------


def test_a_plan_is_other_until_it_is_back_or_has_been_calm_for_long() -> None:
    plans = PlanWatch()
    plans.take(Planned(0, OLD), 1.0)
    assert plans.before(0) is None
    plans.slow(0, 10.0)
    plans.take(Planned(0, NEW), 10.1)
    assert (plans.before(0), plans.now(0)) == (OLD, NEW)
    plans.take(Planned(0, OLD), 12.0)
    assert plans.before(0) is None
    plans.slow(0, 20.0)
    plans.take(Planned(0, NEW), 20.1)
    plans.take(Planned(0, NEW), 20.1 + CALM_S)
    assert plans.before(0) is None


async def test_a_fresh_plan_is_waited_for_but_not_for_ever() -> None:
    plans = PlanWatch()
    plans.take(Planned(0, OLD), 1.0)
    await plans.fresh(0, 2.0, patience_s=60.0)  # what is young enough is taken
    waiting = asyncio.create_task(plans.fresh(0, 100.0, patience_s=60.0))
    await asyncio.sleep(0)
    plans.take(Planned(0, NEW), 100.1)
    await waiting
    await plans.fresh(0, 999.0, patience_s=0.0)
    assert plans.now(0) is NEW


# -- the list -------------------------------------------------------------------------------------------


class Clock:
    """A clock that stands where it is put."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def incident(after_s: float = 0.0, cause: Cause = Cause.CPU, ms: float = 100.0, **more: object) -> Incident:
    at = NOW + timedelta(seconds=after_s)
    looked = Evidence(7, 20.0, looks=1)
    made = Incident("p", at, at + timedelta(milliseconds=ms), ms, cause, "because", looked, looked_into=1)
    return replace(made, **more)  # type: ignore[arg-type]


async def test_the_list_is_bounded_and_told_once_a_second() -> None:
    told: list[IncidentsSnapshot] = []
    clock = Clock()
    kept = IncidentList(told.append, clock)
    for number in range(2 * MOST):
        kept.add(0, incident(number * 100.0), matters=True, looked=True)
    assert len(kept.snapshot.incidents) == MOST
    assert len(told) == 1
    assert kept.snapshot.incidents[0].at > kept.snapshot.incidents[-1].at


async def test_a_row_is_broken_by_another_cause_another_holder_or_a_long_calm() -> None:
    def locked(after_s: float, pid: int) -> Incident:
        lock = LockWait("relation", "AccessShareLock", None, None, (Blocker(pid),))
        return incident(after_s, Cause.LOCK, evidence=Evidence(7, 20.0, looks=1, lock=lock))

    kept = IncidentList(lambda _: None, Clock())
    for each in (
        incident(0),
        incident(1),
        locked(2, 5),
        locked(3, 5),
        locked(4, 6),
        incident(99),
        incident(300),
    ):
        kept.add(0, each, matters=True, looked=True)
    assert [each.count for each in kept.snapshot.incidents] == [1, 1, 1, 2, 2]


async def test_a_run_that_nobody_looked_at_follows_and_brings_no_reason() -> None:
    kept = IncidentList(lambda _: None, Clock())
    kept.add(0, incident(), matters=True, looked=True)
    blind = incident(1, Cause.UNKNOWN, ms=900.0, reason="nothing seen", looked_into=0)
    kept.add(0, blind, matters=True, looked=False)
    (one,) = kept.snapshot.incidents
    assert (one.cause, one.count, one.looked_into, one.ms, one.reason) == (Cause.CPU, 2, 1, 900.0, "because")


async def test_what_only_repeats_is_looked_at_seldom_unless_it_takes_longer() -> None:
    clock = Clock()
    kept = IncidentList(lambda _: None, clock)
    for number in range(ENOUGH):
        assert kept.worth_looking_from(0, clock.now) == 0.0
        kept.add(0, incident(number), matters=True, looked=True)
    assert kept.worth_looking_from(0, clock.now) == 200.0
    assert kept.worth_looking_from(1, clock.now) == 0.0
    assert kept.worth_looking_from(0, clock.now + AGAIN_S) == 0.0

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from profiles.manifest import Target
from sql.findings import ProbeFinding
from sql.latency.checkpoints import CheckpointsSnapshot
from sql.latency.evidence import Cause, Evidence, Incident, IncidentsSnapshot
from sql.latency.history import TREND_S, History
from sql.latency.marks import MOST_MARKS, MarkKind, Timeline
from sql.latency.messages import Planned, Sample, Samples, Standstill, Stopped
from sql.latency.readings import ProbePlan, ProbeReading
from sql.latency.trend import Trend
from sql.snapshots import (
    BuildsSnapshot,
    Event,
    IdentitySnapshot,
    Lost,
    ProbesSnapshot,
    ServerIdentity,
    Unavailable,
)
from sql.steps.runs import ForeignBuild, RunState, RunStatus

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SERVER = IdentitySnapshot(START, ServerIdentity("18.6", 180006, "d", "u", "h:5432", "1", False, True))
PROBES = ProbesSnapshot(START, ())
SEQ = ProbePlan("Seq Scan", False, "i", shape="Seq Scan on t")
INDEX = ProbePlan("Index Scan", True, "i", shape="Index Scan using i on t")
RUN = RunState(
    run="r1",
    profile="p",
    step="create-index:i",
    sql="…",
    operator="alice",
    host="here",
    state=RunStatus.RUNNING,
    confirmed_at=START,
    started_at=START,
)
BUILD = ForeignBuild(7, START, "u", "a", "CREATE INDEX CONCURRENTLY", "building index", "public.t", "…", 1.0)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(timeline: Timeline, probe: str | None = None) -> list[tuple[MarkKind, str]]:
    return [(mark.kind, mark.text) for mark in timeline.marks(START - timedelta(days=1), probe)]


def hear(timeline: Timeline, *events: tuple[float, Event]) -> None:
    for seconds, event in events:
        timeline.hear(event, at(seconds))


def test_a_lost_server_is_told_once_and_its_return_with_the_time_between() -> None:
    timeline = Timeline(("a",))
    lost = Lost("connection refused", 1.0)
    hear(timeline, (0, SERVER), (1, lost), (2, lost), (4, PROBES), (5, Unavailable("probes", "no server")))
    hear(timeline, (6.5, SERVER), (7, SERVER))
    assert told(timeline) == [
        (MarkKind.LOST, "connection refused"),
        (MarkKind.BACK, "the server answers again, after 5.5 s"),
    ]


def test_a_prober_that_died_is_told_until_it_measures_again() -> None:
    timeline = Timeline(("a",))
    died = Unavailable("probes", "the prober was killed by SIGKILL")
    hear(timeline, (1, died), (2, died))
    timeline.take(Stopped("again", refused=False), at(3))
    timeline.take(Samples(0, 1, 1, ()), at(13))
    timeline.take(Samples(0, 1, 1, ()), at(14))
    timeline.take(Standstill(100.0, 103.0), at(20))
    assert told(timeline) == [
        (MarkKind.PROBER, "probes are not measured: the prober was killed by SIGKILL"),
        (MarkKind.PROBER, "probes are measured again, after 12 s"),
        (MarkKind.PROBER, "the prober itself stood still for 3.0 s"),
    ]


def test_another_plan_is_told_of_its_probe_alone() -> None:
    timeline = Timeline(("a", "b"))
    for seconds, plan in ((0, INDEX), (60, INDEX), (120, SEQ), (180, SEQ), (240, INDEX)):
        timeline.take(Planned(1, plan), at(seconds))
    timeline.take(Planned(1, replace(INDEX, uses_index=False)), at(300))
    timeline.take(Planned(1, replace(INDEX, uses_index=False, shape="Limit > Index Scan")), at(360))
    assert told(timeline, "a") == []
    assert told(timeline, "b") == [
        (MarkKind.PLAN, "Seq Scan now, Index Scan before"),
        (MarkKind.PLAN, "Index Scan now, Seq Scan before"),
        (MarkKind.PLAN, "Index Scan, no longer by i"),
        (MarkKind.PLAN, "Limit > Index Scan"),
    ]
    assert told(timeline) == told(timeline, "b")


def test_runs_are_told_as_the_journal_has_them_now() -> None:
    timeline = Timeline(("a",))
    timeline.follow_runs([RUN])
    assert told(timeline) == [(MarkKind.STEP_STARTED, "create-index:i started")]
    done = replace(RUN, state=RunStatus.DONE, ended_at=at(95.9))
    timeline.follow_runs([done, replace(RUN, run="r0", started_at=None, state=RunStatus.REFUSED)])
    assert told(timeline) == [
        (MarkKind.STEP_STARTED, "create-index:i started"),
        (MarkKind.STEP_ENDED, "create-index:i done after 1 min 35 s"),
    ]


def test_builds_of_others_come_and_go() -> None:
    timeline = Timeline(("a",))
    hear(timeline, (0, BuildsSnapshot(START)), (2, BuildsSnapshot(START, (), (BUILD,))))
    hear(
        timeline,
        (4, BuildsSnapshot(START, (), (replace(BUILD, phase="waiting"),))),
        (6, BuildsSnapshot(START)),
    )
    name = "CREATE INDEX CONCURRENTLY on public.t by pid 7"
    assert told(timeline) == [(MarkKind.BUILD, f"{name} goes on"), (MarkKind.BUILD, f"{name} is over")]


def test_checkpoints_promotions_and_pauses() -> None:
    timeline = Timeline(("a",))
    first = CheckpointsSnapshot(START, 1, 1, 10, 0.0, 0.0, START)
    second = replace(first, taken_at=at(10), requested=2, buffers=30, write_ms=400.0)
    hear(timeline, (0, first), (10, second), (20, replace(SERVER, news="it was promoted")), (21, SERVER))
    timeline.pause(True, at(30))
    timeline.pause(False, at(40))
    assert told(timeline) == [
        (MarkKind.CHECKPOINT, "checkpoint (requested): 20 buffers in 400 ms"),
        (MarkKind.BACK, "it was promoted"),
        (MarkKind.PAUSED, "paused here"),
        (MarkKind.PAUSED, "reading goes on"),
    ]
    assert [mark.text for mark in timeline.marks(at(25))] == ["paused here", "reading goes on"]


def test_only_so_many_are_kept_and_they_stay_in_order() -> None:
    timeline = Timeline(("a",))
    for turn in range(MOST_MARKS + 50):
        timeline.pause(True, at(-turn))
    marks = timeline.marks(START - timedelta(days=1))
    assert len(marks) == MOST_MARKS
    assert marks == sorted(marks, key=lambda mark: mark.at)
    assert marks[-1].at == START


def test_the_history_puts_samples_and_marks_on_the_walls_clock() -> None:
    wall = [1_800_000_000.0]
    history = History(("a", "b"), wall=lambda: wall[0] + 100, now=lambda: 100.0)
    history.take(Samples(1, 1, 1, (Sample(99.5, 99.5, 99.75),)), 100.0)
    (bucket,) = history.series["b"].buckets(1_800_000_099, 1, 1, history.ahead)
    assert bucket is not None and bucket.max_ms == 250
    assert not len(history.series["a"])
    history.take(Standstill(1.0, 2.0), 100.0)
    (mark,) = history.timeline.marks(datetime.fromtimestamp(0, UTC))
    assert mark.at.timestamp() == 1_800_000_100


def test_a_wall_clock_that_is_set_moves_what_comes_but_no_jitter_does() -> None:
    wall = [1_000.0]
    history = History(("a",), wall=lambda: wall[0], now=lambda: 100.0)
    before = history.ahead
    wall[0] += 0.01
    assert history.ahead == before
    wall[0] += 3600
    assert history.ahead == before + 3600.01


def incident(probe: str, cause: Cause, seconds: float = 10) -> Incident:
    evidence = Evidence(pid=42, threshold_ms=50.0)
    return Incident(probe, at(seconds), at(seconds + 1), 812.0, cause, "waited 780 ms for pid 42", evidence)


def test_incidents_are_their_probes_and_locks_are_everybodys() -> None:
    timeline = Timeline(("a", "b"))
    io, lock = incident("a", Cause.IO), incident("b", Cause.LOCK, 20)
    stall = incident("all probes", Cause.STALLED, 30)
    timeline.hear(IncidentsSnapshot(at(40), (stall, lock, io)), at(40))
    said = "812 ms: waited 780 ms for pid 42"
    assert [(mark.probe, mark.text) for mark in timeline.marks(START, "a")] == [
        ("a", said),
        ("b", said),
        (None, said),
    ]
    assert [mark.probe for mark in timeline.marks(START, "b")] == ["b", None]
    timeline.hear(IncidentsSnapshot(at(50), (lock,)), at(50))
    assert [mark.probe for mark in timeline.marks(START, "a")] == ["b"]


def test_trends_are_looked_at_every_few_seconds() -> None:
    now = [1000.0]
    history = History(("a",), wall=lambda: now[0], now=lambda: now[0])

    def trend() -> Trend | None:
        (reading,) = history.with_trends(measured).probes
        return reading.trend

    measured = ProbesSnapshot(START, (ProbeReading("a", "", ProbeFinding.MET, 1, 0, Target(1, 2, 3)),), 60.0)
    assert trend() is None
    for tick in range(600):
        latency_s = 0.001 if tick < 300 else 0.005
        end = 940 + tick / 10
        history.take(Samples(0, 1, 1, (Sample(end - latency_s, end - latency_s, end),)), end)
    assert trend() is None, "it was looked at just now"
    now[0] += TREND_S
    assert trend() is Trend.RISING

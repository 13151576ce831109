"""The report of a recorded session: what it adds up, in Markdown, JSON and SVG, whatever names it holds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.dom import minidom

import pytest

from profiles.manifest import ProbeEntry, Target
from sql.findings import IndexFinding, ProbeFinding, Verdict
from sql.latency.evidence import Cause, Evidence, Incident, IncidentsSnapshot
from sql.latency.messages import Sample, Samples
from sql.latency.record import Records
from sql.recording.entries import Entry, Header, Heard, Paused, Published, Ran
from sql.recording.reader import Recording
from sql.snapshots import Event, IndexesSnapshot, Lost
from sql.steps.runs import RunState, RunStatus
from tests.sql.recording.made import CLOCK, HEADER, Live, write, write_parts
from tests.tui import samples
from tui.reports import session_json, session_markdown, session_plot
from tui.reports.session import Session, read_session
from tui.reports.session_words import headline

READY = replace(
    samples.MANIFEST,
    constraints=(),
    migration=None,
    pool=None,
    probes=(ProbeEntry("lead_dashboard", "SELECT 1", Target(25, 35, 50), "Lead Dashboard"),),
)
INDEXES = IndexesSnapshot(samples.NOW, (samples.index("idx_leads_status_score"),))
MISSING = IndexesSnapshot(
    samples.NOW,
    (samples.index("idx_leads_status_score", IndexFinding.MISSING, detail="nothing bears this name"),),
)
RUN = RunState(
    "run-1", "demo-production", "create-index:idx_leads_status_score", "CREATE INDEX …",
    "ann from 10.0.0.1", "h", RunStatus.DONE, samples.NOW, started_at=samples.NOW + timedelta(seconds=50),
    ended_at=samples.NOW + timedelta(seconds=59), outcome={"sentence": "it is done"},
    verification={"sentence": "it is valid and used"},
)  # fmt: skip


def incident(
    probe: str = "lead_dashboard", reason: str = "waited for a lock held by pid 4242"
) -> IncidentsSnapshot:
    at = samples.NOW + timedelta(seconds=40)
    return IncidentsSnapshot(
        samples.NOW,
        (Incident(probe, at, at + timedelta(seconds=1), 812.0, Cause.LOCK, reason, Evidence(7, 50.0)),),
    )


def header_of(manifest: object = READY, **more: object) -> Header:
    return replace(HEADER, manifest=manifest, **more)  # type: ignore[arg-type]


def story(header: Header) -> Iterator[Entry]:
    """Two minutes: an index is missing until 1 min, an incident at 40 s, the server away from 90 to 95 s."""
    live = Live(header)
    for second in range(120):
        events: list[Event] = []
        if second == 0:
            events = [samples.SERVER, samples.POOL, MISSING]
        if second == 41:
            events = [incident()]
        if second == 60:
            yield Ran(CLOCK + 60, RUN)
            events = [INDEXES, replace(samples.POOL, pool=replace(samples.POOL.pool, used=42))]
        if second == 90:
            events = [Lost("the server closed the connection", 5.0)]
        if second == 95:
            events = [samples.SERVER, samples.POOL]
        yield from live.second(second, events=events)


def told(folder: Path, entries: Iterator[Entry], header: Header, ending: str = "closed") -> Session:
    with Recording(write(folder, entries, header, ending)) as recording:
        return read_session(recording)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    header = header_of()
    return told(tmp_path, story(header), header)


def test_verdicts_stand_from_when_to_when(session: Session) -> None:
    turns = [(turn.verdict, round(turn.seconds)) for turn in session.turns if turn.seconds > 0.5]
    assert turns == [
        (None, 1),
        (Verdict.NOT_READY, 60),
        (Verdict.READY, 30),
        (Verdict.UNKNOWN, 5),
        (Verdict.READY, 24),
    ]
    assert session.share(Verdict.READY) == pytest.approx(54 / 119, abs=0.02)
    assert headline(session).startswith("The database was made ENTERPRISE READY; it was that for 4")
    assert sum(turn.seconds for turn in session.turns) == pytest.approx(session.seconds)


def test_figures_are_those_of_the_deck_since_the_start(tmp_path: Path) -> None:
    header = header_of()
    entries = list(story(header))
    records = Records(header.manifest.probes)
    for entry in entries:
        if isinstance(entry, Heard):
            records.take(entry.message, entry.at)
    wanted = records.snapshot(CLOCK + 120).probes[0]
    (probe,) = told(tmp_path, iter(entries), header).probes
    assert (probe.p50_ms, probe.p95_ms, probe.p99_ms, probe.max_ms) == (
        wanted.p50_ms, wanted.p95_ms, wanted.p99_ms, wanted.max_ms,
    )  # fmt: skip
    assert (probe.samples, probe.failed, probe.finding) == (wanted.samples, 0, ProbeFinding.MET)


def test_a_run_that_joined_an_older_incident_is_not_told_again_as_still_running(tmp_path: Path) -> None:
    (first,) = incident().incidents
    later = first.at + timedelta(seconds=10)
    running = replace(first, at=later, until=later, ms=500.0, running=True)
    joined = first.joined(replace(running, until=later + timedelta(seconds=2), running=False), looked=True)
    seen = {41: [first], 51: [running, first], 53: [joined], 100: [replace(running, probe="last"), joined]}
    header, live = header_of(), Live(header_of())
    entries = (
        entry
        for second in range(120)
        for entry in live.second(
            second,
            events=[IncidentsSnapshot(samples.NOW, tuple(seen[second]))] if second in seen else [],
        )
    )
    found = told(tmp_path, entries, header).incidents
    assert [(each.probe, each.count, each.running) for each in found] == [
        ("lead_dashboard", 2, False),
        ("last", 1, True),
    ]


def test_peak_runs_incidents_and_losses(session: Session) -> None:
    assert session.peak is not None
    assert (session.peak.used, session.peak.name) == (42, "14 of 97 (max_connections)")
    assert session.runs == (RUN,)
    assert [each.ms for each in session.incidents] == [812.0]
    assert [reason for _, reason in session.lost] == ["the server closed the connection"]


def test_the_markdown_says_it_in_plain_words(session: Session) -> None:
    text = session_markdown.render(session, "latency plot.svg")
    for wanted in (
        "# Performance of a session: demo-production",
        "![Latency of each query over time, with its targets](<latency%20plot.svg>)",
        "✓ as fast as promised: 19 of 20 answers came within",
        "35 ms were promised",
        "by ann from 10.0.0.1, done: it is valid and used",
        "1 of 1 indexes were as they must be at the end, 0 at the beginning.",
        "lead_dashboard 812 ms: waited for a lock held by pid 4242",
        "At most 42 connections were in use, at 20:01:00 UTC",
        "the server closed the connection",
        "## Lines that were crossed",
        "- 20:01:00 UTC ✓ ",
        "| 20:01:00 | 30 s | ✓ ENTERPRISE READY |",
    ):
        assert wanted.replace("\\_", "_") in text.replace("\\_", "_"), wanted
    assert "Note" not in text


def test_a_session_that_lacks_parts_says_so(tmp_path: Path) -> None:
    header = header_of()
    entries = list(story(header))
    paths = write_parts(tmp_path, entries, len(entries) // 3 + 1, header)
    paths[2].unlink()
    with Recording(paths[1]) as recording:
        found = read_session(recording)
    text = session_markdown.render(found)
    assert "The recording begins with part 2 of its session" in text
    assert "the next part of its recording is not here" in text
    assert json.loads(session_json.render(found))["first_part"] == 2


def test_the_json_has_every_figure(session: Session) -> None:
    found = json.loads(session_json.render(session))
    assert found["session_report"] == 1
    assert found["probes"][0]["p95_ms"] == session.probes[0].p95_ms
    assert found["probes"][0]["target"] == {"p50_ms": 25, "p95_ms": 35, "p99_ms": 50}
    assert len(found["probes"][0]["median_ms"]) == 120
    assert found["runs"][0]["sentence"] == "it is valid and used"
    assert found["incidents"][0]["cause"] == "lock"
    assert found["objects"] == {"first": {"indexes": [0, 1]}, "last": {"indexes": [1, 1]}}
    assert found["pool_peak"]["used"] == 42


def elements(svg: str, tag: str) -> list[minidom.Element]:
    return list(minidom.parseString(svg).getElementsByTagName(tag))


def texts(svg: str) -> list[str]:
    return ["".join(node.data for node in each.childNodes if node.nodeType == node.TEXT_NODE)
            for each in elements(svg, "text")]  # fmt: skip


def test_the_plot_has_lines_targets_marks_and_words(session: Session) -> None:
    svg = session_plot.render(session)
    said = texts(svg)
    for wanted in ("Verdict", "ENTERPRISE READY", "p99 50 ms", "p50 25 ms", "20:01:00", "NOT READY"):
        assert wanted in said, wanted
    assert any(each.startswith("lead_dashboard  ✓ met") for each in said)
    assert any("812 ms: waited for a lock" in each for each in said)
    assert any("create-index:idx_leads_status_score: done" in each for each in said)
    assert elements(svg, "polyline")


def test_the_plot_is_inert_and_light(session: Session) -> None:
    svg = session_plot.render(session)
    assert not elements(svg, "script")
    assert not re.search(r"\son\w+=|href=|url\(|javascript:", svg)
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    background = elements(svg, "rect")[0]
    assert background.getAttribute("fill") == "#ffffff"


def test_nothing_is_drawn_outside(session: Session) -> None:
    svg = session_plot.render(session)
    root = elements(svg, "svg")[0]
    width, height = float(root.getAttribute("width")), float(root.getAttribute("height"))
    for each in elements(svg, "polyline") + elements(svg, "polygon"):
        for pair in each.getAttribute("points").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= width and 0 <= y <= height
    assert all(0 <= float(each.getAttribute("y")) <= height for each in elements(svg, "text"))


def test_a_hole_stays_a_hole_and_an_outlier_does_not_flatten_the_rest(tmp_path: Path) -> None:
    header = header_of()

    def entries() -> Iterator[Entry]:
        for second in [*range(30), *range(60, 90)]:
            due = CLOCK + second
            took = 8.0 if second == 70 else 0.004
            yield Heard(due + took, Samples(0, 1, 1, (Sample(due, due, due + took),)))

    found = told(tmp_path, entries(), header)
    points = found.probes[0].points
    assert all(points[:30]) and not any(points[31:59])
    assert found.probes[0].max_ms == pytest.approx(8000)
    svg = session_plot.render(found)
    assert len(elements(svg, "polyline")) == 3
    assert "up to 8000" in texts(svg)
    assert "p99 50 ms" in texts(svg) or "↑ p99 50 ms" in texts(svg)


@pytest.mark.parametrize("name", samples.HOSTILE, ids=lambda name: repr(name[:12]))
def test_hostile_names_stay_text_everywhere(tmp_path: Path, name: str) -> None:
    hostile = f"{name}<script>alert(1)</script>&\"'|`]]>"
    manifest = replace(
        READY, title=hostile, probes=(ProbeEntry(hostile, "SELECT 1", Target(1, 2, 3), hostile),)
    )
    server = replace(samples.SERVER.server, database=hostile, version=hostile, address=hostile)
    header = header_of(manifest, profile=hostile, server=server)

    def entries() -> Iterator[Entry]:
        live = Live(header)
        yield Ran(CLOCK, replace(RUN, step=hostile, operator=hostile, verification={"sentence": hostile}))
        for second in range(60):
            yield from live.second(
                second, events=[samples.POOL, incident(hostile, hostile)] if second == 50 else []
            )
        yield Published(CLOCK + 60, Lost(hostile, math.inf))

    found = told(tmp_path, entries(), header, ending="")
    svg = session_plot.render(found)
    assert not elements(svg, "script")
    assert "\u202e" not in svg and "\x1b" not in svg
    text = session_markdown.render(found)
    assert "<script" not in text.replace("\\<", "")
    assert "\u202e" not in text and "\x1b" not in text
    assert "The recording has no end" in text
    json.loads(session_json.render(found))


def test_failures_are_counted_and_a_few_do_not_make_a_session_fail(tmp_path: Path) -> None:
    header = header_of()

    def entries(failing: int) -> Iterator[Entry]:
        for second in range(300):
            due = CLOCK + second
            error = "57014: canceling statement" if second < failing else None
            yield Heard(due + 0.01, Samples(0, 1, 1, (Sample(due, due, due + 0.01, error, error is None),)))

    few, many = (told(tmp_path, entries(failing), header).probes[0] for failing in (2, 30))
    assert (few.failed, few.finding) == (2, ProbeFinding.MET)
    assert (many.failed, many.finding) == (30, ProbeFinding.FAILING)
    assert many.error == "57014: canceling statement"


def test_a_pause_is_no_verdict(tmp_path: Path) -> None:
    header = header_of()

    def entries() -> Iterator[Entry]:
        live = Live(header)
        yield from live.second(0, events=[samples.SERVER, samples.POOL, INDEXES])
        yield from (each for second in range(1, 10) for each in live.second(second))
        yield Paused(CLOCK + 10, True)
        yield Paused(CLOCK + 40, False)
        yield from live.second(50)

    found = told(tmp_path, entries(), header)
    assert [(turn.verdict, round(turn.seconds)) for turn in found.turns][-3:] == [
        (Verdict.READY, 9), (None, 30), (Verdict.READY, 11),
    ]  # fmt: skip
    assert found.share(Verdict.READY) == 1.0


def test_a_pause_stands_between_two_equal_verdicts_in_words(tmp_path: Path) -> None:
    header = header_of()

    def entries() -> Iterator[Entry]:
        live = Live(header)
        for second in range(10):
            events = [samples.SERVER, samples.POOL, INDEXES] if second == 0 else []
            yield from live.second(second, events=events)
        yield Paused(CLOCK + 10, True)
        yield Paused(CLOCK + 40, False)
        yield from live.second(50)

    found = told(tmp_path, entries(), header)
    assert "| 20:00:10 | 30 s | – | reading was paused |" in session_markdown.render(found)
    assert [each["paused"] for each in json.loads(session_json.render(found))["verdicts"]][-3:] == [
        False, True, False,
    ]  # fmt: skip


def test_a_verdict_whose_reason_changes_says_each_and_from_when(tmp_path: Path) -> None:
    header = header_of(replace(READY, probes=()))
    two = (replace(INDEXES.indexes[0], name="first"), replace(INDEXES.indexes[0], name="second"))
    absent = tuple(replace(each, finding=IndexFinding.MISSING) for each in two)

    def entries() -> Iterator[Entry]:
        yield from (Published(CLOCK + 1, each) for each in (samples.SERVER, samples.POOL))
        yield Published(CLOCK + 1, IndexesSnapshot(samples.NOW, absent))
        yield Published(CLOCK + 20, IndexesSnapshot(samples.NOW, (two[0], absent[1])))
        # What was said once is not said again.
        yield Published(CLOCK + 30, IndexesSnapshot(samples.NOW, absent))
        yield Published(CLOCK + 40, IndexesSnapshot(samples.NOW, two))
        yield Published(CLOCK + 50, samples.SERVER)

    found = told(tmp_path, entries(), header)
    assert [turn.verdict for turn in found.turns] == [None, Verdict.NOT_READY, Verdict.READY]
    text = session_markdown.render(found).replace("\\_", "_")
    assert "index first is missing; from 20:00:20 index second is missing |" in text.replace("critical ", "")
    (_, turn, _) = json.loads(session_json.render(found))["verdicts"]
    assert turn["reason"] == turn["reasons"][0]["reason"]
    assert len(turn["reasons"]) == 2


def test_two_queries_of_a_class_are_told_apart(tmp_path: Path) -> None:
    one = READY.probes[0]
    header = header_of(replace(READY, probes=(one, replace(one, name="lead_count"))))
    text = session_markdown.render(told(tmp_path, iter([Published(CLOCK + 1, samples.SERVER)]), header))
    assert "| Lead Dashboard (`lead_dashboard`) |" in text
    assert "| Lead Dashboard (`lead_count`) |" in text


def test_a_session_without_probes_or_verdict_is_reported_too(tmp_path: Path) -> None:
    header = header_of(replace(READY, probes=()))
    found = told(tmp_path, iter([Published(CLOCK + 1, samples.SERVER)]), header)
    assert "Nothing was judged" in session_markdown.render(found)
    assert elements(session_plot.render(found), "svg")
    assert json.loads(session_json.render(found))["probes"] == []

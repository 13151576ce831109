"""The report of a recorded session as JSON, version 1: fields are added freely, never renamed or removed."""

from __future__ import annotations

from typing import Any

from sql.findings import Verdict
from tui.reports.json_report import moment, server
from tui.reports.json_text import written
from tui.reports.session import Session, Turn
from tui.reports.session_probes import ProbeStory
from tui.reports.session_words import headline, objects
from tui.version import version

FORMAT_VERSION = 1


def render(session: Session) -> str:
    """The report."""
    return written(as_json(session))


def as_json(session: Session) -> dict[str, Any]:
    """The report in JSON's own types."""
    header, peak = session.header, session.peak
    return {
        "session_report": FORMAT_VERSION,
        "pgdeck": version(),
        "profile": header.profile,
        "environment": header.environment.value,
        "manifest": header.manifest.name,
        "server": None if header.server is None else server(header.server),
        "began": moment(session.began),
        "ended": moment(session.ended),
        "duration_s": round(session.seconds, 3),
        "recording": session.ending or "cut off",
        "first_part": header.part,
        "headline": headline(session),
        "verdicts": [_turn(turn) for turn in session.turns],
        "shares": {verdict.value: round(session.share(verdict), 4) for verdict in Verdict},
        "probes": [_probe(probe, session.width_s) for probe in session.probes],
        "objects": {"first": objects(session.first), "last": objects(session.last)},
        "runs": [
            {
                "run": run.run,
                "step": run.step,
                "sql": run.sql,
                "operator": run.operator,
                "state": run.state.value,
                "began": None if run.started_at is None else moment(run.started_at),
                "ended": None if run.ended_at is None else moment(run.ended_at),
                "sentence": run.verification.get("sentence") or run.outcome.get("sentence"),
            }
            for run in session.runs
        ],
        "incidents": [
            {
                "probe": each.probe,
                "at": moment(each.at),
                "until": moment(each.until),
                "ms": each.ms,
                "cause": each.cause.value,
                "count": each.count,
                "sentence": each.sentence,
            }
            for each in session.incidents
        ],
        "crossings": [
            {"at": moment(each.at), "worse": each.worse, "sentence": each.sentence}
            for each in session.crossings
        ],
        "pool_peak": None
        if peak is None
        else {"at": moment(peak.at), "used": peak.used, "limit": peak.limit, "nearest": peak.name},
        "lost": [{"at": moment(at), "reason": reason} for at, reason in session.lost],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "began": moment(turn.began),
        "ended": moment(turn.ended),
        "verdict": None if turn.verdict is None else turn.verdict.value,
        "reason": turn.reason,
        "reasons": [{"at": moment(at), "reason": reason} for at, reason in turn.reasons],
        "paused": turn.paused,
    }


def _probe(probe: ProbeStory, width_s: float) -> dict[str, Any]:
    target = probe.entry.target
    return {
        "name": probe.entry.name,
        "class": probe.entry.query_class,
        "finding": probe.finding.value,
        "samples": probe.samples,
        "errors": probe.failed,
        "error": probe.error,
        "p50_ms": probe.p50_ms,
        "p95_ms": probe.p95_ms,
        "p99_ms": probe.p99_ms,
        "max_ms": probe.max_ms,
        "target": {"p50_ms": target.p50_ms, "p95_ms": target.p95_ms, "p99_ms": target.p99_ms},
        "every_s": width_s,
        "median_ms": [None if point is None else point.median_ms for point in probe.points],
        "worst_ms": [None if point is None else point.max_ms for point in probe.points],
    }

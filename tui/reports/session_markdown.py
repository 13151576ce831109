"""The report of a recorded session as Markdown, for the people who sell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from urllib.parse import quote

from tui.present.text import duration
from tui.reports.markdown_report import escape, name
from tui.reports.session import Session, Turn
from tui.reports.session_words import (
    changes,
    experience,
    failures,
    headline,
    lasted,
    notes,
    peak,
    reasons,
    verdict_of,
)
from tui.reports.wording import NOTHING, milliseconds, sign, words
from tui.version import version

MOST_TURNS = 20
MOST_INCIDENTS = 50
MOST_CROSSINGS = 30


def render(session: Session, plot: str = "") -> str:
    """The report.

    Args:
        plot: path of the plot's file, relative to the report's; empty: there is none.
    """
    return "\n".join(_report(session, plot)) + "\n"


def _report(session: Session, plot: str) -> Iterator[str]:
    header = session.header
    yield f"# Performance of a session: {escape(header.profile)}"
    yield ""
    yield f"**{escape(headline(session))}**"
    yield ""
    yield from _table(("", ""), _origin(session))
    if plot:
        yield from ("", f"![Latency of each query over time, with its targets](<{quote(plot)}>)")
    for title, lines in (
        ("What a customer would have noticed", _notice(session)),
        ("Query speed", _speed(session)),
        ("Verdict over time", _verdicts(session)),
        ("Lines that were crossed", _crossings(session)),
        ("What was changed during the session", _runs(session)),
        ("Incidents", _incidents(session)),
        ("Connections", filter(None, [escape(peak(session))])),
        ("When the server was out of reach", _lost(session)),
    ):
        body = list(lines)
        if body:
            yield from ("", f"## {title}", "", *body)
    yield from ("", f"Written by pgdeck {escape(version())} from a recording.")


def _origin(session: Session) -> Iterator[tuple[str, str]]:
    header = session.header
    yield "Environment", f"{name(header.profile)} ({header.environment})"
    if header.server is not None:
        yield "Database", f"{name(header.server.database)} at {escape(header.server.address)}"
        yield "Server", f"PostgreSQL {escape(header.server.version)}"
    yield "Manifest", f"{name(header.manifest.name)}: {escape(header.manifest.title)}"
    yield "Began", f"{session.began:%Y-%m-%d %H:%M:%S} UTC"
    yield "Lasted", lasted(session)
    for note in notes(session):
        yield "Note", note


def _notice(session: Session) -> Iterator[str]:
    rows = []
    classes = Counter(probe.entry.query_class for probe in session.probes)
    for probe in session.probes:
        said = f"{sign(probe.finding)} {verdict_of(probe)}: {experience(probe)}"
        title = escape(probe.entry.query_class or probe.entry.name)
        if probe.entry.query_class and classes[probe.entry.query_class] > 1:
            title += f" ({name(probe.entry.name)})"
        rows.append((title, escape(said)))
    yield from _table(("What is shown", "What a customer would have noticed"), rows)


def _speed(session: Session) -> Iterator[str]:
    rows = []
    for probe in session.probes:
        figures = [
            f"{milliseconds(value)} / {NOTHING if target is None else format(target, 'g')}"
            for _, value, target in probe.figures
        ]
        state = f"{sign(probe.finding)} {words(probe.finding)}"
        slowest = milliseconds(probe.max_ms)
        rows.append(
            (name(probe.entry.name), state, *figures, slowest, f"{probe.samples:,}", str(probe.failed))
        )
    if rows:
        yield "Milliseconds over the whole session, measured / target."
        yield ""
        heads = ("Query", "Finding", "p50", "p95", "p99", "Slowest", "Samples", "Failed")
        yield from _table(heads, rows)
    said = [(probe.entry.name, failures(probe)) for probe in session.probes if probe.failed]
    if said:
        yield ""
        yield from (f"- {name(what)}: {escape(words_)}" for what, words_ in said)


def _verdicts(session: Session) -> Iterator[str]:
    told = [turn for turn in session.turns if turn.verdict is not None or turn.paused]
    yield from _table(("From (UTC)", "For", "Verdict", "Why"), map(_turn, told[:MOST_TURNS]))
    left = sum(turn.verdict is not None for turn in told[MOST_TURNS:])
    if left:
        yield from ("", f"The verdict turned {left} more times.")


def _turn(turn: Turn) -> tuple[str, str, str, str]:
    verdict = NOTHING if turn.verdict is None else f"{sign(turn.verdict)} {turn.verdict}"
    why = "reading was paused" if turn.paused else escape(reasons(turn))
    return f"{turn.began:%H:%M:%S}", duration(turn.seconds), verdict, why


def _crossings(session: Session) -> Iterator[str]:
    """What turned bad, or good again."""
    for crossing in session.crossings[:MOST_CROSSINGS]:
        yield f"- {crossing.at:%H:%M:%S} UTC {'✗' if crossing.worse else '✓'} {escape(crossing.sentence)}"
    left = session.crossed - min(len(session.crossings), MOST_CROSSINGS)
    if left:
        yield f"- and {left} more"


def _runs(session: Session) -> Iterator[str]:
    for run in session.runs:
        when = f"{run.started_at or run.confirmed_at:%H:%M:%S}"
        said = str(run.verification.get("sentence") or run.outcome.get("sentence") or "")
        ended = f": {escape(said)}" if said else ""
        yield f"- {when} UTC {name(run.step)} by {escape(run.operator)}, {run.state}{ended}"
    lines = list(changes(session))
    if session.runs and lines:
        yield ""
    yield from map(escape, lines)


def _incidents(session: Session) -> Iterator[str]:
    for incident in session.incidents[:MOST_INCIDENTS]:
        yield f"- {escape(incident.sentence)}"
    if len(session.incidents) > MOST_INCIDENTS:
        yield f"- and {len(session.incidents) - MOST_INCIDENTS} more"


def _lost(session: Session) -> Iterator[str]:
    for at, reason in session.lost:
        yield f"- {at:%H:%M:%S} UTC: {escape(reason)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    body = list(rows)
    if body:
        for row in chain((heads, ["---"] * len(heads)), body):
            yield f"| {' | '.join(row)} |"

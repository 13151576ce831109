"""The report as Markdown, the PERFORMANCE_REPORT.md that somebody in sales can read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from profiles.manifest import Priority
from sql.findings import ProbeFinding, Scope, Verdict
from sql.latency.readings import ProbeReading
from sql.printable import one_line
from sql.report import Report
from tui.reports.wording import (
    NOTHING,
    count,
    headline,
    milliseconds,
    next_steps,
    pgbouncer_lines,
    probe_targets,
    replica_lines,
    sign,
    size,
    slow_runs,
    words,
)
from tui.version import version

_MARKUP = re.compile(r"([\\`*\[\]<>|&~#!])")
_EDGE = re.compile(r"(?<!\w)_|_(?!\w)")
_PLAIN_NAME = re.compile(r"[\w.$ ]+", re.ASCII)
RANK = {priority: rank for rank, priority in enumerate(Priority)}
HARDLY_NOTICED_MS = 100.0
NOTICED_MS = 300.0


def render(reports: Sequence[Report]) -> str:
    """The reports one after the other, with a rule between them."""
    return "\n---\n\n".join("\n".join(_report(report)) + "\n" for report in reports)


def escape(text: str) -> str:
    """`text` as Markdown shows it literally, on one line."""
    return _EDGE.sub(r"\\_", _MARKUP.sub(r"\\\1", one_line(text)))


def name(text: str) -> str:
    """A name as code where that is safe, else literally."""
    return f"`{text}`" if _PLAIN_NAME.fullmatch(text) else escape(text)


def _report(report: Report) -> Iterator[str]:
    yield f"# Database performance report: {escape(report.title)}"
    yield ""
    yield f"**{headline(report)}**"
    yield ""
    yield from _table(("", ""), _origin(report))
    for title, lines in (
        ("Summary", _summary(report)),
        ("What a customer would notice", _notice(report)),
        ("Query speed", _speed(report)),
        ("What was slow, and why", [f"- {escape(line)}" for line in slow_runs(report)]),
        ("Indexes", _indexes(report)),
        ("Data integrity rules", _rules(report)),
        ("Room for connections", _pool(report)),
        ("Schema version", _migration(report)),
        ("Replicas", [f"- {escape(line)}" for line in replica_lines(report)]),
        ("What could not be read", _unavailable(report)),
        ("What to do next", [f"- {escape(line)}" for line in next_steps(report)]),
    ):
        body = list(lines)
        if body:
            yield from ("", f"## {title}", "", *body)
    yield from ("", f"Written by pgdeck {escape(version())}.")


def _origin(report: Report) -> Iterator[tuple[str, str]]:
    yield "Environment", f"{name(report.profile)} ({report.environment})"
    if report.server is None:
        yield "Server", "out of reach"
    else:
        role = "standby" if report.server.in_recovery else "primary"
        yield "Database", f"{name(report.server.database)} at {escape(report.server.address)}"
        yield "Server", f"PostgreSQL {escape(report.server.version)}, {role}"
    yield "Manifest", name(report.manifest)
    yield "Taken at", f"{report.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    if report.scope is Scope.ALL:
        yield "Queries measured for", f"{report.duration_s:g} s"


def _summary(report: Report) -> Iterator[str]:
    if report.verdict is Verdict.READY:
        measured = report.scope is Scope.ALL and report.probes
        speed = ", and every measured query met its target" if measured else ""
        yield f"The database has what it must have{speed}."
    elif report.verdict is Verdict.NOT_READY:
        yield "The database should not be shown to a customer yet:"
    else:
        yield "Nobody can say yet whether the database is ready:"
    if report.reasons:
        yield ""
        yield from (f"- {escape(reason)}" for reason in report.reasons)
    if report.warnings:
        yield from ("", "Worth knowing, although it changes nothing:", "")
        yield from (f"- {escape(warning)}" for warning in report.warnings)
    counts = [
        _share("indexes", [sign(index.finding) for index in report.indexes]),
        _share("data integrity rules", [sign(each.finding) for each in report.constraints]),
    ]
    if report.scope is Scope.ALL:
        counts.append(_share("measured queries", [sign(probe.finding) for probe in report.probes]))
    yield from ("", f"As they must be: {', '.join(filter(None, counts)) or 'nothing was asked for'}.")


def _share(what: str, signs: Sequence[str]) -> str:
    return f"{signs.count('✓')} of {len(signs)} {what}" if signs else ""


def _notice(report: Report) -> Iterator[str]:
    classes: dict[str, list[ProbeReading]] = {}
    for probe in report.probes:
        classes.setdefault(probe.query_class or probe.name, []).append(probe)
    rows = [(escape(title), _experience(probes)) for title, probes in classes.items()]
    yield from _table(("What is shown", "What a customer would notice"), rows)


def _experience(probes: Sequence[ProbeReading]) -> str:
    if any(probe.finding is ProbeFinding.FAILING for probe in probes):
        return "✗ An error in place of an answer"
    missed = [probe for probe in probes if probe.finding is ProbeFinding.MISSED]
    if not missed and any(probe.finding is ProbeFinding.NOT_MEASURED for probe in probes):
        return "? Not measured"
    slowest = max(missed or probes, key=_wait)
    waited = f"{_how_many(slowest)} within {milliseconds(_wait(slowest))} ms"
    if not missed:
        return f"✓ As fast as promised: {waited}"
    return f"✗ {_delay(_wait(slowest))}, slower than promised: {waited}"


def _wait(probe: ProbeReading) -> float:
    """The p95 in ms; where the samples carry no more the p50, then the longest of them."""
    return probe.p95_ms or probe.p50_ms or probe.max_ms or 0.0


def _how_many(probe: ProbeReading) -> str:
    """How many answers come within `_wait` of a probe."""
    if probe.p95_ms is not None:
        return "19 of 20 answers come"
    if probe.p50_ms is not None:
        return "half of the answers come"
    return (
        "the one answer that was measured came" if probe.samples == 1 else f"all {probe.samples} answers came"
    )


def _delay(wait_ms: float) -> str:
    if wait_ms < HARDLY_NOTICED_MS:
        return "Hardly noticeable"
    return "A noticeable delay" if wait_ms < NOTICED_MS else "A wait"


def _speed(report: Report) -> Iterator[str]:
    rows = []
    for probe in report.probes:
        figures = [
            f"{milliseconds(measured)} / {NOTHING if target is None else format(target, 'g')}"
            for _, measured, target in probe_targets(probe)
        ]
        plan = "; ".join(filter(None, (probe.plan.node, probe.plan.note))) if probe.plan else NOTHING
        state = f"{sign(probe.finding)} {words(probe.finding)}"
        cells = (escape(probe.query_class), name(probe.name), state, *figures, str(probe.samples))
        rows.append((*cells, escape(plan)))
    heads = ("Class", "Query", "Finding", "p50", "p95", "p99", "Samples", "Plan")
    if rows:
        yield "Milliseconds, measured / target."
        yield ""
        yield from _table(heads, rows)


def _indexes(report: Report) -> Iterator[str]:
    rows = [
        (
            index.priority.value,
            name(index.name),
            name(index.table),
            f"{sign(index.finding)} {words(index.finding)}",
            escape(index.purpose),
            escape(index.demo_query),
            size(index.size_bytes),
        )
        for index in sorted(report.indexes, key=lambda index: RANK[index.priority])
    ]
    heads = ("Priority", "Index", "Table", "Finding", "What it is for", "What the customer sees", "Size")
    yield from _table(heads, rows)
    details = [(index.name, index.detail) for index in report.indexes]
    yield from _details(details)


def _rules(report: Report) -> Iterator[str]:
    rows = [
        (
            name(each.name),
            name(each.table),
            f"{sign(each.finding)} {words(each.finding)}",
            count(each.violations, each.violations_capped),
            escape(each.purpose),
        )
        for each in report.constraints
    ]
    yield from _table(("Rule", "Table", "Finding", "Rows that break it", "What it is for"), rows)
    yield from _details([(each.name, each.detail) for each in report.constraints])


def _details(details: Iterable[tuple[str, str]]) -> Iterator[str]:
    lines = [f"- {name(what)}: {escape(detail)}" for what, detail in details if detail]
    if lines:
        yield from ("", *lines)


def _pool(report: Report) -> Iterator[str]:
    pool = report.pool
    if pool is None:
        return
    used = NOTHING if pool.used is None else pool.used
    limit = NOTHING if pool.limit is None else pool.limit
    yield f"{sign(pool.finding)} {words(pool.finding)}: {used} of {limit} connections are in use."
    if pool.limits:
        yield ""
        rows = [(escape(each.name), str(each.used), str(each.limit)) for each in pool.limits]
        yield from _table(("Limit", "Used", "Of"), rows)
    if before := pgbouncer_lines(pool):
        yield ""
        yield from (f"- {escape(each)}" for each in before)


def _migration(report: Report) -> Iterator[str]:
    migration = report.migration
    if migration is None:
        return
    actual = ", ".join(map(name, migration.actual)) or "none"
    state = f"{sign(migration.finding)} {words(migration.finding)}"
    yield f"{state}: the database is at {actual}, expected is {name(migration.expected)}."


def _unavailable(report: Report) -> Iterator[str]:
    for part in report.unavailable:
        remedy = f" (mended by: {escape(part.remedy)})" if part.remedy else ""
        yield f"- {escape(part.part)}: {escape(part.reason)}{remedy}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    body = list(rows)
    if body:
        for row in chain((heads, ["---"] * len(heads)), body):
            yield f"| {' | '.join(row)} |"

"""What the formats for people have in common: words, sizes, times, and what to do next."""

from __future__ import annotations

import shlex

from sql.findings import Scope, Verdict
from sql.latency.readings import ProbeReading
from sql.pool.pgbouncer_reading import sentence
from sql.report import Report
from sql.snapshots import PoolReading
from tui.present.signs import SIGNS
from tui.present.signs import words as words

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NOTHING = "–"
MOST_INCIDENTS = 8


def sign(finding: object) -> str:
    """The one-character sign of a finding; a word always stands beside it."""
    return SIGNS[finding][0]  # type: ignore[index]


def headline(report: Report) -> str:
    """The verdict, and what it does not cover."""
    text = f"{sign(report.verdict)} {report.verdict}"
    return text if report.scope is Scope.ALL else f"{text} (objects only: latency not measured)"


def size(count: int | None) -> str:
    """Bytes as pg_size_pretty() would say them, rounded: `16 MB`."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in UNITS[:-1]:
        if value < 10_240:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.0f} {UNITS[-1]}"


def count(rows: int | None, capped: bool) -> str:
    """Rows that break a rule; `1,000+` where counting stopped there."""
    return NOTHING if rows is None else f"{rows:,}{'+' if capped else ''}"


def milliseconds(value: float | None) -> str:
    """A latency with as many digits as matter."""
    if value is None:
        return NOTHING
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def probe_targets(probe: ProbeReading) -> tuple[tuple[str, float | None, float | None], ...]:
    """(name, measured, target) of each percentile; both in ms."""
    return (
        ("p50", probe.p50_ms, probe.target.p50_ms),
        ("p95", probe.p95_ms, probe.target.p95_ms),
        ("p99", probe.p99_ms, probe.target.p99_ms),
    )


def pgbouncer_lines(pool: PoolReading) -> list[str]:
    """What stands before the server, a line a pool; nothing where the profile names no console."""
    reading = pool.pgbouncer
    if reading is None:
        return []
    if reading.unknown:
        return [f"PgBouncer is unknown: {reading.unknown}"]
    pools = [f"PgBouncer ({each.pool_mode}) {sentence(each)}" for each in reading.pools]
    return pools + [f"PgBouncer: {each}" for each in reading.others]


def slow_runs(report: Report) -> list[str]:
    """The slowest incidents, in the order in which they happened, and how many more there are."""
    slowest = sorted(report.incidents, key=lambda incident: -incident.ms)[:MOST_INCIDENTS]
    lines = [incident.sentence for incident in report.incidents if incident in slowest]
    more = len(report.incidents) - len(lines)
    return [*lines, f"and {more} more; --report-format json has them all"] if more else lines


def replica_lines(report: Report) -> list[str]:
    """Each replica and each slot in a line; nothing where there are none."""
    reading = report.replicas
    if reading is None:
        return []
    lines = []
    for replica in reading.replicas:
        facts = [replica.state, replica.sync_state, replica.behind]
        lines.append(f"{replica.name}: {', '.join(filter(None, facts))}")
    for slot in reading.slots:
        kept = "" if slot.retained_bytes is None else f", keeps {size(slot.retained_bytes)} of WAL"
        lines.append(f"slot {slot.name}: {'active' if slot.active else 'nobody reads it'}{kept}")
    return lines


def next_steps(report: Report) -> tuple[str, ...]:
    """What to do now, one sentence each."""
    profile = shlex.quote(report.profile)
    again = f"pgdeck verify -e {profile}"
    lines = [part.remedy for part in report.unavailable if part.remedy]
    if report.server is None:
        return (*lines, f"find out how far a connection comes: pgdeck profile test {profile}")
    if report.plan.steps:
        count = len(report.plan.steps)
        lines.append(
            f"write the {'step' if count == 1 else f'{count} steps'} that mend this as a script to review: "
            f"{again} --save-fix-script fix.sql"
        )
        where = ""
        if report.server.in_recovery:
            where = " on the primary (this is a standby)"
        elif report.server.pooler is not None:
            where = " on a direct connection (this is a pooler)"
        lines.append(f"run it as the owner of the tables{where}: psql -X -f fix.sql")
        them = "it" if count == 1 else "them"
        lines.append(
            f"or see each as it is now: pgdeck plan -e {profile}; and run {them}: {again} --auto-fix"
        )
    for refusal in report.plan.refused:
        listing = f"; list them: {refusal.listing}" if refusal.listing else ""
        lines.append(f"{refusal.target}: {refusal.reason}{listing}")
    if report.scope is Scope.OBJECTS and report.verdict is not Verdict.NOT_READY:
        lines.append(f"measure the latency too: {again}")
    elif report.verdict is not Verdict.READY:
        lines.append(f"check again: {again}")
    return tuple(lines)

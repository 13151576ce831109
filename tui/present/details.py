"""Everything about one row: what it is, what it means, and what to do, as lines for one width."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from profiles.manifest import ProbeEntry
from sql.findings import ConstraintFinding, IndexFinding
from sql.latency.readings import ProbeReading
from sql.snapshots import ConstraintReading, IndexReading, MigrationReading, PoolReading
from sql.steps.step import Refusal, Step
from tui.present import latency, pgbouncer, pool
from tui.present.blocks import fact_lines, heading, prose, sql_lines
from tui.present.constraints import violations
from tui.present.difference import beside
from tui.present.indexes import on_replicas, since
from tui.present.meanings import meaning
from tui.present.signs import mark
from tui.present.text import NOTHING, clean, duration, ms, plural, size, spark, target_ms, wrap
from tui.present.view import BLANK, Line, Span, Tone, line

WIDE = 96
"""From this width on two definitions stand side by side."""
DIFFERENT = (IndexFinding.DRIFTED, ConstraintFinding.DRIFTED)
NOT_READ = (IndexFinding.UNVERIFIED, ConstraintFinding.UNVERIFIED)


@dataclass(frozen=True)
class Remedy:
    """What the plan says of one row."""

    steps: tuple[Step, ...] = ()
    refusal: Refusal | None = None

    @property
    def sql(self) -> str:
        """The exact SQL of the next step; empty where there is none."""
        return self.steps[0].sql if self.steps else ""


NOTHING_TO_DO = Remedy()


def index_details(index: IndexReading, remedy: Remedy, width: int) -> tuple[Line, ...]:
    """The details of a required index."""
    used = "" if index.scans is None else f"{plural(index.scans, 'scan')}{since(index.stats_since)}"
    last = "" if index.last_scan is None else f", last {index.last_scan:%Y-%m-%d %H:%M} UTC"
    facts = [
        ("table", index.table),
        ("priority", index.priority.value),
        ("needed for", index.purpose),
        ("seen in", index.demo_query),
        ("size", "" if index.size_bytes is None else size(index.size_bytes)),
        ("usage", used + last),
        ("on replicas", on_replicas(index)),
        ("same as", index.equivalent or ""),
    ]
    return (
        *_title(index.finding, index.name, width),
        *_meaning(index.finding, index.detail, width),
        *fact_lines(facts, width),
        BLANK,
        *_definitions(index.declared, index.actual, index.finding, width),
        *what_to_do(remedy, width),
    )


def constraint_details(constraint: ConstraintReading, remedy: Remedy, width: int) -> tuple[Line, ...]:
    """The details of a required constraint."""
    facts = [
        ("table", constraint.table),
        ("priority", constraint.priority.value),
        ("needed for", constraint.purpose),
        ("rows that break it", violations(constraint)),
        ("the first are", ", ".join(constraint.violating_keys)),
        ("refuses what it must", constraint.rejects.value),
        ("accepts what it must", constraint.accepts.value),
    ]
    return (
        *_title(constraint.finding, constraint.name, width),
        *_meaning(constraint.finding, constraint.detail, width),
        *fact_lines(facts, width),
        BLANK,
        *_definitions(constraint.declared, constraint.actual, constraint.finding, width),
        *what_to_do(remedy, width),
    )


def migration_details(migration: MigrationReading, remedy: Remedy, width: int) -> tuple[Line, ...]:
    """The details of the migration version."""
    facts = [
        ("table", migration.table),
        ("expected", migration.expected),
        ("actual", ", ".join(migration.actual) or "none"),
    ]
    return (
        *_title(migration.finding, "migration version", width),
        *_meaning(migration.finding, migration.detail, width),
        *fact_lines(facts, width),
        BLANK,
        *what_to_do(remedy, width),
    )


def probe_details(probe: ProbeReading, entry: ProbeEntry | None, width: int) -> tuple[Line, ...]:
    """The details of a probe: measured against targets, the plan, the query."""
    target = probe.target
    rows: list[Line] = [line((f"  {'':<14}{'measured':>10}{'target':>10}{'service':>10}", Tone.DIM))]
    for name, measured, limit, service in (
        ("p50", probe.p50_ms, target.p50_ms, probe.service_p50_ms),
        ("p95", probe.p95_ms, target.p95_ms, probe.service_p95_ms),
        ("p99", probe.p99_ms, target.p99_ms, probe.service_p99_ms),
    ):
        rows.append(_percentile(name, measured, limit, service))
    plan = probe.plan
    facts = [
        ("class", probe.query_class),
        ("now", f"{ms(probe.last_ms)} ms, longest {ms(probe.max_ms)} ms"),
        ("samples", f"{probe.samples}, {plural(probe.errors, 'error')}"),
        ("kept", "" if probe.kept is None else f"{probe.kept:.1%} of the measurements that were due"),
        ("due", _due(probe)),
        ("server's own mean", "" if probe.server_mean_ms is None else f"{ms(probe.server_mean_ms)} ms"),
        ("newest", spark(probe.recent_ms, max(width - 24, 8))),
        ("plan", "" if plan is None else plan.node),
        ("its index", "" if plan is None else _uses(plan.uses_index, plan.expected_index)),
        ("of the plan", "" if plan is None else plan.note),
    ]
    query: list[Line] = []
    if entry is not None:
        query = [heading("query"), *sql_lines(entry.sql, width), BLANK]
        if entry.arguments:
            query += [heading("arguments, rotated"), *sql_lines(entry.arguments, width), BLANK]
    return (
        *_title(probe.finding, probe.name, width),
        *_meaning(probe.finding, probe.detail, width),
        *rows,
        line(("  percentiles count from when a measurement was due, service from its start", Tone.DIM)),
        BLANK,
        *fact_lines(facts, width),
        BLANK,
        *query,
    )


def _due(probe: ProbeReading) -> str:
    if probe.every_s is None:
        return ""
    why = ": it is heavy, and probes take no more than a fifth of one backend" if probe.slowed else ""
    return f"every {probe.every_s:.1f} s{why}"


def _percentile(name: str, measured: float | None, limit: float | None, service: float | None) -> Line:
    missed = latency.is_missed(measured, limit)
    tone = Tone.BAD if missed else Tone.GOOD
    verdict = (
        ("", Tone.DIM) if measured is None or limit is None else ("✗ missed" if missed else "✓ met", tone)
    )
    return line(
        f"  {name + ', ms':<14}",
        (f"{ms(measured):>10}", tone if verdict[0] else Tone.PLAIN),
        f"{target_ms(limit):>10}",
        (f"{ms(service):>10}", Tone.DIM),
        "  ",
        verdict,
    )


def _uses(uses: bool | None, expected: str | None) -> str:
    if uses is None:
        return "none is expected"
    return f"{'✓ uses' if uses else '✗ does not use'} {expected or 'its index'}"


def _here(value: float | None, said: str) -> str:
    return NOTHING if value is None else f"{said} in this database"


def pool_details(reading: PoolReading, application: str, width: int) -> tuple[Line, ...]:
    """The details of the pool, and of the selected application in it."""
    use = next((each for each in reading.by_application if each.application == application), None)
    limits = [
        line("  ", *pool.limit_line(each.name, each.used, each.limit)) for each in pool.all_limits(reading)
    ]
    facts = [
        (state or "unknown", f"{number} on the server") for state, number in sorted(reading.by_state.items())
    ]
    facts += [
        ("oldest transaction", _here(reading.oldest_transaction_s, duration(reading.oldest_transaction_s))),
        ("waiting on locks", _here(reading.waiting_on_locks, str(reading.waiting_on_locks))),
        ("reserved", NOTHING if reading.reserved is None else str(reading.reserved)),
        ("pgdeck itself", str(reading.own)),
    ]
    if use is not None:
        budget = "no budget in the manifest" if use.budget is None else f"budget {use.budget}"
        facts.insert(0, (clean(use.application) or "(no name)", f"{use.used} connections, {budget}"))
    return (
        *_title(reading.finding, "connections", width),
        *_meaning(reading.finding, reading.detail, width),
        *limits,
        BLANK,
        *pgbouncer.screen_lines(reading.pgbouncer, width),
        *fact_lines(facts, width),
        BLANK,
    )


def what_to_do(remedy: Remedy, width: int) -> tuple[Line, ...]:
    """The next steps with their exact SQL and the lock in words."""
    if remedy.refusal is not None and not remedy.steps:
        return (heading("what to do"), *prose(remedy.refusal.reason, width, Tone.WARN))
    if not remedy.steps:
        return (heading("what to do"), *prose("nothing", width, Tone.DIM))
    lines: list[Line] = [heading("what to do")]
    for number, step in enumerate(remedy.steps, 1):
        lines.append(line(f"  {number}. {step.verb}", (f"  {clean(step.id)}", Tone.DIM)))
        lines += [line("     ", *each) for each in sql_lines(step.sql, width - 5)]
        lines += prose(f"lock: {step.lock}; it blocks {step.blocks}", width, Tone.PLAIN, indent=5)
        if step.note:
            lines += prose(step.note, width, Tone.WARN, indent=5)
        if step.undo:
            lines += prose(f"undo: {step.undo_sql}", width, Tone.DIM, indent=5)
    return tuple(lines)


def _title(finding: StrEnum, name: str, width: int) -> list[Line]:
    spans: list[Span] = [mark(finding), ("  ", Tone.PLAIN)]
    head, *rest = wrap(name, max(width - 24, 20))
    return [
        line(" ", *spans, (head, Tone.STRONG)),
        *(line("   ", (each, Tone.STRONG)) for each in rest),
        BLANK,
    ]


def _meaning(finding: StrEnum, detail: str, width: int) -> list[Line]:
    lines = prose(meaning(finding), width, Tone.PLAIN)
    return [*lines, *(prose(detail, width, Tone.WARN) if detail else []), BLANK]


def _definitions(declared: str, actual: str | None, finding: StrEnum, width: int) -> list[Line]:
    absent = "it could not be read" if finding in NOT_READ else "there is none"
    differ = finding in DIFFERENT
    return [*beside(declared, actual, width, mark=differ, wide=width >= WIDE, absent=absent), BLANK]

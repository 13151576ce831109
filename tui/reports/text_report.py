"""The report as plain text that an operator pastes into a chat: the verdict first, 100 columns, no colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from textwrap import wrap
from unicodedata import combining, east_asian_width

from sql.findings import ConstraintFinding, IndexFinding, ProbeFinding, SampleFinding
from sql.printable import one_line
from sql.report import Report
from sql.snapshots import ConstraintReading
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

WIDTH = 100


def render(reports: Sequence[Report]) -> str:
    """The reports one after the other."""
    return "\n".join("\n".join(_report(report)) + "\n" for report in reports)


def _report(report: Report) -> Iterator[str]:
    yield from _wrapped(
        f"{headline(report)} · {one_line(report.profile)} ({report.environment})", first="", rest="  "
    )
    yield from _wrapped(f"{_where(report)} · manifest {one_line(report.manifest)}", first="  ", rest="  ")
    yield f"  {report.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    yield from _section("Why", report.reasons)
    yield from _section("Warnings", report.warnings)
    yield from _indexes(report)
    yield from _constraints(report)
    yield from _probes(report)
    yield from _section("Slow runs", slow_runs(report))
    yield from _pool(report)
    yield from _migration(report)
    yield from _section("Replicas", replica_lines(report))
    missing = [f"{part.part}: {part.reason}" for part in report.unavailable]
    yield from _section("Could not be read", missing)
    yield from _section("Next", next_steps(report))


def _where(report: Report) -> str:
    server = report.server
    if server is None:
        return "server out of reach"
    role = "standby" if server.in_recovery else "primary"
    pooler = f", through a pooler ({server.pooler.kind})" if server.pooler else ""
    return one_line(f"{server.database} at {server.address}, PostgreSQL {server.version}, {role}{pooler}")


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield title
    for line in lines:
        yield from _wrapped(one_line(line), first="  - ", rest="    ")


def _indexes(report: Report) -> Iterator[str]:
    if not report.indexes:
        return
    good = sum(1 for index in report.indexes if sign(index.finding) == "✓")
    rows = [
        (
            f"{sign(index.finding)} {words(index.finding)}",
            index.priority.value,
            index.name,
            index.table.removeprefix("public."),
            size(index.size_bytes),
            NOTHING if index.scans is None else f"{index.scans:,}",
        )
        for index in report.indexes
    ]
    yield from _table(
        f"Indexes: {good} of {len(rows)} as they must be",
        ("finding", "priority", "index", "table", ">size", ">scans"),
        rows,
    )
    yield from _details(
        (index.name, index.detail)
        for index in report.indexes
        if index.finding not in (IndexFinding.PRESENT, IndexFinding.MISSING)
    )


def _constraints(report: Report) -> Iterator[str]:
    if not report.constraints:
        return
    good = sum(1 for constraint in report.constraints if sign(constraint.finding) == "✓")
    rows = [
        (
            f"{sign(each.finding)} {words(each.finding)}",
            f"{each.table.removeprefix('public.')}.{each.name}",
            count(each.violations, each.violations_capped),
            words(_samples(each)),
        )
        for each in report.constraints
    ]
    yield from _table(
        f"Constraints: {good} of {len(rows)} as they must be",
        ("finding", "constraint", ">bad rows", "samples"),
        rows,
    )
    yield from _details(
        (each.name, each.detail)
        for each in report.constraints
        if each.finding not in (ConstraintFinding.ENFORCED, ConstraintFinding.MISSING)
        or _samples(each) is SampleFinding.FAILED
    )


def _samples(constraint: ConstraintReading) -> SampleFinding:
    """Both sample findings as one: the worse of the two."""
    both = (constraint.rejects, constraint.accepts)
    worst_first = (SampleFinding.FAILED, SampleFinding.UNVERIFIED, SampleFinding.VERIFIED)
    return next(finding for finding in worst_first if finding in both)


def _probes(report: Report) -> Iterator[str]:
    if not report.probes:
        return
    rows = []
    for probe in report.probes:
        figures = [
            f"{milliseconds(measured)}/{NOTHING if target is None else format(target, 'g')}"
            for _, measured, target in probe_targets(probe)
        ]
        node = probe.plan.node if probe.plan else NOTHING
        finding = f"{sign(probe.finding)} {words(probe.finding)}"
        rows.append((finding, probe.name, *figures, str(probe.samples), node))
    yield from _table(
        "Latency in ms, measured/target",
        ("finding", "probe", ">p50", ">p95", ">p99", ">samples", "plan"),
        rows,
    )
    yield from _details(
        (probe.name, probe.detail) for probe in report.probes if probe.finding is not ProbeFinding.MET
    )


def _pool(report: Report) -> Iterator[str]:
    pool = report.pool
    if pool is None:
        return
    states = ", ".join(f"{count} {state}" for state, count in pool.by_state.items())
    limit = NOTHING if pool.limit is None else pool.limit
    used = NOTHING if pool.used is None else pool.used
    line = f"{sign(pool.finding)} {words(pool.finding)}: {used} of {limit} connections"
    if pool.reserved:
        line += f", {pool.reserved} of them reserved"
    lines = [line + (f"; server: {states}" if states else "")]
    lines += [f"{each.name}: {each.used} of {each.limit}" for each in pool.limits]
    if pool.oldest_transaction_s is not None:
        lines.append(f"this database: oldest transaction {pool.oldest_transaction_s:.1f} s")
    if pool.waiting_on_locks:
        behind = f" behind {pool.root_blocker}" if pool.root_blocker else ""
        lines.append(f"this database: {pool.waiting_on_locks} waiting on locks{behind}")
    lines += pgbouncer_lines(pool)
    if pool.detail:
        lines.append(pool.detail)
    yield from _section("Pool", lines)


def _migration(report: Report) -> Iterator[str]:
    migration = report.migration
    if migration is None:
        return
    actual = ", ".join(migration.actual) or "none"
    line = f"{sign(migration.finding)} {words(migration.finding)}: {actual}"
    if migration.actual != (migration.expected,):
        line += f"; expected {migration.expected}"
    yield from _section("Migration", [line])


def _details(details: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, detail in details:
        if detail:
            yield from _wrapped(one_line(f"{name}: {detail}"), first="  - ", rest="    ")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned columns within the width; the widest one gives way. A head with `>` is set to the right."""
    right = [head.startswith(">") for head in heads]
    every = [[head.removeprefix(">") for head in heads], *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(_cells(row[column]) for row in every) for column in range(len(heads))]
    excess = sum(widths) + 2 * len(widths) - WIDTH
    while excess > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
        excess -= 1
    yield ""
    yield title
    for row in every:
        cells = [_fit(*each) for each in zip(row, widths, right, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _fit(text: str, width: int, right: bool) -> str:
    if _cells(text) > width:
        # A name is told from its neighbours by both ends.
        head, tail = width // 2, (width - 1) // 2
        text = f"{text[:head]}…{text[len(text) - tail :]}"
        while _cells(text) > width:
            text = text[1:]
    padding = " " * (width - _cells(text))
    return padding + text if right else text + padding


@lru_cache(maxsize=1_000)
def _cells(text: str) -> int:
    """Columns of a terminal; wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first]

"""The Constraints pane, with the migration version pinned below."""

from __future__ import annotations

from sql.findings import ConstraintFinding, SampleFinding
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    MigrationReading,
    MigrationSnapshot,
    Unavailable,
)
from tui.present.indexes import PRIORITY_TONES, RANK, short_table
from tui.present.signs import OPEN, badness, is_good, mark
from tui.present.tally import tally
from tui.present.text import NOTHING, clean, count
from tui.present.view import GAP, Column, Line, Row, Span, Tone, View, line

COLUMNS = (
    Column("finding", least=10),
    Column("constraint", least=12, most=63, middle=True, fills=True),
    Column("table", most=30, drop=3, middle=True),
    Column("rows", least=4, right=True, drop=1),
    Column("samples", least=8, drop=4),
    Column("priority", least=8, drop=5),
)
MIGRATION_KEY = "migration"


def constraints_view(
    snapshot: ConstraintsSnapshot,
    migration: MigrationSnapshot | Unavailable | None,
) -> View:
    """The required constraints: what is not right first, then by priority, then as the manifest has them."""
    ordered = sorted(
        snapshot.constraints,
        key=lambda c: (badness(c.finding), RANK[c.priority]),
    )
    return View(
        summary=summary(snapshot),
        columns=COLUMNS,
        rows=tuple(_row(constraint) for constraint in ordered),
        pinned=migration_rows(migration),
        empty=(line(("the manifest requires no constraint", Tone.DIM)),),
    )


def constraint_key(constraint: ConstraintReading) -> str:
    """By what a row is known: a constraint's name is unique only within its table."""
    return f"{constraint.table}.{constraint.name}"


def summary(snapshot: ConstraintsSnapshot) -> Line:
    """`6 of 8 enforced  ✗ 2 not validated`."""
    findings = (constraint.finding for constraint in snapshot.constraints)
    said = tally(findings, ConstraintFinding.ENFORCED, "none required")
    failed = sum(SampleFinding.FAILED in (c.rejects, c.accepts) for c in snapshot.constraints)
    return (*said, GAP, (f"✗ {failed} failing samples", Tone.BAD)) if failed else said


def violations(constraint: ConstraintReading) -> str:
    """How many rows break it: `3`, `1000+`; a dash where they were not counted."""
    if constraint.violations is None:
        return NOTHING
    return count(constraint.violations) + ("+" if constraint.violations_capped else "")


def samples(constraint: ConstraintReading) -> Span:
    """What the refuse and accept rows say together."""
    said = (constraint.rejects, constraint.accepts)
    for finding in (SampleFinding.FAILED, SampleFinding.UNVERIFIED):
        if finding in said:
            text, tone = mark(finding)
            return (text, tone if finding is SampleFinding.FAILED else Tone.DIM)
    return mark(SampleFinding.VERIFIED)


def _row(constraint: ConstraintReading) -> Row:
    broken = bool(constraint.violations)
    return Row(
        key=constraint_key(constraint),
        name=clean(constraint.name),
        cells=(
            mark(constraint.finding),
            (clean(constraint.name), Tone.PLAIN),
            (short_table(constraint.table), Tone.DIM),
            (violations(constraint), Tone.BAD if broken else Tone.PLAIN),
            samples(constraint),
            (constraint.priority.value, PRIORITY_TONES[constraint.priority]),
        ),
        sql=constraint.declared,
        foot=(line((clean(constraint.table), Tone.STRONG)), _said(constraint)),
    )


def _said(constraint: ConstraintReading) -> Line:
    keys = ", ".join(clean(key) for key in constraint.violating_keys[:3])
    treated = f"refuses: {constraint.rejects.value}, accepts: {constraint.accepts.value}"
    facts = [
        f"broken by {keys}" if keys else "",
        treated if SampleFinding.FAILED in (constraint.rejects, constraint.accepts) else "",
        clean(constraint.detail).rstrip("."),
        clean(constraint.purpose),
    ]
    return line((" · ".join(fact for fact in facts if fact), Tone.DIM))


def migration_rows(migration: MigrationSnapshot | Unavailable | None) -> tuple[Row, ...]:
    """The migration version as a row that is always in sight; nothing where the manifest asks for none."""
    if migration is None:
        return ()
    if isinstance(migration, Unavailable):
        sign, tone = OPEN
        said = f"migration not readable: {clean(migration.reason)}"
        mend = line((clean(migration.remedy), Tone.DIM)) if migration.remedy else ()
        return (
            Row(MIGRATION_KEY, ((f"{sign} {said}", tone),), "the migration version", foot=(line(said), mend)),
        )
    reading = migration.migration
    text, tone = mark(reading.finding)
    cells: tuple[Span, ...] = ((text, tone), (" migration ", Tone.DIM), *_versions(reading))
    foot = (
        line(("migration version", Tone.STRONG), (" in ", Tone.DIM), clean(reading.table)),
        line((clean(reading.detail) or f"the manifest expects {clean(reading.expected)}", Tone.DIM)),
    )
    return (Row(MIGRATION_KEY, cells, "the migration version", foot=foot),)


def _versions(reading: MigrationReading) -> tuple[Span, ...]:
    actual = ", ".join(clean(version) for version in reading.actual) or "none"
    if is_good(reading.finding):
        return ((actual, Tone.PLAIN),)
    return ((actual, Tone.PLAIN), (", not ", Tone.DIM), (clean(reading.expected), Tone.PLAIN))

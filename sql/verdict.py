"""The one answer, and why: what the findings together say of a database.

Pure: values in, a value out. `verify` and the deck's header ask the same function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from profiles.manifest import Manifest, Priority
from sql.findings import (
    ConstraintFinding,
    IndexFinding,
    MigrationFinding,
    PoolFinding,
    ProbeFinding,
    SampleFinding,
    Scope,
    Verdict,
)
from sql.latency.window import LEAST_SAMPLES
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
    PoolReading,
    PoolSnapshot,
    ProbesSnapshot,
    Unavailable,
)

if TYPE_CHECKING:
    from sql.latency.readings import ProbeReading
    from sql.replicas.values import ReplicasSnapshot


@dataclass(frozen=True)
class Parts:
    """The newest reading of each part; None is a part that was not read (yet)."""

    indexes: IndexesSnapshot | Unavailable | None = None
    constraints: ConstraintsSnapshot | Unavailable | None = None
    probes: ProbesSnapshot | Unavailable | None = None
    pool: PoolSnapshot | Unavailable | None = None
    migration: MigrationSnapshot | Unavailable | None = None
    replicas: ReplicasSnapshot | Unavailable | None = None
    """Never part of the verdict: what is wrong with them is a warning."""


@dataclass(frozen=True)
class Judgement:
    """A verdict and its reasons, one clause each, the gravest first."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    """What makes it NOT READY, by priority and kind, then what makes it UNKNOWN."""
    warnings: tuple[str, ...] = ()
    """What does not change the verdict."""


class Weight(IntEnum):
    """What one remark does to the verdict."""

    REFUSES = 0
    OBSCURES = 1
    WARNS = 2


class Remark(NamedTuple):
    """Something to say of one object."""

    weight: Weight
    priority: Priority
    words: str


Remarks: TypeAlias = Iterator[Remark]

INDEX_WORDS = {
    IndexFinding.MISSING: (Weight.REFUSES, "is missing"),
    IndexFinding.INVALID: (Weight.REFUSES, "is INVALID, a dead leftover"),
    IndexFinding.DISABLED: (Weight.REFUSES, "is disabled, half dropped"),
    IndexFinding.DRIFTED: (Weight.REFUSES, "has drifted from its definition"),
    IndexFinding.BUILDING: (Weight.OBSCURES, "is still building"),
    IndexFinding.UNVERIFIED: (Weight.OBSCURES, "is there, but its definition could not be compared"),
    IndexFinding.EQUIVALENT: (Weight.WARNS, "is there under another name"),
}
CONSTRAINT_WORDS = {
    ConstraintFinding.MISSING: (Weight.REFUSES, "is missing"),
    ConstraintFinding.NOT_VALIDATED: (Weight.REFUSES, "is not validated"),
    ConstraintFinding.NOT_ENFORCED: (Weight.REFUSES, "is not enforced"),
    ConstraintFinding.DRIFTED: (Weight.REFUSES, "has drifted from its definition"),
    ConstraintFinding.UNVERIFIED: (Weight.OBSCURES, "is there, but its definition could not be compared"),
}
RANK = {priority: rank for rank, priority in enumerate(Priority)}


def judge(manifest: Manifest, parts: Parts, scope: Scope = Scope.ALL) -> Judgement:
    """Judge what was read against what the manifest asks for.

    Args:
        manifest: decides which parts matter: a part of which it asks nothing cannot make UNKNOWN.
        parts: the readings; one that is None although the manifest asks for it makes UNKNOWN.
        scope: `OBJECTS` leaves the probes out.
    """
    remarks = list(_remarks(manifest, parts, scope))
    # sorted() is stable: within a priority the kinds stay in the order in which they are read.
    ordered = sorted(remarks, key=lambda remark: (remark.weight, RANK[remark.priority]))
    reasons = tuple(remark.words for remark in ordered if remark.weight is not Weight.WARNS)
    warnings = tuple(remark.words for remark in ordered if remark.weight is Weight.WARNS)
    weights = {remark.weight for remark in remarks}
    if Weight.REFUSES in weights:
        return Judgement(Verdict.NOT_READY, reasons, warnings)
    if Weight.OBSCURES in weights:
        return Judgement(Verdict.UNKNOWN, reasons, warnings)
    return Judgement(Verdict.READY, reasons, warnings)


def _remarks(manifest: Manifest, parts: Parts, scope: Scope) -> Remarks:
    if isinstance(parts.indexes, IndexesSnapshot):
        for index in parts.indexes.indexes:
            yield from _of_index(index)
    elif manifest.indexes:
        yield _unread("the indexes", parts.indexes)
    if isinstance(parts.constraints, ConstraintsSnapshot):
        for constraint in parts.constraints.constraints:
            yield from _of_constraint(constraint)
    elif manifest.constraints:
        yield _unread("the constraints", parts.constraints)
    if scope is Scope.ALL:
        if isinstance(parts.probes, ProbesSnapshot):
            for probe in parts.probes.probes:
                yield from _of_probe(probe)
        elif manifest.probes:
            yield _unread("the latency", parts.probes, "was not measured")
    if isinstance(parts.migration, MigrationSnapshot):
        yield from _of_migration(parts.migration.migration)
    elif manifest.migration is not None:
        yield _unread("the migration version", parts.migration)
    if isinstance(parts.pool, PoolSnapshot):
        yield from _of_pool(parts.pool.pool)
    else:
        yield _unread("the pool", parts.pool)
    if parts.replicas is not None and not isinstance(parts.replicas, Unavailable):
        for sentence in parts.replicas.replicas.sentences:
            yield _remark(Weight.WARNS, sentence)


def _of_index(index: IndexReading) -> Remarks:
    if index.finding not in INDEX_WORDS:
        return
    weight, words = INDEX_WORDS[index.finding]
    if index.finding is IndexFinding.EQUIVALENT and index.equivalent:
        words += f", {index.equivalent}"
    yield Remark(weight, index.priority, f"{_named(index.priority, 'index', index.name)} {words}")


def _of_constraint(constraint: ConstraintReading) -> Remarks:
    subject = _named(constraint.priority, "constraint", f"{constraint.table}.{constraint.name}")
    if constraint.finding in CONSTRAINT_WORDS:
        weight, words = CONSTRAINT_WORDS[constraint.finding]
        yield Remark(weight, constraint.priority, f"{subject} {words}{_violated(constraint)}")
    if constraint.rejects is SampleFinding.FAILED:
        words = "lets in a row that it must refuse"
        yield Remark(Weight.REFUSES, constraint.priority, f"{subject} {words}")
    if constraint.accepts is SampleFinding.FAILED:
        words = "refuses a row that it must let in"
        yield Remark(Weight.REFUSES, constraint.priority, f"{subject} {words}")


def _violated(constraint: ConstraintReading) -> str:
    if not constraint.violations:
        return ""
    least = "at least " if constraint.violations_capped else ""
    rows = "1 row breaks it" if constraint.violations == 1 else f"{constraint.violations:,} rows break it"
    return f"; {least}{rows}"


def _of_probe(probe: ProbeReading) -> Remarks:
    if probe.finding is ProbeFinding.MISSED:
        yield _remark(Weight.REFUSES, f"probe {probe.name} misses its target{_by_how_much(probe)}")
    elif probe.finding is ProbeFinding.FAILING:
        yield _remark(Weight.REFUSES, f"probe {probe.name}" + (_because(probe.detail) or " fails"))
    elif probe.finding is ProbeFinding.NOT_MEASURED:
        yield _remark(Weight.OBSCURES, f"probe {probe.name} was not measured" + _because(probe.detail))


def _by_how_much(probe: ProbeReading) -> str:
    found = (
        (50, probe.p50_ms, probe.target.p50_ms),
        (95, probe.p95_ms, probe.target.p95_ms),
        (99, probe.p99_ms, probe.target.p99_ms),
    )
    wanted = [(percent, measured, target) for percent, measured, target in found if target is not None]
    missed = [
        f"p{percent} {measured:.1f} ms instead of {target:g} ms"
        for percent, measured, target in wanted
        if measured is not None and measured > target
    ]
    if missed:
        return f": {', '.join(missed)}"
    # So few samples can only miss a target when each of them does: the least of the targets for certain.
    few = [
        (target, percent, LEAST_SAMPLES[percent])
        for percent, _, target in wanted
        if probe.samples < LEAST_SAMPLES[percent]
    ]
    if not few:
        return ""
    target, percent, least = min(few)
    return f": each of {probe.samples} samples is above {target:g} ms (a p{percent} needs {least})"


def _of_migration(migration: MigrationReading) -> Remarks:
    table = migration.table or "the migration table"
    actual = ", ".join(migration.actual)
    words = {
        MigrationFinding.BEHIND: f"the migration is {actual} instead of {migration.expected}",
        MigrationFinding.SEVERAL_HEADS: f"{table} has several heads ({actual})",
        MigrationFinding.EMPTY: f"{table} is empty instead of {migration.expected}",
        MigrationFinding.NO_TABLE: f"{table} does not exist",
    }
    if migration.finding in words:
        yield _remark(Weight.REFUSES, words[migration.finding])
    elif migration.finding is MigrationFinding.UNREADABLE:
        unread = "the migration version could not be read"
        yield _remark(Weight.OBSCURES, unread + _because(migration.detail))


def _of_pool(pool: PoolReading) -> Remarks:
    pgbouncer = pool.pgbouncer
    if pgbouncer is not None and pgbouncer.unknown:
        yield _remark(Weight.OBSCURES, f"PgBouncer's console could not be read: {pgbouncer.unknown}")
    if pool.finding is PoolFinding.FULL:
        yield _remark(Weight.REFUSES, "the pool is full" + _fullest(pool))
    elif pool.finding is PoolFinding.UNREADABLE:
        yield _remark(Weight.OBSCURES, "the pool could not be read" + _because(pool.detail))
    elif pool.finding is PoolFinding.TIGHT:
        yield _remark(Weight.WARNS, "the pool is tight" + _fullest(pool))


def _fullest(pool: PoolReading) -> str:
    if pool.pgbouncer is not None and pool.pgbouncer.finding is pool.finding:
        return f": PgBouncer: {pool.pgbouncer.sentences[0]}"
    if not pool.limits:
        return _because(pool.detail)
    limit = max(pool.limits, key=lambda limit: limit.used / limit.limit if limit.limit else 1.0)
    return f": {limit.used} of {limit.limit} ({limit.name})"


def _unread(what: str, part: object, words: str = "could not be read") -> Remark:
    if isinstance(part, Unavailable):
        return _remark(Weight.OBSCURES, f"{what} {words}" + _because(part.reason))
    return _remark(Weight.OBSCURES, f"{what}: no reading yet")


def _remark(weight: Weight, words: str) -> Remark:
    return Remark(weight, Priority.NORMAL, words)


def _named(priority: Priority, kind: str, name: str) -> str:
    return f"{kind} {name}" if priority is Priority.NORMAL else f"{priority} {kind} {name}"


def _because(detail: str) -> str:
    return f": {detail.rstrip('. ')}" if detail else ""

"""The verdict, decision by decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.manifest import (
    ConstraintEntry,
    IndexEntry,
    Manifest,
    MigrationEntry,
    Priority,
    ProbeEntry,
    Target,
)
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
from sql.latency.readings import ProbeReading
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
    PoolLimit,
    PoolReading,
    PoolSnapshot,
    ProbesSnapshot,
    Unavailable,
)
from sql.verdict import Parts, judge

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
TARGET = Target(p50_ms=25, p95_ms=35, p99_ms=50)
MANIFEST = Manifest(
    name="m",
    title="M",
    origin=Path("m.toml"),
    indexes=(IndexEntry("CREATE INDEX i ON t (a)"),),
    constraints=(ConstraintEntry("t", "c", "CHECK (a > 0)"),),
    probes=(ProbeEntry("p", "SELECT 1", TARGET),),
    migration=MigrationEntry("005"),
)
NOTHING_ASKED = Manifest(name="m", title="M", origin=Path("m.toml"))


def index(
    finding: IndexFinding, *, name: str = "i", priority: Priority = Priority.NORMAL, **more: str
) -> IndexReading:
    return IndexReading(name, "public.t", priority, finding, "CREATE INDEX i ON t (a)", **more)


def constraint(
    finding: ConstraintFinding = ConstraintFinding.ENFORCED,
    *,
    rejects: SampleFinding = SampleFinding.VERIFIED,
    accepts: SampleFinding = SampleFinding.VERIFIED,
    violations: int | None = None,
    capped: bool = False,
) -> ConstraintReading:
    return ConstraintReading(
        "c",
        "public.t",
        finding,
        "CHECK (a > 0)",
        rejects=rejects,
        accepts=accepts,
        violations=violations,
        violations_capped=capped,
    )


def probe(finding: ProbeFinding, p95_ms: float | None = None, detail: str = "") -> ProbeReading:
    return ProbeReading("p", "Lists", finding, 200, 0, TARGET, p50_ms=1.0, p95_ms=p95_ms, detail=detail)


def pool(finding: PoolFinding, limits: tuple[PoolLimit, ...] = ()) -> PoolReading:
    return PoolReading(finding, 100, 3, 14, {}, (), limits=limits)


def parts(
    *,
    indexes: tuple[IndexReading, ...] = (index(IndexFinding.PRESENT),),
    constraints: tuple[ConstraintReading, ...] = (constraint(),),
    probes: tuple[ProbeReading, ...] = (probe(ProbeFinding.MET),),
    pools: PoolReading | None = None,
    migration: MigrationReading | None = None,
) -> Parts:
    return Parts(
        IndexesSnapshot(NOW, indexes),
        ConstraintsSnapshot(NOW, constraints),
        ProbesSnapshot(NOW, probes),
        PoolSnapshot(NOW, pools or pool(PoolFinding.OK)),
        MigrationSnapshot(NOW, migration or MigrationReading(MigrationFinding.CURRENT, "005", ("005",))),
    )


def test_all_in_place_is_ready() -> None:
    judgement = judge(MANIFEST, parts())
    assert (judgement.verdict, judgement.reasons, judgement.warnings) == (Verdict.READY, (), ())


@pytest.mark.parametrize(
    ("finding", "verdict", "words"),
    [
        (IndexFinding.MISSING, Verdict.NOT_READY, "index i is missing"),
        (IndexFinding.INVALID, Verdict.NOT_READY, "index i is INVALID, a dead leftover"),
        (IndexFinding.DISABLED, Verdict.NOT_READY, "index i is disabled, half dropped"),
        (IndexFinding.DRIFTED, Verdict.NOT_READY, "index i has drifted from its definition"),
        (IndexFinding.BUILDING, Verdict.UNKNOWN, "index i is still building"),
        (
            IndexFinding.UNVERIFIED,
            Verdict.UNKNOWN,
            "index i is there, but its definition could not be compared",
        ),
    ],
)
def test_index_findings(finding: IndexFinding, verdict: Verdict, words: str) -> None:
    judgement = judge(MANIFEST, parts(indexes=(index(finding),)))
    assert (judgement.verdict, judgement.reasons) == (verdict, (words,))


def test_an_equivalent_index_is_a_warning() -> None:
    judgement = judge(MANIFEST, parts(indexes=(index(IndexFinding.EQUIVALENT, equivalent="i2"),)))
    assert judgement.verdict is Verdict.READY
    assert judgement.warnings == ("index i is there under another name, i2",)


@pytest.mark.parametrize(
    ("reading", "verdict", "words"),
    [
        (constraint(ConstraintFinding.MISSING), Verdict.NOT_READY, "is missing"),
        (
            constraint(ConstraintFinding.NOT_VALIDATED, violations=3),
            Verdict.NOT_READY,
            "is not validated; 3 rows break it",
        ),
        (
            constraint(ConstraintFinding.NOT_VALIDATED, violations=1000, capped=True),
            Verdict.NOT_READY,
            "is not validated; at least 1,000 rows break it",
        ),
        (constraint(ConstraintFinding.NOT_VALIDATED, violations=0), Verdict.NOT_READY, "is not validated"),
        (constraint(ConstraintFinding.NOT_ENFORCED), Verdict.NOT_READY, "is not enforced"),
        (constraint(ConstraintFinding.DRIFTED), Verdict.NOT_READY, "has drifted from its definition"),
        (
            constraint(ConstraintFinding.UNVERIFIED),
            Verdict.UNKNOWN,
            "is there, but its definition could not be compared",
        ),
        (
            constraint(rejects=SampleFinding.FAILED),
            Verdict.NOT_READY,
            "lets in a row that it must refuse",
        ),
        (
            constraint(accepts=SampleFinding.FAILED),
            Verdict.NOT_READY,
            "refuses a row that it must let in",
        ),
    ],
)
def test_constraint_findings(reading: ConstraintReading, verdict: Verdict, words: str) -> None:
    judgement = judge(MANIFEST, parts(constraints=(reading,)))
    assert (judgement.verdict, judgement.reasons) == (verdict, (f"constraint public.t.c {words}",))


def test_samples_that_could_not_be_evaluated_decide_nothing() -> None:
    unverified = constraint(rejects=SampleFinding.UNVERIFIED, accepts=SampleFinding.UNVERIFIED)
    assert judge(MANIFEST, parts(constraints=(unverified,))).verdict is Verdict.READY


@pytest.mark.parametrize(
    ("reading", "verdict", "words"),
    [
        (
            probe(ProbeFinding.MISSED, 80.44),
            Verdict.NOT_READY,
            "probe p misses its target: p95 80.4 ms instead of 35 ms",
        ),
        (
            replace(probe(ProbeFinding.MISSED), samples=3, p50_ms=None),
            Verdict.NOT_READY,
            "probe p misses its target: each of 3 samples is above 25 ms (a p50 needs 5)",
        ),
        (
            replace(probe(ProbeFinding.MISSED), samples=12, target=Target(p99_ms=50)),
            Verdict.NOT_READY,
            "probe p misses its target: each of 12 samples is above 50 ms (a p99 needs 100)",
        ),
        (
            probe(ProbeFinding.FAILING, detail="1 of 77 runs failed: 57014: canceling statement."),
            Verdict.NOT_READY,
            "probe p: 1 of 77 runs failed: 57014: canceling statement",
        ),
        (probe(ProbeFinding.FAILING), Verdict.NOT_READY, "probe p fails"),
        (probe(ProbeFinding.NOT_MEASURED), Verdict.UNKNOWN, "probe p was not measured"),
    ],
)
def test_probe_findings(reading: ProbeReading, verdict: Verdict, words: str) -> None:
    judgement = judge(MANIFEST, parts(probes=(reading,)))
    assert (judgement.verdict, judgement.reasons) == (verdict, (words,))


@pytest.mark.parametrize("finding", list(ProbeFinding))
def test_in_scope_objects_no_probe_counts(finding: ProbeFinding) -> None:
    judgement = judge(MANIFEST, parts(probes=(probe(finding, 80.0),)), Scope.OBJECTS)
    assert (judgement.verdict, judgement.reasons) == (Verdict.READY, ())


@pytest.mark.parametrize(
    ("finding", "actual", "verdict", "words"),
    [
        (MigrationFinding.BEHIND, ("004",), Verdict.NOT_READY, "the migration is 004 instead of 005"),
        (
            MigrationFinding.SEVERAL_HEADS,
            ("004", "004b"),
            Verdict.NOT_READY,
            "the migration table has several heads (004, 004b)",
        ),
        (MigrationFinding.EMPTY, (), Verdict.NOT_READY, "the migration table is empty instead of 005"),
        (MigrationFinding.NO_TABLE, (), Verdict.NOT_READY, "the migration table does not exist"),
        (MigrationFinding.UNREADABLE, (), Verdict.UNKNOWN, "the migration version could not be read"),
    ],
)
def test_migration_findings(
    finding: MigrationFinding, actual: tuple[str, ...], verdict: Verdict, words: str
) -> None:
    judgement = judge(MANIFEST, parts(migration=MigrationReading(finding, "005", actual)))
    assert (judgement.verdict, judgement.reasons) == (verdict, (words,))


LIMITS = (PoolLimit("max_connections", 20, 100), PoolLimit("role app", 10, 10))


@pytest.mark.parametrize(
    ("reading", "verdict", "reasons", "warnings"),
    [
        (pool(PoolFinding.FULL, LIMITS), Verdict.NOT_READY, ("the pool is full: 10 of 10 (role app)",), ()),
        (pool(PoolFinding.UNREADABLE), Verdict.UNKNOWN, ("the pool could not be read",), ()),
        (pool(PoolFinding.TIGHT, LIMITS), Verdict.READY, (), ("the pool is tight: 10 of 10 (role app)",)),
    ],
)
def test_pool_findings(
    reading: PoolReading, verdict: Verdict, reasons: tuple[str, ...], warnings: tuple[str, ...]
) -> None:
    judgement = judge(MANIFEST, parts(pools=reading))
    assert (judgement.verdict, judgement.reasons, judgement.warnings) == (verdict, reasons, warnings)


def test_a_limit_of_zero_connections_is_the_fullest() -> None:
    limits = (PoolLimit("max_connections", 99, 100), PoolLimit("database sales", 0, 0))
    judgement = judge(MANIFEST, parts(pools=pool(PoolFinding.FULL, limits)))
    assert judgement.reasons == ("the pool is full: 0 of 0 (database sales)",)


def test_reasons_come_by_priority_then_kind_and_unknowns_last() -> None:
    found = parts(
        indexes=(
            index(IndexFinding.BUILDING, name="i0", priority=Priority.CRITICAL),
            index(IndexFinding.MISSING, name="i1"),
            index(IndexFinding.MISSING, name="i2", priority=Priority.HIGH),
            index(IndexFinding.INVALID, name="i3", priority=Priority.CRITICAL),
        ),
        constraints=(constraint(ConstraintFinding.MISSING),),
        probes=(probe(ProbeFinding.MISSED),),
    )
    judgement = judge(MANIFEST, found)
    assert judgement.verdict is Verdict.NOT_READY
    assert judgement.reasons == (
        "critical index i3 is INVALID, a dead leftover",
        "high index i2 is missing",
        "index i1 is missing",
        "constraint public.t.c is missing",
        "probe p misses its target",
        "critical index i0 is still building",
    )


@pytest.mark.parametrize("part", ["indexes", "constraints", "probes", "migration", "pool"])
@pytest.mark.parametrize("missing", [None, Unavailable("x", "permission denied")])
def test_a_part_that_was_not_read_makes_unknown(part: str, missing: Unavailable | None) -> None:
    full = parts()
    readings = {
        name: getattr(full, name) for name in ("indexes", "constraints", "probes", "pool", "migration")
    }
    judgement = judge(MANIFEST, Parts(**{**readings, part: missing}))
    assert judgement.verdict is Verdict.UNKNOWN
    (reason,) = judgement.reasons
    assert reason.endswith("permission denied" if missing else "no reading yet")


def test_a_part_of_which_nothing_is_asked_cannot_make_unknown() -> None:
    only_pool = Parts(pool=PoolSnapshot(NOW, pool(PoolFinding.OK)))
    assert judge(NOTHING_ASKED, only_pool).verdict is Verdict.READY


def test_not_ready_wins_over_unknown() -> None:
    found = parts(indexes=(index(IndexFinding.MISSING), index(IndexFinding.UNVERIFIED, name="j")))
    assert judge(MANIFEST, found).verdict is Verdict.NOT_READY

"""Reports made by hand: an ordinary one, and one full of hostile names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from profiles.manifest import Priority, Target
from profiles.model import EnvironmentClass
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
from sql.latency.readings import ProbePlan, ProbeReading
from sql.report import Report
from sql.snapshots import (
    ApplicationUse,
    ConstraintReading,
    IndexReading,
    MigrationReading,
    PoolLimit,
    PoolReading,
    ServerIdentity,
    Unavailable,
)
from sql.steps.step import Direction, IndexStands, Plan, Refusal, Step, Verb

HOSTILE = "a\"b'c|d`e\nf\u202eg\x1bh[/i]\\j<k>&l*m_n\x00o\ud800{p}"

CREATE = Step(
    verb=Verb.CREATE_INDEX,
    target="idx_leads_status_score",
    table="public.leads",
    statements=("CREATE INDEX CONCURRENTLY idx_leads_status_score ON public.leads (status, score DESC)",),
    end=IndexStands("public", "leads", "idx_leads_status_score", False, "(status, score DESC)"),
    undo=("DROP INDEX CONCURRENTLY public.idx_leads_status_score",),
    lock="ShareUpdateExclusiveLock",
    blocks="nothing but DDL",
    timeouts={"lock_timeout": "0"},
    priority=Priority.CRITICAL,
)
REPORT = Report(
    taken_at=datetime(2026, 1, 19, 9, 30, tzinfo=UTC),
    profile="demo-production",
    environment=EnvironmentClass.PRODUCTION,
    manifest="enterprise-demo",
    title="Enterprise demo readiness",
    scope=Scope.ALL,
    verdict=Verdict.NOT_READY,
    reasons=("critical index idx_leads_status_score is missing",),
    warnings=("the pool is tight: 90 of 97 (max_connections)",),
    server=ServerIdentity("18.6", 180006, "sales", "oncall", "db:5432", "7000000000000000001", False, True),
    indexes=(
        IndexReading(
            "idx_leads_status_score",
            "public.leads",
            Priority.CRITICAL,
            IndexFinding.MISSING,
            "CREATE INDEX idx_leads_status_score ON leads (status, score DESC)",
            step=CREATE.id,
            purpose="Lead dashboard ranking",
            demo_query="The lead dashboard",
        ),
        IndexReading(
            "idx_b",
            "public.leads",
            Priority.NORMAL,
            IndexFinding.BUILDING,
            "…",
            size_bytes=20_000_000,
            scans=7,
        ),
    ),
    constraints=(
        ConstraintReading(
            "ck_score",
            "public.leads",
            ConstraintFinding.NOT_VALIDATED,
            "CHECK (score >= 0)",
            "CHECK ((score >= 0)) NOT VALID",
            violations=3,
            violating_keys=("id=17",),
            rejects=SampleFinding.VERIFIED,
            accepts=SampleFinding.VERIFIED,
        ),
    ),
    probes=(
        ProbeReading(
            "lead_dashboard",
            "Lead Dashboard",
            ProbeFinding.MISSED,
            200,
            0,
            Target(25, 35, 50),
            p50_ms=61.2,
            p95_ms=180.44,
            p99_ms=1099.1,
            max_ms=1200.0,
            plan=ProbePlan("Seq Scan", False, "idx_leads_status_score"),
        ),
    ),
    pool=PoolReading(
        PoolFinding.TIGHT,
        100,
        3,
        90,
        {"active": 2, "idle": 88},
        (ApplicationUse("sales-api", 12, 100),),
        (PoolLimit("max_connections", 90, 97),),
        oldest_transaction_s=3.1,
        waiting_on_locks=0,
    ),
    migration=MigrationReading(MigrationFinding.BEHIND, "005", ("004",), "public.alembic_version"),
    plan=Plan(
        Direction.FIX, (CREATE,), (Refusal("leads.ck_score", "3 rows break it", "SELECT * FROM leads"),)
    ),
    unavailable=(Unavailable("probes", "permission denied", "GRANT SELECT ON leads TO oncall"),),
    duration_s=10.0,
)


def hostile() -> Report:
    """Every name and every free text of the report is hostile."""
    assert REPORT.server is not None and REPORT.pool is not None and REPORT.migration is not None
    (constraint,), (probe,) = REPORT.constraints, REPORT.probes
    evil_pool = replace(
        REPORT.pool,
        by_state={HOSTILE: 1},
        by_application=(ApplicationUse(HOSTILE, 1, None),),
        limits=(PoolLimit(HOSTILE, 1, 2),),
        detail=HOSTILE,
    )
    return replace(
        REPORT,
        profile=HOSTILE,
        manifest=HOSTILE,
        title=HOSTILE,
        reasons=(HOSTILE,),
        warnings=(HOSTILE,),
        server=replace(REPORT.server, database=HOSTILE, address=HOSTILE, version=HOSTILE),
        indexes=tuple(
            replace(
                index,
                name=HOSTILE,
                table=f'"{HOSTILE}"',
                declared=HOSTILE,
                actual=HOSTILE,
                detail=HOSTILE,
                purpose=HOSTILE,
                demo_query=HOSTILE,
            )
            for index in REPORT.indexes[:1]
        ),
        constraints=(
            replace(constraint, name=HOSTILE, table=HOSTILE, detail=HOSTILE, violating_keys=(HOSTILE,)),
        ),
        probes=(
            replace(
                probe,
                name=HOSTILE,
                query_class=HOSTILE,
                detail=HOSTILE,
                plan=ProbePlan(HOSTILE, False, HOSTILE, HOSTILE),
            ),
        ),
        pool=evil_pool,
        migration=replace(REPORT.migration, expected=HOSTILE, actual=(HOSTILE,), table=HOSTILE),
        plan=Plan(Direction.FIX, (replace(CREATE, target=HOSTILE),), (Refusal(HOSTILE, HOSTILE, HOSTILE),)),
        unavailable=(Unavailable(HOSTILE, HOSTILE, HOSTILE),),
    )


def out_of_reach() -> Report:
    """A server that could not be asked."""
    return Report(
        taken_at=REPORT.taken_at,
        profile="gone",
        environment=EnvironmentClass.STAGING,
        manifest="enterprise-demo",
        title="Enterprise demo readiness",
        scope=Scope.ALL,
        verdict=Verdict.UNKNOWN,
        reasons=("the server is out of reach: nobody listens at db:5432",),
        unavailable=(Unavailable("server", "nobody listens at db:5432"),),
    )

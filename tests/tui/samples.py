"""Hand-made readings: a production database with some of everything wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from profiles.manifest import (
    ConstraintEntry,
    IndexEntry,
    Manifest,
    MigrationEntry,
    PoolBudget,
    Priority,
    ProbeEntry,
    Target,
)
from profiles.model import EnvironmentClass, Profile
from sql.findings import (
    ConstraintFinding,
    IndexFinding,
    MigrationFinding,
    PoolFinding,
    ProbeFinding,
    SampleFinding,
)
from sql.latency.readings import ProbePlan, ProbeReading
from sql.snapshots import (
    ApplicationUse,
    ConstraintReading,
    ConstraintsSnapshot,
    IdentitySnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
    PoolLimit,
    PoolReading,
    PoolSnapshot,
    ProbesSnapshot,
    ServerIdentity,
)

NOW = datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC)
TARGET = Target(25, 35, 50)

PROFILE = Profile(
    "demo-production",
    EnvironmentClass.PRODUCTION,
    "enterprise-demo",
    {"host": "db.example.com", "port": "5432", "dbname": "sales", "user": "oncall"},
)

MANIFEST = Manifest(
    name="enterprise-demo",
    title="Enterprise demo readiness",
    origin=Path("enterprise-demo.toml"),
    indexes=(IndexEntry("CREATE INDEX idx_leads_status_score ON leads (status, score DESC)"),),
    constraints=(ConstraintEntry("leads", "ck_leads_qualification_score_range", "CHECK (true)"),),
    probes=(
        ProbeEntry("lead_dashboard", "SELECT * FROM leads WHERE status = $1", TARGET, "Lead Dashboard"),
        ProbeEntry("churn_by_lead", "SELECT 1", Target(40, 60, 100), "Analytics Dashboard"),
    ),
    pool=PoolBudget(20, 80, applications=("sales-api%",)),
    migration=MigrationEntry("005_performance_indexes"),
)


def index(
    name: str,
    finding: IndexFinding = IndexFinding.PRESENT,
    priority: Priority = Priority.CRITICAL,
    table: str = "public.leads",
    detail: str = "",
) -> IndexReading:
    """One required index."""
    declared = f"CREATE INDEX {name} ON leads (status, score DESC)"
    there = finding is not IndexFinding.MISSING
    return IndexReading(
        name=name,
        table=table,
        priority=priority,
        finding=finding,
        declared=declared,
        actual=f"CREATE INDEX {name} ON {table} USING btree (status, score)" if there else None,
        size_bytes=17_170_432 if there else None,
        scans=12_345 if there else None,
        detail=detail,
        step=None if finding is IndexFinding.PRESENT else f"create-index:{name}",
        purpose="Lead dashboard ranking",
        demo_query="The lead dashboard, shown to every enterprise client",
    )


INDEXES = IndexesSnapshot(
    NOW,
    (
        index("idx_leads_status_score", IndexFinding.MISSING, detail="nothing bears this name"),
        index("idx_churn_predictions_lead_timestamp", table="public.churn_predictions"),
        index("idx_churn_events_recovery_eligibility", table="public.churn_events"),
        index(
            "idx_comm_followup_history",
            IndexFinding.DRIFTED,
            Priority.HIGH,
            table="public.communication_logs",
            detail="the second column is ascending, declared descending",
        ),
        index("idx_leads_score_status_created", priority=Priority.HIGH),
    ),
)


def constraint(name: str, finding: ConstraintFinding = ConstraintFinding.ENFORCED) -> ConstraintReading:
    """One required constraint."""
    enforced = finding is ConstraintFinding.ENFORCED
    return ConstraintReading(
        name=name,
        table="public.leads",
        finding=finding,
        declared="CHECK (qualification_score >= 0)",
        actual="CHECK ((qualification_score >= (0)::double precision)) NOT VALID",
        violations=0 if enforced else 3,
        violating_keys=() if enforced else ("id=17", "id=21"),
        rejects=SampleFinding.VERIFIED,
        accepts=SampleFinding.VERIFIED,
        step=None if enforced else f"validate-constraint:leads.{name}",
    )


CONSTRAINTS = ConstraintsSnapshot(
    NOW,
    (
        constraint("ck_leads_contact_email_format"),
        constraint("ck_leads_qualification_score_range", ConstraintFinding.NOT_VALIDATED),
        constraint("ck_leads_qualification_latency_positive"),
    ),
)

MIGRATION = MigrationSnapshot(
    NOW,
    MigrationReading(
        MigrationFinding.BEHIND, "005_performance_indexes", ("004_agents",), "public.alembic_version"
    ),
)

POOL = PoolSnapshot(
    NOW,
    PoolReading(
        finding=PoolFinding.OK,
        limit=100,
        reserved=3,
        used=14,
        by_state={"active": 2, "idle": 11, "idle in transaction": 1},
        by_application=(
            ApplicationUse("sales-api", 9, 100),
            ApplicationUse("sales-api-worker", 3, 100),
            ApplicationUse("pgdeck watch", 1, None),
            ApplicationUse("psql", 1, None),
        ),
        limits=(PoolLimit("max_connections", 14, 97), PoolLimit("pool budget", 12, 100)),
        oldest_transaction_s=3.1,
        waiting_on_locks=0,
        own=1,
    ),
)


def probe(name: str, finding: ProbeFinding = ProbeFinding.MET, p50: float = 12.0) -> ProbeReading:
    """One probe."""
    return ProbeReading(
        name=name,
        query_class="Lead Dashboard",
        finding=finding,
        samples=200,
        errors=0,
        target=TARGET,
        p50_ms=p50,
        p95_ms=p50 * 1.3,
        p99_ms=p50 * 1.6,
        max_ms=p50 * 2,
        last_ms=p50 * 1.01,
        kept=1.0,
        plan=ProbePlan("Seq Scan", False, "idx_leads_status_score"),
        recent_ms=tuple(p50 + (i * 7 % 5) for i in range(40)),
    )


PROBES = ProbesSnapshot(NOW, (probe("churn_by_lead"), probe("lead_dashboard", ProbeFinding.MISSED, p50=61.2)))

SERVER = IdentitySnapshot(
    NOW,
    ServerIdentity(
        version="18.6",
        version_num=180006,
        database="sales",
        user="oncall",
        address="db.example.com:5432",
        system_identifier="7300000000000000001",
        in_recovery=False,
        read_only=True,
    ),
)

EVERYTHING = (SERVER, POOL, INDEXES, MIGRATION, CONSTRAINTS, PROBES)
HOSTILE = (
    "[/b]",
    "[@click=app.quit]x[/]",
    "a\"b'c",
    "two\nlines",
    "\u202edrowssap",
    "tab\tand\x1b[31mred",
    "漢字の索引",
    "x" * 300,
    "",
)


def many(number: int) -> IndexesSnapshot:
    """A manifest's worth of indexes, some missing."""
    return IndexesSnapshot(
        NOW,
        tuple(
            index(f"idx_{at:05d}", IndexFinding.MISSING if at % 100 == 0 else IndexFinding.PRESENT)
            for at in range(number)
        ),
    )


def at(snapshot: IndexesSnapshot, *indexes: IndexReading) -> IndexesSnapshot:
    """The same snapshot with other indexes."""
    return replace(snapshot, indexes=indexes)

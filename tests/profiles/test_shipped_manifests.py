"""The shipped manifests say exactly what the two documents that they come from say."""

from __future__ import annotations

import json

import pytest

from profiles import manifest_file
from profiles.manifest import MigrationEntry, PoolBudget, Priority, Target
from sql.demo.tables import ENTERPRISE, PERFORMANCE, Template
from tests.servers import Database

ENTERPRISE_TARGETS = {
    "Lead Dashboard": Target(25, 35, 50),
    "Analytics Dashboard": Target(40, 60, 100),
    "Search/Filter": Target(30, 50, 80),
    "Detail Views": Target(20, 35, 60),
    "Reports": Target(100, 200, 500),
}
ENTERPRISE_INDEXES = [
    (Priority.CRITICAL, "idx_leads_status_score ON leads (status, score DESC)"),
    (
        Priority.CRITICAL,
        "idx_churn_predictions_lead_timestamp ON churn_predictions (lead_id, prediction_timestamp DESC)",
    ),
    (Priority.CRITICAL, "idx_churn_events_recovery_eligibility ON churn_events (recovery_eligibility)"),
    (
        Priority.HIGH,
        "idx_comm_followup_history ON communication_logs (lead_id, direction, sent_at DESC)"
        " WHERE direction = 'outbound'",
    ),
    (Priority.HIGH, "idx_leads_score_status_created ON leads (score DESC, status, created_at DESC)"),
]
CHECKS = {
    ("leads", "ck_leads_qualification_score_range"): "qualification_score IS NULL OR"
    " (qualification_score >= 0 AND qualification_score <= 100)",
    (
        "leads",
        "ck_leads_contact_email_format",
    ): r"contact_email IS NULL OR contact_email ~ '^[^@]+@[^@]+\.[^@]+$'",
    ("leads", "ck_leads_company_website_format"): "company_website IS NULL OR company_website ~ '^https?://'",
    ("leads", "ck_leads_qualification_latency_positive"): "qualification_latency_ms IS NULL"
    " OR qualification_latency_ms >= 0",
    ("cerebras_api_calls", "ck_cerebras_api_calls_tokens_positive"): "prompt_tokens > 0"
    " AND completion_tokens > 0 AND total_tokens > 0",
    ("cerebras_api_calls", "ck_cerebras_api_calls_total_tokens"): "total_tokens"
    " = prompt_tokens + completion_tokens",
    ("cerebras_api_calls", "ck_cerebras_api_calls_latency_positive"): "latency_ms > 0",
    ("cerebras_api_calls", "ck_cerebras_api_calls_cost_positive"): "cost_usd >= 0",
}


def test_there_are_two() -> None:
    assert manifest_file.shipped() == ["enterprise-demo", "performance-indexes"]


def test_enterprise_demo_asks_for_the_five_indexes() -> None:
    indexes = manifest_file.load("enterprise-demo").indexes
    assert [(entry.priority, entry.definition) for entry in indexes] == [
        (priority, f"CREATE INDEX {rest}") for priority, rest in ENTERPRISE_INDEXES
    ]
    assert all(entry.purpose and entry.demo_query for entry in indexes)


def test_every_query_class_has_a_probe_with_the_targets_of_its_class() -> None:
    probes = manifest_file.load("enterprise-demo").probes
    assert {probe.query_class for probe in probes} == set(ENTERPRISE_TARGETS)
    for probe in probes:
        assert probe.target == ENTERPRISE_TARGETS[probe.query_class]
        assert "$1" in probe.sql and probe.arguments


def test_every_index_of_enterprise_demo_is_measured_by_a_probe() -> None:
    manifest = manifest_file.load("enterprise-demo")
    declared = {rest.split()[0] for _, rest in ENTERPRISE_INDEXES}
    assert {probe.index for probe in manifest.probes} == declared


def test_enterprise_demo_has_the_pool_of_the_application() -> None:
    pool = manifest_file.load("enterprise-demo").pool
    assert pool == PoolBudget(20, 80, 30, 1800, 10, ("sales-api%", "sales-worker%"))
    assert pool.limit == 100


def test_performance_indexes_asks_for_two_new_and_four_older_indexes() -> None:
    indexes = manifest_file.load("performance-indexes").indexes
    assert [entry.definition.removeprefix("CREATE INDEX ") for entry in indexes] == [
        "ix_leads_industry ON leads (industry)",
        "ix_leads_created_at ON leads (created_at DESC)",
        "ix_leads_id ON leads (id)",
        "ix_leads_company_name ON leads (company_name)",
        "ix_leads_contact_email ON leads (contact_email)",
        "ix_leads_qualification_score ON leads (qualification_score)",
    ]


def test_performance_indexes_asks_for_the_eight_checks() -> None:
    constraints = manifest_file.load("performance-indexes").constraints
    assert {(entry.table, entry.name): entry.definition for entry in constraints} == {
        key: f"CHECK ({expression})" for key, expression in CHECKS.items()
    }
    assert all(entry.rejects and entry.accepts for entry in constraints)


def test_performance_indexes_has_its_two_queries_and_its_revision() -> None:
    manifest = manifest_file.load("performance-indexes")
    assert [(probe.sql, probe.index, probe.target) for probe in manifest.probes] == [
        ("SELECT * FROM leads WHERE industry = $1 LIMIT 10", "ix_leads_industry", Target(5, 15, 100)),
        ("SELECT * FROM leads ORDER BY created_at DESC LIMIT 10", "ix_leads_created_at", Target(15, 30, 100)),
    ]
    migration = manifest.migration
    assert isinstance(migration, MigrationEntry)
    assert (migration.table, migration.expected, migration.rollback_to) == (
        "alembic_version",
        "005_performance_indexes",
        "af36f48fb48c",
    )


TEMPLATES = {"enterprise-demo": ENTERPRISE, "performance-indexes": PERFORMANCE}


async def with_tables(database: Database, template: Template) -> None:
    for table in template.tables:
        await database.execute(table.create)


async def test_every_sample_row_is_refused_or_let_in_as_the_manifest_says(database: Database) -> None:
    await with_tables(database, PERFORMANCE)
    connection = await database.connect()
    for entry in manifest_file.load("performance-indexes").constraints:
        await connection.execute(f"ALTER TABLE {entry.table} ADD CONSTRAINT {entry.name} {entry.definition}")
        expression = entry.definition.removeprefix("CHECK ")
        query = (
            f"SELECT {expression} IS FALSE FROM "
            f"jsonb_populate_record(NULL::{entry.table}, $1::jsonb) AS {entry.table}"
        )
        for rows, refused in ((entry.rejects, True), (entry.accepts, False)):
            for row in rows:
                assert await connection.fetchval(query, json.dumps(row)) is refused, (entry.name, row)
    await connection.close()


@pytest.mark.parametrize("name", TEMPLATES)
async def test_every_index_can_be_built_and_every_probe_be_run(database: Database, name: str) -> None:
    await with_tables(database, TEMPLATES[name])
    manifest = manifest_file.load(name)
    connection = await database.connect(default_transaction_read_only="on")
    for entry in manifest.indexes:
        await database.execute(entry.definition)
    for probe in manifest.probes:
        prepared = await connection.prepare(probe.sql)
        wanted = [parameter.name for parameter in prepared.get_parameters()]
        given = []
        if probe.arguments:
            given = [
                column.type.name for column in (await connection.prepare(probe.arguments)).get_attributes()
            ]
        assert [_family(name) for name in given] == [_family(name) for name in wanted], probe.name
    await connection.close()


def _family(type_name: str) -> str:
    """Types whose values asyncpg takes for each other."""
    return "text" if type_name == "varchar" else type_name

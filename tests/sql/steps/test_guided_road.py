"""Step by step or by script: the same catalog; and where no step is safe, the reason instead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry
from sql.check import verify
from sql.findings import Verdict
from sql.steps.preparing import prepare
from sql.steps.scripts import Origin, script
from sql.steps.step import Direction
from tests import servers
from tests.servers import Database
from tests.sql.steps.guided import case, go, looked_at, manifest
from tests.sql.steps.running import flags, profile
from tests.sql.steps.schemas import ENTERPRISE, PERFORMANCE, catalog, psql, shipped

ENTERPRISE_BROKEN = """
    CREATE INDEX idx_leads_status_score ON leads (score);
    CREATE INDEX idx_churn_events_recovery_eligibility ON churn_events (recovery_eligibility);
    UPDATE pg_index SET indisvalid = false
     WHERE indexrelid = 'idx_churn_events_recovery_eligibility'::regclass
"""
PERFORMANCE_BROKEN = """
    ALTER TABLE cerebras_api_calls ADD CONSTRAINT ck_cerebras_api_calls_cost_positive CHECK (cost_usd > 0);
    ALTER TABLE cerebras_api_calls ADD CONSTRAINT ck_cerebras_api_calls_latency_positive
        CHECK (latency_ms > 0) NOT VALID;
    CREATE INDEX ix_leads_industry ON leads (industry, id)
"""
CASES = [
    pytest.param("enterprise-demo", f"{ENTERPRISE};{ENTERPRISE_BROKEN}", id="enterprise"),
    pytest.param("performance-indexes", f"{PERFORMANCE};{PERFORMANCE_BROKEN}", id="performance"),
]


@pytest.fixture
async def twin(database: Database) -> AsyncIterator[Database]:
    """Another database on the same server."""
    made = await servers.new_database(database.cluster, database.major)
    yield made
    await servers.drop_database(made)


async def stands(database: Database) -> dict[str, str]:
    connection = await database.connect()
    try:
        return await catalog(connection)
    finally:
        await connection.close()


async def by_script(database: Database, name: str, direction: Direction, folder: Path) -> None:
    report = await verify(profile(database), manifest=shipped(name), duration_s=0, with_rollback=True)
    plan = report.plan if direction is Direction.FIX else report.rollback
    assert report.server is not None
    text = script(plan, Origin("here", name, report.server, report.taken_at))
    done = psql(database, text, folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "schema"), CASES)
async def test_fixed_by_script_or_step_by_step_it_is_the_same_catalog(
    database: Database, twin: Database, tmp_path: Path, name: str, schema: str
) -> None:
    for each in (database, twin):
        await each.execute(schema)
    assert await go(database, shipped(name))
    await by_script(twin, name, Direction.FIX, tmp_path)
    assert await stands(database) == await stands(twin)
    report = await verify(profile(database), manifest=shipped(name), duration_s=0)
    assert (report.verdict, report.plan.steps) == (Verdict.READY, ())


@pytest.mark.parametrize(("name", "schema"), CASES)
async def test_rolled_back_by_script_or_step_by_step_it_is_the_same_catalog(
    database: Database, twin: Database, tmp_path: Path, name: str, schema: str
) -> None:
    for each in (database, twin):
        await each.execute(schema)
        await go(each, shipped(name))
    await go(database, shipped(name), Direction.ROLLBACK)
    await by_script(twin, name, Direction.ROLLBACK, tmp_path)
    rolled_back = await stands(database)
    assert await stands(twin) == rolled_back
    replaced = {"index idx_leads_status_score", "index ix_leads_industry"} & rolled_back.keys()
    assert len(replaced) == 1, "what stood before the manifest's index is back"


REFUSED = [
    pytest.param(
        "CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT",
        "CREATE INDEX i ON t (a)",
        ("ON ONLY the parent", "ATTACH PARTITION each"),
        id="partitioned-parent",
    ),
    pytest.param(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE t (a int) SERVER s",
        "CREATE INDEX i ON t (a)",
        ("its table is foreign",),
        id="foreign-table",
    ),
    pytest.param("CREATE VIEW t AS SELECT 1 AS a", "CREATE INDEX i ON t (a)", ("no table",), id="view"),
    pytest.param(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)",
        "CREATE UNIQUE INDEX i ON t (a)",
        ("1 key occurs more than once (a=1", "remove them first"),
        id="duplicates",
    ),
]


@pytest.mark.hazard("CIC-14", "CIC-15", "IDX-02")
@pytest.mark.parametrize(("made", "definition", "reasons"), REFUSED)
async def test_what_cannot_be_built_is_refused_with_the_reason_before_anything_is_sent(
    database: Database, made: str, definition: str, reasons: tuple[str, ...]
) -> None:
    await database.execute(made)
    prepared = await prepare(case(database, manifest(definition)), None, ["create-index:i"])
    assert prepared.ready == ()
    for reason in reasons:
        assert reason in prepared.of("create-index:i").sentence


@pytest.mark.hazard("CON-08")
async def test_a_constraint_of_a_foreign_table_is_refused_since_nothing_would_check_it(
    database: Database,
) -> None:
    await database.execute(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE t (a int) SERVER s"
    )
    wanted = manifest(checks=(ConstraintEntry("t", "ck", "CHECK (a > 0)"),))
    prepared = await looked_at(database, wanted)
    assert prepared.plan.steps == ()
    (refusal,) = prepared.plan.refused
    assert "foreign" in refusal.reason


@pytest.mark.hazard("IDX-05", "IDX-02")
async def test_a_unique_leftover_is_dropped_and_waits_for_its_duplicates_to_go(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
    connection = await database.connect()
    with pytest.raises(Exception, match="could not create unique index"):
        await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    await connection.close()
    wanted = manifest("CREATE UNIQUE INDEX i ON t (a)")
    prepared = await looked_at(database, wanted)
    assert [(step.id, step.readiness.value) for step in prepared.steps] == [
        ("drop-index:i", "ready"),
        ("create-index:i", "refused"),
    ]
    await database.execute("DELETE FROM t WHERE ctid = (SELECT min(ctid::text)::tid FROM t)")
    assert await go(database, wanted) == ["drop-index:i", "create-index:i"]
    assert await flags(database) == (True, True, True)
